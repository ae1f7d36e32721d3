"""Comprehensions, generator expressions and `yield`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation import calls, tables
from gradlint.evaluation.compiling import EXPRESSIONS, Run, expression
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.iteration import is_uncertain
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.targets import target
from gradlint.evaluation.values import Tensor, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_handles = EXPRESSIONS.handles

_Loop = Callable[["Interpreter", Scope, Value, list[Value]], None]
_Table = Callable[["Interpreter", Scope, range], Tensor | None]


@_handles(cst.ListComp)
def _list(syntax: cst.ListComp) -> Run:
    loop, element = syntax.for_in, expression(syntax.elt)
    if loop.ifs or loop.inner_for_in is not None:
        return _items(loop, element)
    bind = target(loop.target)

    def table(interpreter: Interpreter, scope: Scope, items: range) -> Tensor | None:
        return tables.comprehended(interpreter, scope, items, syntax.elt, bind, element)

    return _items(loop, element, table)


@_handles(cst.GeneratorExp)
def _generator(syntax: cst.GeneratorExp) -> Run:
    items = _items(syntax.for_in, expression(syntax.elt))
    return lambda interpreter, scope: iter(items(interpreter, scope))


@_handles(cst.SetComp)
def _set(syntax: cst.SetComp) -> Run:
    return _hashed(set, _items(syntax.for_in, expression(syntax.elt)))


@_handles(cst.DictComp)
def _dict(syntax: cst.DictComp) -> Run:
    key, value = expression(syntax.key), expression(syntax.value)

    def pair(interpreter: Interpreter, scope: Scope) -> Value:
        return key(interpreter, scope), value(interpreter, scope)

    return _hashed(dict, _items(syntax.for_in, pair))


def _hashed(kind: type, items: Run) -> Run:
    def run(interpreter: Interpreter, scope: Scope) -> Value:
        try:
            return kind(items(interpreter, scope))
        except TypeError as error:
            raise Raised("TypeError", str(error)) from None

    return run


def _items(syntax: cst.CompFor, element: Run, table: _Table | None = None) -> Run:
    """The closure of the list of all items; `table` makes a large table of it where that is one."""
    first, loop = expression(syntax.iter), _loop(syntax, element)

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        iterable = first(interpreter, scope)
        if table is not None and type(iterable) is range and len(iterable) >= tables.MANY:
            made = table(interpreter, scope, iterable)
            if made is not None:
                return made
        results: list[Value] = []
        loop(interpreter, Scope(scope.source, scope), iterable, results)
        return results

    return run


def _loop(syntax: cst.CompFor, element: Run) -> _Loop:
    bind = target(syntax.target)
    tests = tuple(expression(test.test) for test in syntax.ifs)
    nested = syntax.inner_for_in
    inner = None if nested is None else (expression(nested.iter), _loop(nested, element))

    def run(interpreter: Interpreter, scope: Scope, iterable: Value, results: list[Value]) -> None:
        uncertain = is_uncertain(iterable)
        interpreter.uncertain += uncertain
        most = interpreter.budget.limits.iterations
        try:
            for item in interpreter.iterate(iterable):
                interpreter.budget.step()
                bind(interpreter, item, scope)
                if tests and any(interpreter.truth(test(interpreter, scope)) is False for test in tests):
                    continue
                if inner is not None:
                    items, loop = inner
                    loop(interpreter, scope, items(interpreter, scope), results)
                else:
                    results.append(element(interpreter, scope))
                if len(results) > most:
                    interpreter.cut_short("a comprehension over very many items")
                    break
        finally:
            interpreter.uncertain -= uncertain

    return run


@_handles(cst.Yield)
def _yield(syntax: cst.Yield) -> Run:
    def run(interpreter: Interpreter, scope: Scope) -> Value:
        frame = scope.function
        if isinstance(syntax.value, cst.From):
            values = interpreter.iterate(interpreter.evaluate(syntax.value.item, scope))
        else:
            values = [interpreter.evaluate(syntax.value, scope) if syntax.value is not None else None]
        if frame is not None:
            # A function turns out to be a generator at its first `yield`; it is run to its end, not lazily.
            frame.yields = (frame.yields or []) + values
            if len(frame.yields) > interpreter.budget.limits.iterations:
                interpreter.cut_short("a generator that yields very many items")
                raise calls.GeneratorFull
        return None

    return run
