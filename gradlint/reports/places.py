"""Where a finding lies, as programs outside of the working folder understand it, and what identifies it for good."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from gradlint.findings import Finding, Span
from gradlint.reports.context import Context

_DIGITS = 32
"""Hexadecimal digits of a fingerprint: 128 bits."""


def relative_path(file: str, root: Path | None) -> str | None:
    """The path of a file from the root of its repository, with slashes; None where it lies outside.

    `root` must be absolute; without one, the path is taken from the working folder.
    """
    path = os.path.abspath(file)
    base = os.path.abspath(root or os.curdir)
    for start, end in ((base, path), (os.path.realpath(base), os.path.realpath(path))):
        if end.startswith(os.path.join(start, "")):
            return Path(end[len(os.path.join(start, "")) :]).as_posix()
    return None


def path_for_programs(file: str, root: Path | None) -> str:
    """The path from the root of the repository, or in full where the file lies outside."""
    return relative_path(file, root) or Path(os.path.abspath(file)).as_posix()


def lines_in_file(span: Span) -> tuple[int, int] | None:
    """The first and last line; None in a notebook, where lines count within a cell and not in the file."""
    return None if span.cell is not None else (span.line, max(span.end_line, span.line))


def in_cell(span: Span) -> str:
    """What to put before a message whose place is in a cell: "cell 3, line 4: "; else nothing."""
    return "" if span.cell is None else f"cell {span.cell}, line {span.line}: "


def fingerprints(findings: Iterable[Finding], context: Context) -> list[str]:
    """What identifies each finding from run to run, unique among them.

    They stay the same while the rule, the file and the text of the line do, wherever the line moves.
    """
    seen: Counter[tuple[str, str, str, str]] = Counter()
    result = []
    for finding in findings:
        text = " ".join(context.source_line(finding.span, finding.span.line).split())
        key = (finding.code, path_for_programs(finding.span.file, context.root), finding.network, text)
        content = "\0".join((*key, str(seen[key])))
        seen[key] += 1
        result.append(hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:_DIGITS])
    return result
