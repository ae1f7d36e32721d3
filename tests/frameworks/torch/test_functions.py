"""Functions and methods of torch on tensors: shapes, dtypes and known entries against torch itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.evaluation.values import Instance, Symbol, Tensor
from gradlint.sources import SourceFile, SourceLoader
from tests.frameworks.torch import function_cases as cases


def evaluated(text: str) -> dict[str, Any]:
    """The variables of a module with this text."""
    modules = ModuleCache(SourceLoader())
    interpreter = Interpreter(modules)
    return modules.run(interpreter, SourceFile.from_text(text, "module.py"), "module", None).scope.variables


def described(value: Any) -> Any:
    """What is compared of a value: of tensors the shape and dtype."""
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape), str(value.dtype).removeprefix("torch."))
    if isinstance(value, Tensor):
        return (value.shape, value.dtype)
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, Instance) and isinstance(value.payload, tuple):
        value = value.payload
    if isinstance(value, (tuple, list)):
        return [described(item) for item in value]
    return value


def flat(value: Any) -> list[float]:
    """The numbers of nested lists, rounded to six digits."""
    if isinstance(value, list):
        return [number for item in value for number in flat(item)]
    return [round(float(value), 6)]


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """The variables of the prelude as torch makes them."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    namespace: dict[str, Any] = {}
    exec(cases.PRELUDE, namespace)
    return namespace


GROUPS = ["ELEMENTWISE", "ACTIVATIONS", "VIEWS", "JOINING", "INDEXING", "PRODUCTS", "LAYERS", "CREATION"]


@pytest.mark.parametrize("group", GROUPS)
def test_shapes_and_dtypes_are_those_of_torch(group: str, real: dict[str, Any]) -> None:
    expressions = getattr(cases, group)
    lines = [f"r{number} = {text}" for number, text in enumerate(expressions)]
    ours = evaluated("\n".join([cases.PRELUDE, *lines]))
    wrong = []
    for number, text in enumerate(expressions):
        expected = described(eval(text, real))
        found = described(ours[f"r{number}"])
        if found != expected:
            wrong.append(f"{text}: {found}, torch says {expected}")
    assert not wrong, "\n".join(wrong)


def test_known_entries_are_those_of_torch(real: dict[str, Any]) -> None:
    lines = [f"r{number} = {text}" for number, text in enumerate(cases.VALUES)]
    ours = evaluated("\n".join([cases.PRELUDE, *lines]))
    for number, text in enumerate(cases.VALUES):
        assert str(flat(ours[f"r{number}"])) == str(flat(eval(text, real))), text
