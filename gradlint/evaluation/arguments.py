"""Parameters of functions of the source, and how the arguments of a call are bound to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation.compiling import Run, expression, kept
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import Function, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


class Signature:
    """The parameters of a function by kind, and the closures of their defaults."""

    __slots__ = ("defaults", "keyword_only", "positional", "star", "star_star")

    def __init__(self, params: cst.Parameters) -> None:
        every = (*params.posonly_params, *params.params)
        self.positional = tuple(param.name.value for param in every)
        self.keyword_only = tuple(param.name.value for param in params.kwonly_params)
        self.star = params.star_arg.name.value if isinstance(params.star_arg, cst.Param) else None
        self.star_star = params.star_kwarg.name.value if params.star_kwarg is not None else None
        self.defaults: tuple[tuple[str, Run], ...] = tuple(
            (param.name.value, expression(param.default))
            for param in (*every, *params.kwonly_params)
            if param.default is not None
        )


def bind_arguments(
    interpreter: Interpreter, function: Function, args: list[Value], kwargs: dict[str, Value]
) -> dict[str, Value]:
    """The variables of a call, as Python binds them; raises `Raised("TypeError")` when they do not fit."""
    expected = kept(function.scope, function.syntax.params, Signature)
    positional = expected.positional
    spread, interpreter.spread = interpreter.spread, None
    given = len(args)
    variables: dict[str, Value] = dict(zip(positional, args, strict=False))
    remaining = dict(kwargs)
    if kwargs and expected.star_star is None:
        for name in positional[:given]:
            if name in remaining:
                raise Raised("TypeError", f"{function.name}() got multiple values for argument '{name}'")
    _fill(function, positional[given:], remaining, variables, spread)
    if expected.star is not None:
        variables[expected.star] = tuple(args[len(positional) :])
    elif given > len(positional):
        raise Raised("TypeError", f"{function.name}() takes {len(positional)} positional arguments")
    if expected.keyword_only:
        _fill(function, expected.keyword_only, remaining, variables, spread)
    if expected.star_star is not None:
        variables[expected.star_star] = remaining
    elif remaining:
        raise Raised("TypeError", f"{function.name}() got an unexpected keyword argument '{next(iter(remaining))}'")
    return variables


def _fill(
    function: Function,
    names: tuple[str, ...],
    remaining: dict[str, Value],
    variables: dict[str, Value],
    spread: Unknown | None,
) -> None:
    """Take the parameters `names` from keywords or defaults, or from something whose length is not known."""
    defaults = function.defaults
    for name in names:
        if name in remaining:
            variables[name] = remaining.pop(name)
        elif name in defaults:
            variables[name] = defaults[name]
        elif spread is not None:
            variables[name] = spread
        else:
            raise Raised("TypeError", f"{function.name}() missing required argument: '{name}'")
