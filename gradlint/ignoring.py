"""Writing suppressions into source: `# gradlint: ignore[GRD101] reason` behind the statements with findings.

Nothing else of a file changes. What comes out is written only if it parses to the same syntax tree and suppresses
every finding that it should.
"""

from __future__ import annotations

import ast
import re
import tokenize
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from gradlint.files import write_whole
from gradlint.findings import Finding
from gradlint.sources import Scope, SourceError, decode
from gradlint.sources.decoding import encoding_of
from gradlint.sources.suppressions import read_suppressions

NOT_SUPPRESSED = frozenset({"GRD001", "GRD002"})
"""Rules on what cannot be parsed, and on suppressions: a comment is no answer to them."""

_DIRECTIVE = re.compile(r"#\s*gradlint\s*:\s*ignore\s*\[(?P<rules>[^\]]*)\]")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_LAYOUT = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)


class IgnoreError(Exception):
    """A file that suppressions cannot be written into, in a sentence for the user."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """The lines of a logical line of Python, from 1, and its comments as (line, column from 0, text)."""

    first: int
    last: int
    comments: tuple[tuple[int, int, str], ...]


def add_ignores(file: Path, findings: Iterable[Finding], reason: str) -> int:
    """Write suppressions for all `findings` of a file, with the reason; return how many statements got one.

    Raises:
        IgnoreError: the file is a notebook, does not parse, cannot be written, or cannot hold such comments.
    """
    if file.suffix == ".ipynb":
        raise IgnoreError(f"{file}: notebooks are not rewritten; add the comments in Jupyter")
    wanted = [finding for finding in findings if finding.code not in NOT_SUPPRESSED]
    try:
        data = file.read_bytes()
        text, encoding = decode(data), encoding_of(data)
        changed, count = with_ignores(text, wanted, reason)
        new = changed.encode(encoding)
        if text.encode(encoding) != data:
            raise IgnoreError(f"{file}: its bytes in {encoding} cannot be written as they were read")
        if new != data:
            write_whole(file, new)
    except OSError as error:
        raise IgnoreError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeEncodeError:
        raise IgnoreError(f"{file}: its encoding, {encoding}, has no way to write the reason") from None
    except (SourceError, ValueError) as error:
        raise IgnoreError(f"{file}: {error}") from None
    return count


def with_ignores(text: str, findings: Sequence[Finding], reason: str) -> tuple[str, int]:
    """The text with suppressions for `findings`, and how many statements got one.

    Raises:
        ValueError: that is not possible without changing what the text means.
    """
    if _LONE_RETURN.search(text):
        raise ValueError("its lines end as on an old Macintosh")
    lines = text.split("\n")
    statements = _statements(text)
    codes: dict[_Statement, list[str]] = {}
    for finding in findings:
        statement = next((s for s in statements if s.first <= finding.span.line <= s.last), None)
        if statement is None:
            raise ValueError(f"no statement on line {finding.span.line}")
        codes.setdefault(statement, []).append(finding.code)
    for statement, wanted in codes.items():
        _write(lines, statement, sorted(set(wanted)), " ".join(reason.split()))
    changed = "\n".join(lines)
    if findings:
        _hold(text, changed, findings)
    return changed, len(codes)


def _statements(text: str) -> list[_Statement]:
    """The logical lines of a text."""
    statements = []
    first = 0
    comments: list[tuple[int, int, str]] = []
    try:
        for token in tokenize.generate_tokens(StringIO(text).readline):
            if token.type == tokenize.COMMENT and first:
                comments.append((token.start[0], token.start[1], token.string))
            elif token.type == tokenize.NEWLINE:
                statements.append(_Statement(first, token.start[0], tuple(comments)))
                first, comments = 0, []
            elif token.type not in _LAYOUT and not first:
                first = token.start[0]
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"it cannot be read to its end ({error.args[0]})") from None
    return statements


def _write(lines: list[str], statement: _Statement, codes: Sequence[str], reason: str) -> None:
    """Put the codes into the suppression that the statement has, or a new one at its end."""
    for line, column, comment in statement.comments:
        directive = _DIRECTIVE.search(comment)
        if directive is not None:
            listed = directive["rules"].rstrip(", \t")
            added = ", ".join(([listed] if listed else []) + list(codes))
            start, end = directive.span("rules")
            commented = lines[line - 1]
            lines[line - 1] = commented[: column + start] + added + commented[column + end :]
            return
    whole = lines[statement.last - 1]
    body = whole.removesuffix("\r")
    gap = "" if body.endswith("  ") else "  "
    lines[statement.last - 1] = f"{body}{gap}# gradlint: ignore[{', '.join(codes)}] {reason}{whole[len(body) :]}"


def _hold(before: str, after: str, findings: Iterable[Finding]) -> None:
    """Hold that the meaning is the same and all findings are suppressed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            same = ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))
        except (SyntaxError, RecursionError, MemoryError):
            same = False
    if not same:
        raise ValueError("suppressions would change what it means")
    entries = [entry for entry in read_suppressions(after).entries if entry.scope is Scope.STATEMENT]
    for finding in findings:
        if not any(entry.reaches(finding.span.line) and finding.code in entry.rules for entry in entries):
            raise ValueError(f"no suppression would reach line {finding.span.line}")
