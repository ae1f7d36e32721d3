"""Lines of source for frames, read when they are printed."""

from __future__ import annotations

from collections.abc import Mapping

from gradlint.findings import Span


class SourceText:
    """Gives lines of files; `given` are contents that are on no disk, by name."""

    def __init__(self, given: Mapping[str, bytes] | None = None) -> None:
        self._given = dict(given or {})
        self._lines: dict[tuple[str, int | None], tuple[str, ...]] = {}

    def __call__(self, span: Span, line: int) -> str:
        """The text of `line`, counted as `span` counts; empty where there is none."""
        key = (span.file, span.cell)
        if key not in self._lines:
            self._lines[key] = self._read(span)
        lines = self._lines[key]
        return lines[line - 1] if 0 < line <= len(lines) else ""

    def _read(self, span: Span) -> tuple[str, ...]:
        from gradlint.sources import SourceError, SourceFile, load

        try:
            given = self._given.get(span.file)
            source = load(span.file) if given is None else SourceFile(given, span.file)
            return source.lines_of(span.cell)
        except (OSError, SourceError):
            return ()
