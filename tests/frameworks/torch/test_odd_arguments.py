"""Every native of torch's tables on arguments that are unknown, odd or of the wrong rank: none breaks."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.evaluation.values import Assumed, Class, Native, Symbol, Tensor
from gradlint.frameworks.torch import (
    creation,
    functional,
    losses,
    modes,
    optim,
    probability,
    queries,
    tensor_methods,
    training,
)
from gradlint.network import ZEROS, Kind
from gradlint.sources import SourceFile, SourceLoader

TABLES = {
    "creation": creation.NAMES,
    "functional": functional.NAMES,
    "losses": losses.NAMES,
    "modes": modes.NAMES,
    "optim": optim.NAMES,
    "probability": probability.NAMES,
    "queries": queries.NAMES,
    "training": training.NAMES,
    "methods": tensor_methods.METHODS,
}


@pytest.fixture
def interpreter() -> Interpreter:
    made = Interpreter(ModuleCache(SourceLoader()))
    source = SourceFile.from_text("pass", "module.py")
    made.frames.append(Frame(source, None, None))
    made.frame.syntax = source.module
    return made


def tensor(
    interpreter: Interpreter, shape: tuple[int, ...] | None, dtype: str = "float32", values: Any = None
) -> Tensor:
    return interpreter.emit(Kind.INPUT, (), shape, dtype=dtype, values=values)


def odd_values(interpreter: Interpreter) -> list[Any]:
    return [
        interpreter.unknown("a test"),
        tensor(interpreter, (2, 3, 4)),
        tensor(interpreter, None),
        tensor(interpreter, ()),
        tensor(interpreter, (0,)),
        tensor(interpreter, (3,), "int64", [0, 1, 2]),
        tensor(interpreter, (2, 3), "bool"),
        interpreter.parameter((4, 3), ZEROS),
        interpreter.parameter(None, ZEROS),
        Assumed(3),
        2,
        -1,
        0,
        0.5,
        float("inf"),
        None,
        True,
        "sum",
        (2, 3),
        [],
        (1, interpreter.unknown("a test")),
        {"params": []},
        [tensor(interpreter, (2, 3, 4)), tensor(interpreter, (2, 3, 4))],
        Symbol("torch.float16"),
        slice(None, 2),
    ]


def broken(interpreter: Interpreter, native: Native, arguments: tuple[Any, ...]) -> str:
    """Why a call breaks inside the native; empty for a result, an error of the program, or arguments that do not bind."""
    try:
        native.call(interpreter, *arguments)
    except Raised:
        return ""
    except Exception as error:
        here = sys.exc_info()[2]
        inside = here is not None and here.tb_next is not None
        missing = isinstance(error, TypeError) and "argument" in str(error)
        return f"{type(error).__name__}: {error}" if inside and not missing else ""
    return ""


@pytest.mark.parametrize("table", TABLES)
def test_natives_do_not_break(table: str, interpreter: Interpreter) -> None:
    values = odd_values(interpreter)
    pairs = [(first, second) for first, second in itertools.product(values[1:9], values)]
    calls = [*[(value,) for value in values], *pairs]
    if table == "methods":
        calls = [arguments for arguments in calls if isinstance(arguments[0], Tensor)]
    wrong = {}
    for name, native in TABLES[table].items():
        if not isinstance(native, Native):
            continue
        for arguments in calls:
            interpreter.budget.nodes = 0
            reason = broken(interpreter, native, arguments)
            if reason:
                wrong.setdefault(name, (arguments, reason))
    assert not wrong, "\n".join(f"{name}{arguments}: {reason}" for name, (arguments, reason) in wrong.items())


@pytest.mark.parametrize("table", ["losses", "optim", "probability", "training"])
def test_classes_do_not_break(table: str, interpreter: Interpreter) -> None:
    values = odd_values(interpreter)
    wrong = []
    for name, cls in TABLES[table].items():
        if not isinstance(cls, Class):
            continue
        for value in values:
            reason = broken(
                interpreter, Native(name, lambda ctx, *args, cls=cls: ctx.instantiate(cls, *args)), (value,)
            )
            if reason:
                wrong.append(f"{name}({value}): {reason}")
    assert not wrong, "\n".join(wrong)
