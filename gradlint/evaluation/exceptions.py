"""`try`, `raise` and which handler catches what."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Class, Instance, Symbol, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def raised(interpreter: Interpreter, value: Value) -> Raised:
    """The exception for `raise value`."""
    if isinstance(value, Class):
        value = interpreter.instantiate(value)
    if isinstance(value, Instance):
        message = next((arg for arg in value.payload or () if isinstance(arg, str)), "")
        return Raised(value.cls.name.rpartition(".")[2], message, value)
    return Raised("Exception", value=value)


def run_try(interpreter: Interpreter, syntax: Any, scope: Scope) -> Any:
    """Run a `try` statement."""
    depth, trails = len(interpreter.frames), len(interpreter.trails)
    try:
        try:
            signal = interpreter.block(syntax.body, scope)
            if signal is None and syntax.orelse is not None:
                signal = interpreter.block(syntax.orelse.body, scope)
        except Raised as error:
            del interpreter.frames[depth:]
            del interpreter.trails[trails:]
            handler = next((h for h in syntax.handlers if _catches(interpreter, h, error, scope)), None)
            if handler is None:
                raise
            if handler.name is not None:
                scope.assign(handler.name.name.value, error.value or _exception_object(error))
            signal = interpreter.block(handler.body, scope)
    finally:
        if syntax.finalbody is not None:
            final = interpreter.block(syntax.finalbody.body, scope)
            if final is not None:
                return final  # noqa: B012 - a return in `finally` wins, as in Python
    return signal


def _exception_object(error: Raised) -> Instance:
    cls = Class(f"builtins.{error.type_name}")
    cls.mro = (cls,)
    return Instance(cls, payload=(error.message,))


def _catches(interpreter: Interpreter, handler: cst.ExceptHandler, error: Raised, scope: Scope) -> bool:
    if handler.type is None:
        return True
    expected = interpreter.evaluate(handler.type, scope)
    candidates = expected if isinstance(expected, tuple) else (expected,)
    return any(_matches(candidate, error) for candidate in candidates)


def _matches(candidate: Value, error: Raised) -> bool:
    if isinstance(candidate, (Unknown, Symbol)):
        return True
    if not isinstance(candidate, Class):
        return False
    if isinstance(error.value, Instance) and candidate in error.value.cls.mro:
        return True
    name = candidate.name.rpartition(".")[2]
    actual, wanted = getattr(builtins, error.type_name, None), getattr(builtins, name, None)
    if isinstance(actual, type) and isinstance(wanted, type):
        return issubclass(actual, wanted)
    return name == error.type_name or name in ("Exception", "BaseException")
