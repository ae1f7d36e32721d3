"""Where a piece of a network comes from in the source; resolved to lines and columns only when reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from gradlint.findings import Span


class PositionSource(Protocol):
    """A source file that can say where one of its syntax nodes stands."""

    @property
    def name(self) -> str:
        """The path as the user gave it."""

    def span(self, syntax: object) -> Span:
        """The region of `syntax`, a node of this file's syntax tree."""


@dataclass(slots=True, eq=False)
class Origin:
    """A syntax node of a file, and the call through which evaluation got there.

    `caller` is the origin of the innermost call whose body contains this node; following it gives the
    whole chain of call sites, innermost first. Line numbers are computed only on `span`. Nothing changes it once it is
    made; it is not declared frozen because evaluation makes one for every call.
    """

    source: PositionSource
    syntax: object = field(repr=False)
    caller: Origin | None = field(default=None, repr=False)

    @property
    def span(self) -> Span:
        """The region in the source; walks the file's syntax tree once, on first use for a file."""
        return self.source.span(self.syntax)

    def chain(self) -> Iterator[Origin]:
        """This origin, then its callers, innermost first."""
        origin: Origin | None = self
        while origin is not None:
            yield origin
            origin = origin.caller
