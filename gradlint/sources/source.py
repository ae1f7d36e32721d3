"""A source file: its text, its syntax tree, where things stand in it and what its comments suppress."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gradlint.files import digest
from gradlint.findings import Span
from gradlint.sources.decoding import NEWLINE, decode, may_matter
from gradlint.sources.errors import SourceError
from gradlint.sources.notebooks import Cells, read_notebook
from gradlint.sources.parsing import parse
from gradlint.sources.suppressions import Suppressions, read_suppressions

if TYPE_CHECKING:
    import libcst

    from gradlint.sources.positions import Region

NOTEBOOK_SUFFIX = ".ipynb"


class SourceFile:
    """One Python file or notebook. What is costly happens on first use and is kept.

    `name` is the path as the user gave it; `path` is None for a text that is in no file. In a notebook
    the code cells are one text, and spans are given by cell.
    """

    def __init__(self, data: bytes, name: str, path: Path | None = None) -> None:
        self.data = data
        self.name = name
        self.path = path
        self.closures: dict[int, tuple[object, object]] = {}
        """What evaluation makes of nodes of the tree, by their identity, and the nodes: kept as long as the tree."""

    @classmethod
    def from_text(cls, text: str, name: str) -> SourceFile:
        """A source of this text, as if it were read from a file of that name."""
        return cls(text.encode("utf-8", errors="surrogatepass"), name)

    def __repr__(self) -> str:
        return f"SourceFile({self.name!r})"

    @property
    def is_notebook(self) -> bool:
        """Whether this is a Jupyter notebook."""
        return self.name.endswith(NOTEBOOK_SUFFIX)

    @property
    def is_parsed(self) -> bool:
        """Whether the syntax tree is there already."""
        return "module" in self.__dict__

    @property
    def may_matter(self) -> bool:
        """Whether the file names a framework at all; costs no parsing."""
        return may_matter(self.data)

    @cached_property
    def digest(self) -> str:
        """What identifies the content."""
        return digest(self.data)

    @property
    def text(self) -> str:
        """The Python text.

        Raises:
            SourceError: the bytes cannot be decoded, or are no notebook.
        """
        return self._content[0]

    @cached_property
    def _content(self) -> tuple[str, Cells | None]:
        text = decode(self.data)
        return read_notebook(text) if self.is_notebook else (text, None)

    @cached_property
    def module(self) -> libcst.Module:
        """The syntax tree.

        Raises:
            SourceError: the file cannot be decoded or parsed.
        """
        text, cells = self._content
        try:
            return parse(text)
        except SourceError as error:
            if cells is None:
                raise
            cell, line = cells.locate(error.line)
            raise SourceError(error.reason, line, error.column, cell) from None

    def release(self) -> None:
        """Forget the syntax tree and what was made of it; it is parsed anew when it is needed again."""
        self.__dict__.pop("module", None)
        self.__dict__.pop("_regions", None)
        self.closures.clear()

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of the text, without their ends."""
        return tuple(NEWLINE.split(self.text))

    def lines_of(self, cell: int | None) -> tuple[str, ...]:
        """The lines of a notebook's cell (from 1), or of the whole file where `cell` is None."""
        cells = self._content[1]
        if cells is None or cell is None:
            return self.lines
        start = cells.line(cell, 1) - 1
        return self.lines[start : start + cells.last_line(cell, len(self.lines))]

    def span(self, syntax: object) -> Span:
        """The region of `syntax`, a node of this file's tree; the start of the file for any other."""
        region = self._regions.get(id(syntax))
        if region is None:
            return self.span_at(1, 1)
        line, column, end_line, end_column = region
        return self.span_at(line, column + 1, end_line, end_column + 1)

    @cached_property
    def _regions(self) -> dict[int, Region]:
        from gradlint.sources.positions import regions

        return regions(self.module)

    def span_at(self, line: int, column: int, end_line: int | None = None, end_column: int | None = None) -> Span:
        """The span from a line and column of the text (from 1) to another, or of one character."""
        end_line = line if end_line is None else end_line
        end_column = column + 1 if end_column is None else end_column
        cells = self._content[1]
        if cells is None:
            return Span(self.name, line, column, end_line, end_column)
        cell, first = cells.locate(line)
        last = min(first + end_line - line, cells.last_line(cell, len(self.lines)))
        return Span(self.name, first, column, last, end_column, cell)

    @cached_property
    def suppressions(self) -> Suppressions:
        """What the comments of this file suppress; none where the text cannot be had."""
        try:
            return read_suppressions(self.text)
        except SourceError:
            return Suppressions()


def load(path: Path | str, name: str | None = None) -> SourceFile:
    """Read a file; `name` is how the user calls it.

    Raises:
        OSError: the file cannot be read.
    """
    path = Path(path)
    return SourceFile(path.read_bytes(), str(path) if name is None else name, path)
