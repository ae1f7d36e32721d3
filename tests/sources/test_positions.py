from __future__ import annotations

import libcst
import pytest
from libcst.metadata import MetadataWrapper, PositionProvider

from gradlint.sources import SourceFile
from gradlint.sources.positions import regions

TEXT = '''# comment
import torch.nn as nn


@decorated(1)
class Net(nn.Module):  # here
    """Docs."""

    def forward(self, x, *args, y=(1, 2), **kwargs):
        if x > 0 and not y:
            return [a ** 2 for a in x if a], {"k": -1}
        elif (y := x):
            pass
        else:
            lambda q: q
        for i in range(3): x += i; x -= 1
        with open("a") as f, \\
             open("b"):
            f"{x!r:>{y}} {x}"
        return (
            x
            .view(1,
                  2)
        )
'''


def test_regions_are_those_of_libcst() -> None:
    module = libcst.parse_module(TEXT)
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    expected = {
        id(node): (place.start.line, place.start.column, place.end.line, place.end.column)
        for node, place in wrapper.resolve(PositionProvider).items()
        if not isinstance(node, libcst.Module)
    }
    found = regions(module)
    assert len(expected) > 300
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_spans_count_from_one_and_end_exclusively(newline: str) -> None:
    source = SourceFile.from_text(f"a = 1{newline}größe = f(x){newline}", "a.py")
    statement = source.module.body[1]
    assert isinstance(statement, libcst.SimpleStatementLine)
    assign = statement.body[0]
    assert isinstance(assign, libcst.Assign)
    span = source.span(assign.value)
    assert (span.file, span.line, span.column, span.end_line, span.end_column) == ("a.py", 2, 9, 2, 13)


def test_a_node_of_another_tree_is_at_the_start() -> None:
    source = SourceFile.from_text("x = 1\n", "a.py")
    span = source.span(libcst.Name("x"))
    assert (span.line, span.column) == (1, 1)
