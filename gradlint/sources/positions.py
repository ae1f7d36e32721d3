"""Where syntax nodes stand in the text: one walk over the tree, made only when something is to be reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import libcst
from libcst._nodes.internal import CodegenState

from gradlint.sources.decoding import NEWLINE

Region = tuple[int, int, int, int]
"""Line, column, end line, end column; lines from 1, columns from 0, the end exclusive."""


class _Recorder(CodegenState):
    """Writes the module as text and notes, by identity, where each node starts and ends.

    The regions are those of libcst's `PositionProvider` (without the whitespace around a node), at a
    fraction of its cost: no metadata wrapper copies the tree, and no position object is made per node.
    """

    def __init__(self, module: libcst.Module) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.line = 1
        self.column = 0
        self.regions: dict[int, Region] = {}
        self._starts: list[tuple[int, int]] = []

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        if "\n" not in value and "\r" not in value:
            self.column += len(value)
            return
        segments = NEWLINE.split(value)
        self.line += len(segments) - 1
        self.column = len(segments[-1])

    def pop_trailing_newline(self) -> None:
        """Nothing is kept, so there is no newline to take back."""

    def before_codegen(self, node: libcst.CSTNode) -> None:
        self._starts.append((self.line, self.column))

    def after_codegen(self, node: libcst.CSTNode) -> None:
        line, column = self._starts.pop()
        self.regions.setdefault(id(node), (line, column, self.line, self.column))

    @contextmanager
    def record_syntactic_position(
        self,
        node: libcst.CSTNode,
        *,
        start_node: libcst.CSTNode | None = None,
        end_node: libcst.CSTNode | None = None,
    ) -> Iterator[None]:
        start = (self.line, self.column)
        yield
        end = (self.line, self.column)
        if start_node is not None:
            start = self.regions[id(start_node)][:2]
        if end_node is not None:
            end = self.regions[id(end_node)][2:]
        self.regions[id(node)] = (*start, *end)


def regions(module: libcst.Module) -> dict[int, Region]:
    """The region of every node of `module`, by `id`; empty when the tree is too deep to walk."""
    recorder = _Recorder(module)
    try:
        module._codegen(recorder)
    except RecursionError:
        return {}
    return recorder.regions
