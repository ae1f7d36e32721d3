"""What a renderer needs besides the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gradlint.catalogue import Rule
from gradlint.findings import Span
from gradlint.reports.style import PLAIN, Style

SourceLine = Callable[[Span, int], str]
"""The text of a line (counted as the span counts) of the file that the span lies in; empty where there is none."""


def no_source(span: Span, line: int) -> str:
    """No source text at all."""
    return ""


@dataclass(frozen=True, slots=True)
class Context:
    """How to print: in which style, with the source from where, with counts by rule, with a summary.

    Formats that leave the machine name files by their path from `root`, the root of the repository (absolute;
    without one, the working folder), and quote the pages of `rules`, by code.
    """

    style: Style = PLAIN
    source_line: SourceLine = no_source
    statistics: bool = False
    summary: bool = True
    root: Path | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
