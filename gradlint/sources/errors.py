"""What can be wrong with a source file."""

from __future__ import annotations


class SourceError(Exception):
    """A file that cannot be decoded or parsed.

    `line` and `column` count from 1; for a notebook they count within the code cell `cell`.
    """

    def __init__(self, reason: str, line: int = 1, column: int = 1, cell: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column
        self.cell = cell

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, int, int, int | None]]:
        return (SourceError, (self.reason, self.line, self.column, self.cell))
