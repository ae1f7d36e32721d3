"""`eval` of a known string is followed by the evaluator, and never run by Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradlint.evaluation.driver import Evaluation
from gradlint.evaluation.values import Unknown

BUILDER = """
from torch import nn

class Net(nn.Module):
    def __init__(self, activation="nn.Tanh", width=8):
        super().__init__()
        self.first = nn.Linear(4, width)
        self.activation = eval(activation)()
        self.last = eval(f"nn.Linear({width}, 2)")

    def forward(self, x):
        return self.last(self.activation(self.first(x)))

net = Net()
"""


def test_a_layer_that_is_named_by_a_string_is_built(evaluate_text: Callable[..., Evaluation]) -> None:
    (network,) = evaluate_text(BUILDER).networks
    assert network.complete
    assert [node.class_name for node in network.nodes if node.inputs] == [
        "torch.nn.Linear",
        "torch.nn.Tanh",
        "torch.nn.Linear",
    ]
    last = network.weighted[-1]
    assert last.origin is not None
    assert (last.origin.span.line, last.origin.span.column) == (9, 21)


@pytest.mark.parametrize(
    ("expression", "value"),
    [("eval('1 + 2')", 3), ("eval(' k * 2 ')", 10), ("[eval(f'{n} ** 2') for n in (2, 3)]", [4, 9]), ("eval('k')", 5)],
)
def test_the_variables_around_are_those_of_the_call(
    expression: str, value: object, variables: Callable[[str], dict[str, Any]]
) -> None:
    assert variables(f"k = 5\nvalue = {expression}")["value"] == value
    assert variables(f"def f(k):\n    return {expression}\nvalue = f(5)")["value"] == value


@pytest.mark.parametrize("text", ["'1 +'", "'(' * 900", "'import os'", "name", "'k', {'k': 1}", "'1 + ' * 400 + '1'"])
def test_what_is_no_expression_or_has_other_variables_is_not_known(
    text: str, variables: Callable[[str], dict[str, Any]]
) -> None:
    found = variables(f"value = missing\nvalue = eval({text})\nafter = 1")
    assert isinstance(found["value"], Unknown)
    assert found["after"] == 1


def test_nothing_is_run(tmp_path: Path, variables: Callable[[str], dict[str, Any]]) -> None:
    trace = tmp_path / "trace"
    variables(
        f"""value = eval("open({str(trace)!r}, 'w').write('x')")\neval("__import__('pathlib').Path({str(trace)!r}).touch()")"""
    )
    assert not trace.exists()
