"""Truth, iteration and length of any value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import (
    MISSING,
    Assumed,
    Class,
    Function,
    Instance,
    Native,
    Symbol,
    Tensor,
    Unknown,
    Value,
)
from gradlint.frameworks.modules import is_layer

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_CONTAINERS = (list, tuple, dict, set, frozenset, str, bytes, range)


class AssumedRange:
    """`range` over a number that is assumed: how often the loop runs is not known."""

    __slots__ = ("first",)

    def __init__(self, first: int) -> None:
        self.first = first


def truth(interpreter: Interpreter, value: Value) -> bool | None:
    """Whether `value` is true; None when that is not known."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, list, tuple, dict, set, frozenset, range)):
        return bool(value)
    if isinstance(value, (Unknown, Symbol)):
        return None
    if isinstance(value, Tensor):
        return bool(value.values) if isinstance(value.values, (bool, int, float)) else None
    if isinstance(value, Instance):
        for name in ("__bool__", "__len__"):
            method = value.cls.find(name)
            if method is not MISSING:
                return truth(interpreter, interpreter.call(method, value))
        if value.payload is not None and not value.cls.derives_from("enum.Enum"):
            return truth(interpreter, value.payload)
        return None if value.cls.opaque else True
    return True


def items(interpreter: Interpreter, value: Value) -> list[Value]:
    """The items of `value`, at most as many as the limits allow; for an Unknown one Unknown item."""
    limit = interpreter.budget.limits.items
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, _CONTAINERS):
        if len(value) > limit:
            interpreter.cut_short(f"an iteration over more than {limit} items")
        return list(itertools.islice(value, limit))
    if isinstance(value, Iterator):
        found = list(itertools.islice(value, limit))
        if len(found) == limit:
            interpreter.cut_short(f"an iteration over more than {limit} items")
        return found
    if isinstance(value, Tensor):
        from gradlint.frameworks.operators import iterate_tensor

        return list(iterate_tensor(interpreter, value))
    if isinstance(value, Instance):
        return _instance_items(interpreter, value)
    if isinstance(value, Class):
        members = value.namespace.get("__members__")
        if isinstance(members, dict):
            return list(members.values())
    if isinstance(value, (Function, Native, bool, int, float)) or value is None:
        raise Raised("TypeError", f"{type(value).__name__} object is not iterable")
    if isinstance(value, AssumedRange):
        return [value.first]
    return [value if isinstance(value, Unknown) else interpreter.unknown("item of something unknown")]


def _instance_items(interpreter: Interpreter, value: Instance) -> list[Value]:
    method = value.cls.find("__iter__")
    if method is not MISSING:
        result = interpreter.call(method, value)
        if result is not value:
            return items(interpreter, result)
        step = value.cls.find("__next__")
        return [interpreter.call(step, value)] if step is not MISSING else []
    if value.payload is not None:
        return items(interpreter, value.payload)
    getter, length = value.cls.find("__getitem__"), value.cls.find("__len__")
    if getter is not MISSING and length is not MISSING:
        count = interpreter.call(length, value)
        if isinstance(count, int) and not isinstance(count, Assumed):
            bound = min(count, interpreter.budget.limits.iterations)
            return [interpreter.call(getter, value, index) for index in range(bound)]
    return [interpreter.unknown(f"iteration over {value.cls.name} is not modelled")]


def is_uncertain(value: Value) -> bool:
    """Whether how often a loop over `value` runs is not known."""
    if isinstance(value, Instance):
        return value.payload is None and value.cls.find("__iter__") is MISSING and value.cls.find("__len__") is MISSING
    return isinstance(value, (Unknown, Symbol, AssumedRange))


def stands_for_many(value: Value) -> bool:
    """Whether the only item of `value` stands for all that there would be: a batch of what loads data."""
    return isinstance(value, Instance) and value.payload is None and value.cls.syntax is None and not is_layer(value)


def length(interpreter: Interpreter, value: Value) -> Value:
    """`len(value)`: an int, or an Unknown."""
    if isinstance(value, _CONTAINERS):
        only = next(iter(value)) if len(value) == 1 else None
        # What was collected in a loop over something unknown has one item that stands for any number of them.
        return only if isinstance(only, Unknown) else len(value)
    if isinstance(value, Tensor):
        from gradlint.frameworks.operators import length as tensor_length

        return tensor_length(interpreter, value)
    if isinstance(value, Instance):
        method = value.cls.find("__len__")
        if method is not MISSING:
            return interpreter.call(method, value)
        if isinstance(value.payload, _CONTAINERS):
            return len(value.payload)
    if isinstance(value, Class) and isinstance(value.namespace.get("__members__"), dict):
        return len(value.namespace["__members__"])
    return value if isinstance(value, Unknown) else interpreter.unknown("length of something unknown")
