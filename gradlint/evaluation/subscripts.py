"""Indexing and slicing of any value, and assignment to an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.compiling import Run, expression
from gradlint.evaluation.errors import Demand, Raised
from gradlint.evaluation.operators import as_tensor, describe, plain
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import (
    MISSING,
    Array,
    Class,
    DefaultDict,
    Instance,
    Symbol,
    Tensor,
    Unknown,
    Value,
    contains_unknown,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def index(elements: Any) -> Run:
    """The closure of what stands between brackets: an index, a slice, or a tuple of these."""
    if len(elements) == 1 and isinstance(elements[0].comma, cst.MaybeSentinel):
        part = elements[0].slice
        if not isinstance(part, cst.Index):
            return _slice(part)
        if not part.star:
            return expression(part.value)
    parts = tuple(
        (expression(e.slice.value), bool(e.slice.star)) if isinstance(e.slice, cst.Index) else (_slice(e.slice), False)
        for e in elements
    )

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        values: list[Value] = []
        for part, star in parts:
            value = part(interpreter, scope)
            if star:
                values.extend(interpreter.iterate(value))
            else:
                values.append(value)
        return tuple(values)

    return run


def _slice(syntax: cst.Slice) -> Run:
    bounds = tuple(None if b is None else expression(b) for b in (syntax.lower, syntax.upper, syntax.step))
    return lambda interpreter, scope: slice(*[None if b is None else b(interpreter, scope) for b in bounds])


def get(interpreter: Interpreter, value: Value, index: Value) -> Value:
    """`value[index]`."""
    if type(value) is Array:
        if isinstance(index, slice) and _unknown_bound(index) is None:
            return Array(value[index])
        if not isinstance(index, int):
            value = as_tensor(interpreter, value)
    if isinstance(value, Tensor):
        if type(index) is str and (part := interpreter.named_part(value, index)) is not None:
            return part
        from gradlint.frameworks.operators import get_item

        return get_item(interpreter, value, index)
    if isinstance(value, Unknown):
        value.cost += 1
        return value
    if isinstance(value, Instance):
        method = value.cls.find("__getitem__")
        if method is not MISSING:
            return interpreter.call(method, value, index)
    value, index = plain(value), plain(index)
    if isinstance(value, Class):
        members = value.namespace.get("__members__")
        if isinstance(members, dict):
            return _element(interpreter, members, index)
        return value
    if isinstance(value, Symbol):
        return value
    return _element(interpreter, value, index)


def _element(interpreter: Interpreter, value: Value, index: Value) -> Value:
    unknown = index if isinstance(index, Unknown) else _unknown_bound(index)
    if unknown is not None:
        unknown.cost += 1
        return unknown
    if isinstance(value, (list, tuple, dict, str, bytes, range)):
        try:
            return value[index]
        except KeyError as error:
            if isinstance(value, DefaultDict) and value.default_factory is not None:
                interpreter.modified(value)
                made = value[index] = interpreter.call(value.default_factory)
                return made
            raise Raised("KeyError", str(error)) from None
        except (IndexError, TypeError, ValueError) as error:
            if isinstance(index, Tensor):
                return interpreter.unknown("an index that is a tensor")
            needed = Demand(value, index + 1) if isinstance(value, tuple) and type(index) is int and index > 0 else None
            raise Raised(type(error).__name__, str(error), demand=needed) from None
    if value is None:
        raise Raised("TypeError", "'NoneType' object is not subscriptable")
    return interpreter.unknown(f"indexing {describe(value)} is not modelled")


def _unknown_bound(index: Value) -> Unknown | None:
    if isinstance(index, slice):
        return next((b for b in (index.start, index.stop, index.step) if isinstance(b, Unknown)), None)
    return contains_unknown(index) if isinstance(index, tuple) else None


def assign(interpreter: Interpreter, receiver: Value, index: Value, value: Value) -> None:
    """`receiver[index] = value`."""
    if isinstance(receiver, Tensor):
        from gradlint.frameworks.operators import set_item

        set_item(interpreter, receiver, index, value)
        return
    if isinstance(receiver, Instance):
        method = receiver.cls.find("__setitem__")
        if method is not MISSING:
            interpreter.call(method, receiver, index, value)
            return
        receiver = receiver.payload
    index = plain(index)
    if isinstance(receiver, (list, dict)) and not isinstance(index, Unknown) and _unknown_bound(index) is None:
        interpreter.modified(receiver)
        try:
            if isinstance(index, slice):
                value = interpreter.iterate(value)
            receiver[index] = value
        except (IndexError, TypeError, ValueError) as error:
            raise Raised(type(error).__name__, str(error)) from None


def delete(interpreter: Interpreter, receiver: Value, index: Value) -> None:
    """`del receiver[index]`."""
    if isinstance(receiver, Instance):
        method = receiver.cls.find("__delitem__")
        if method is not MISSING:
            interpreter.call(method, receiver, index)
            return
        receiver = receiver.payload
    if isinstance(receiver, (list, dict)) and not isinstance(index, Unknown):
        interpreter.modified(receiver)
        try:
            del receiver[index]
        except (KeyError, IndexError, TypeError) as error:
            raise Raised(type(error).__name__, str(error)) from None
