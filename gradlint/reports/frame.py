"""The source around a finding, with the place underlined."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.findings import Span
from gradlint.reports.context import SourceLine
from gradlint.reports.style import Style

LINES_BEFORE = 2
LINES_INSIDE = 4
"""A place of more lines than this is shown by its first line alone."""

WIDTH = 120
"""Longer lines are cut around the place."""

_TAB = "    "
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class _Cut:
    """A line as it is shown, and the part of it that is underlined (columns from 0)."""

    text: str
    start: int
    end: int


def frame(span: Span, label: str, source_line: SourceLine, style: Style, color: str) -> Iterator[str]:
    """The lines of the frame; none where there is no source."""
    if not source_line(span, span.line):
        return
    last = _last_line(span)
    first = max(span.line - LINES_BEFORE, 1)
    while first < span.line and not source_line(span, first).strip():
        first += 1
    width = gutter(span)
    bar = style("|", "blue")
    margin = f"{' ' * width} {bar}"
    yield margin
    for line in range(first, last + 1):
        text = source_line(span, line)
        cut = _cut(text, *_underlined(span, line, text))
        yield f"{style(str(line).rjust(width), 'blue')} {bar} {cut.text}".rstrip()
        if line == span.line:
            mark = style("^" * max(cut.end - cut.start, 1), color)
            beside = f" {style(label, color)}" if label else ""
            yield f"{margin} {' ' * cut.start}{mark}{beside}"
    yield margin


def gutter(span: Span) -> int:
    """How many columns the line numbers of the frame take."""
    return len(str(_last_line(span)))


def _last_line(span: Span) -> int:
    return span.end_line if span.end_line - span.line < LINES_INSIDE else span.line


def _underlined(span: Span, line: int, text: str) -> tuple[int, int]:
    """The columns (from 0) of the span in a line; further lines are cut at the same place."""
    start = min(span.column - 1, len(text))
    end = span.end_column - 1 if line == span.end_line else len(text.rstrip())
    return start, max(min(end, len(text)), start)


def _cut(text: str, start: int, end: int) -> _Cut:
    """The line within `WIDTH`, with tabs and what a terminal would obey replaced, and where the place lies then."""
    left = right = ""
    if len(text) > WIDTH:
        begin = max(0, min(start - WIDTH // 4, len(text) - WIDTH))
        left = _ELLIPSIS if begin else ""
        right = _ELLIPSIS if begin + WIDTH < len(text) else ""
        text = text[begin : begin + WIDTH]
        start, end = start - begin, min(end - begin, WIDTH)
    shown = [_shown(character) for character in text]
    widths = [sum(map(_width, piece)) for piece in shown]
    offset = len(left)
    return _Cut(left + "".join(shown) + right, offset + sum(widths[:start]), offset + sum(widths[:end]))


def _shown(character: str) -> str:
    if character == "\t":
        return _TAB
    return "\ufffd" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
