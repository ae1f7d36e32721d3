"""Decorators of functions and classes: what they make, unless that is not known or costs too much to find out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation import calls
from gradlint.evaluation.errors import AttemptExceeded
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Function, Tensor, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def decorated(interpreter: Interpreter, decorators: Sequence[cst.Decorator], value: Value, scope: Scope) -> Value:
    """What the decorators of a definition make of it, the innermost first."""
    for decorator in reversed(decorators):
        value = _decorate(interpreter, decorator, value, scope)
    return value


def _decorate(interpreter: Interpreter, decorator: cst.Decorator, value: Value, scope: Scope) -> Value:
    function = interpreter.evaluate(decorator.decorator, scope)
    if isinstance(function, Function):
        made = _within_bounds(interpreter, function, value)
    else:
        made = function if isinstance(function, Unknown) else calls.call(interpreter, function, [value], {})
    if made is not None and not isinstance(made, (Unknown, Tensor)):
        return made
    # A decorator that is not understood (a registry, a hint to a compiler) must not hide what it decorates.
    if isinstance(value, Function):
        value.attributes[calls.DECORATED] = True
    return value


def _within_bounds(interpreter: Interpreter, decorator: Function, value: Value) -> Value:
    """What a decorator of the source returns; Unknown if it costs much, as some do that write documentation."""
    given_up, limits = interpreter.given_up, interpreter.budget.limits
    if id(decorator.syntax) not in given_up:
        try:
            with interpreter.budget.trying(lambda: limits.decorator, "a decorator") as attempt:
                return calls.call(interpreter, decorator, [value], {})
        except AttemptExceeded as error:
            if error.attempt is not attempt:
                raise
            interpreter.cut_short(str(error))
            given_up.add(id(decorator.syntax))
    return interpreter.unknown("the result of a decorator that costs much")
