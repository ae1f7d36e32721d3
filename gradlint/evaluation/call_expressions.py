"""Call expressions: the function, its arguments, and `super()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation.calls import call
from gradlint.evaluation.compiling import EXPRESSIONS, Run, expression
from gradlint.evaluation.iteration import is_uncertain
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Instance, Super, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


@EXPRESSIONS.handles(cst.Call)
def _call(syntax: cst.Call) -> Run:
    func = syntax.func
    if type(func) is cst.Name and func.value == "super" and not syntax.args:
        return _super
    if any(arg.star for arg in syntax.args):
        return _call_with_stars(syntax)
    function = expression(func)
    positional = tuple(expression(arg.value) for arg in syntax.args if arg.keyword is None)
    named = tuple((arg.keyword.value, expression(arg.value)) for arg in syntax.args if arg.keyword is not None)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        budget = interpreter.budget
        budget.steps += 1
        if budget.steps > budget.pause:
            budget.look()
        called = function(interpreter, scope)
        args = [arg(interpreter, scope) for arg in positional]
        kwargs = {name: arg(interpreter, scope) for name, arg in named} if named else {}
        frame = interpreter.frames[-1]
        before, frame.syntax = frame.syntax, syntax
        interpreter.spread = None
        try:
            return call(interpreter, called, args, kwargs)
        finally:
            frame.syntax = before

    return run


def _call_with_stars(syntax: cst.Call) -> Run:
    function = expression(syntax.func)
    arguments = tuple(
        (expression(arg.value), arg.star, None if arg.keyword is None else arg.keyword.value) for arg in syntax.args
    )

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        interpreter.budget.step()
        called = function(interpreter, scope)
        args: list[Value] = []
        kwargs: dict[str, Value] = {}
        spread: Unknown | None = None
        for argument, star, keyword in arguments:
            value = argument(interpreter, scope)
            if keyword is not None:
                kwargs[keyword] = value
            elif not star:
                args.append(value)
            else:
                if isinstance(value, Unknown):
                    spread = value
                if star == "*":
                    if is_uncertain(value):
                        interpreter.uncertain_length()
                    args.extend(interpreter.iterate(value))
                else:
                    _spread(value, kwargs)
        frame = interpreter.frames[-1]
        before, frame.syntax = frame.syntax, syntax
        interpreter.spread = spread
        try:
            return call(interpreter, called, args, kwargs)
        finally:
            frame.syntax = before
            interpreter.spread = None

    return run


def _spread(value: Value, kwargs: dict[str, Value]) -> None:
    if isinstance(value, Instance) and isinstance(value.payload, dict):
        value = value.payload
    if isinstance(value, dict):
        kwargs.update((key, item) for key, item in value.items() if isinstance(key, str))
    elif isinstance(value, Unknown):
        value.cost += 1


def _super(interpreter: Interpreter, scope: Scope) -> Value:
    interpreter.budget.step()
    frame = scope.function
    function = frame.function if frame is not None else None
    if function is None or function.owner is None or not frame.arguments:
        return interpreter.unknown("super() outside a method")
    return Super(function.owner, next(iter(frame.arguments.values())))
