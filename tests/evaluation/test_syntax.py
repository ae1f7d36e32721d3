"""The walk over syntax: every name and constant of a piece of source, and nothing of its layout."""

from __future__ import annotations

import ast

import libcst as cst
import pytest

from gradlint.evaluation.syntax import descendants, dotted_name

SOURCE = '''\
import numpy as np  # a comment


@decorated(1)
class A(Base, metaclass=Meta):
    def f(self, a: int = 2, *rest, key=lambda q: q + 3, **others) -> str:
        """Text."""
        with (open(a)) as g, h:
            x[1:n, ...] = {k: v for k, v in g.items() if k not in h}
        try:
            return f"{a!r:>{n}} and {{text}}" if a < 4 <= b else (yield -c)
        except (E, F) as error:
            raise error from None
        match a:
            case {"k": [1, *_]} | Point(x=0) if a:
                del a.b.c
'''


def test_the_walk_meets_every_name_and_number() -> None:
    names = {node.id for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Name)}
    attributes = {node.attr for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Attribute)}
    numbers = {
        str(n.value) for n in ast.walk(ast.parse(SOURCE)) if isinstance(n, ast.Constant) and type(n.value) is int
    }
    met = list(descendants(cst.parse_module(SOURCE)))
    assert names | attributes <= {node.value for node in met if isinstance(node, cst.Name)}
    assert numbers == {node.value for node in met if isinstance(node, cst.Integer)}


def test_the_walk_leaves_out_white_space_and_punctuation() -> None:
    kinds = {type(node).__name__ for node in descendants(cst.parse_module(SOURCE))}
    assert not kinds & {"SimpleWhitespace", "TrailingWhitespace", "Newline", "Comma", "Colon", "Comment", "EmptyLine"}


@pytest.mark.parametrize(("but", "expected"), [((), True), ((cst.FunctionDef,), False)])
def test_nothing_below_the_kinds_that_are_named_is_met(but: tuple[type[cst.CSTNode], ...], expected: bool) -> None:
    values = {node.value for node in descendants(cst.parse_module(SOURCE), but) if isinstance(node, cst.Name)}
    assert ("error" in values) is expected
    assert "Base" in values


@pytest.mark.parametrize(
    ("text", "name"), [("torch", "torch"), ("torch.nn.Linear", "torch.nn.Linear"), ("make().layer", ""), ("a[0].b", "")]
)
def test_a_dotted_name_is_a_name_with_attributes(text: str, name: str) -> None:
    assert dotted_name(cst.parse_expression(text)) == name
