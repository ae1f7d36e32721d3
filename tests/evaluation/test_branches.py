"""Conditions that are not known: what both branches agree on stays known, what differs becomes Unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradlint.evaluation.values import Unknown

HEAD = "import os\nunknown = os.environ.get('X')\n"
Run = Callable[[str], dict[str, Any]]


def test_what_differs_becomes_unknown(variables: Run) -> None:
    found = variables(HEAD + "if unknown:\n    a, b = 1, 2\nelse:\n    a, b = 1, 3\n")
    assert found["a"] == 1
    assert isinstance(found["b"], Unknown)


def test_branch_that_only_raises_is_not_taken(variables: Run) -> None:
    found = variables(HEAD + "n = 1\nif unknown:\n    n = 2\n    raise ValueError('no')\n")
    assert found["n"] == 1


def test_mutation_in_a_branch_is_taken_back(variables: Run) -> None:
    found = variables(HEAD + "x = {'k': 1}\nif unknown:\n    x['k'] = 2\nelse:\n    y = x['k']\n")
    assert isinstance(found["x"]["k"], Unknown)
    assert found["y"] == 1


def test_attributes_set_alike_stay_known(variables: Run) -> None:
    text = (
        "class C:\n    pass\nc = C()\nif unknown:\n    c.a, c.b = 1, 2\nelse:\n    c.a, c.b = 1, 5\nr = c.a\ns = c.b\n"
    )
    found = variables(HEAD + text)
    assert found["r"] == 1
    assert isinstance(found["s"], Unknown)


def test_early_return_is_merged_with_the_late_one(variables: Run) -> None:
    text = "def f(v):\n    if unknown:\n        return 1\n    return v\nsame = f(1)\ndifferent = f(2)\n"
    found = variables(HEAD + text)
    assert found["same"] == 1
    assert isinstance(found["different"], Unknown)


def test_loop_over_something_unknown_runs_once(variables: Run) -> None:
    found = variables(HEAD + "n = 0\nfor item in unknown:\n    n += 1\n")
    assert found["n"] == 1


def test_while_of_an_unknown_condition_ends(variables: Run) -> None:
    found = variables(HEAD + "n = 0\nwhile unknown:\n    n += 1\ndone = True\n")
    assert found["n"] == 1
    assert found["done"] is True


def test_unknown_absorbs_and_keeps_its_reason(variables: Run) -> None:
    found = variables(HEAD + "a = (unknown + 1) * 2\nb = unknown.x.y[3](4)\n")
    assert found["a"] is found["unknown"]
    assert found["b"] is found["unknown"]
    assert "environment" in found["a"].reason


def test_known_and_unknown_operands_of_and(variables: Run) -> None:
    found = variables(HEAD + "r = False and unknown\ns = unknown and False\nt = True or unknown\n")
    assert found["r"] is False
    assert found["s"] is False
    assert found["t"] is True


def test_nested_unknown_branches(variables: Run) -> None:
    text = (
        "n = 0\nif unknown:\n    n = 1\n    if unknown.b:\n        m = 1\n    else:\n        m = 1\n"
        "else:\n    n = 1\n    m = 1\n"
    )
    found = variables(HEAD + text)
    assert found["n"] == 1
    assert found["m"] == 1


def test_what_an_unknown_condition_guards_may_fail(variables: Callable[[str], dict[str, Any]]) -> None:
    names = variables(
        "import library\nmask = None\n"
        "ready = library.ready() and mask.shape[0] == 4\n"
        "late = library.ready() or mask.shape[0] == 4\n"
        "kind = isinstance(mask, (library.Mask, library.Block)) and mask.shape\n"
    )
    assert names["ready"] is False
    assert names["late"] is True
    assert names["kind"] is False


def test_what_an_unknown_decorator_makes_may_take_other_arguments(variables: Callable[[str], dict[str, Any]]) -> None:
    names = variables(
        "import library\n"
        "@library.validated\ndef field(value):\n    return value\n"
        "def plain(value):\n    return value\n"
        "size = field(default=3)\nsame = field(4)\n"
        "try:\n    plain(default=3)\nexcept TypeError:\n    failed = True\n"
    )
    assert isinstance(names["size"], Unknown)
    assert names["same"] == 4
    assert names["failed"] is True


def test_what_is_computed_from_something_unknown_says_what_that_was(variables: Run) -> None:
    found = variables(
        HEAD + "values = [unknown is None, not unknown, unknown in (1, 2), [unknown, 1] < [1, 7], unknown == 'a']\n"
    )
    assert {value.reason for value in found["values"]} == {"the environment"}


def test_names_of_a_library_can_be_asked_for_one_by_one(variables: Run) -> None:
    found = variables(
        "import torch\nhas = 'silu' in dir(torch.nn.functional)\nother = 'no_such' in dir(torch.nn.functional)\n"
        "names = [name for name in dir(torch.nn)]\n"
    )
    assert found["has"] is True
    assert isinstance(found["other"], Unknown)
    assert all(isinstance(name, Unknown) for name in found["names"])
