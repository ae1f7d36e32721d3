"""Attributes and methods of Python's own values, within limits."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import MISSING, Array, Native, Symbol, Unknown, Value, contains_unknown

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_MUTATING = {
    list: frozenset(
        {"__setitem__", "__delitem__", "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"}
    ),
    dict: frozenset(
        {
            "__setitem__",
            "__delitem__",
            "update",
            "pop",
            "popitem",
            "clear",
            "setdefault",
            "move_to_end",
            "popleft",
            "appendleft",
        }
    ),
    set: frozenset({"add", "discard", "remove", "pop", "clear", "update"}),
}
# Methods whose result may be far larger than what goes in.
_UNBOUNDED = frozenset({"ljust", "rjust", "center", "zfill", "expandtabs", "format", "format_map", "to_bytes"})
_LARGE_NUMBER = re.compile(r"\d{5}")
_SPECIAL_METHODS = frozenset({"__len__", "__getitem__", "__contains__", "__setitem__", "__delitem__", "__iter__"})


def method_of(interpreter: Interpreter, value: Value, name: str) -> Value:
    """The attribute `name` of a Python value, or `MISSING`."""
    if isinstance(value, Iterator):
        return Native(name, lambda context: next(value)) if name == "__next__" else MISSING
    if type(value) is Array and not name.startswith("__"):
        from gradlint.frameworks.numpy import array_method

        return array_method(interpreter, value, name)
    if name == "__class__":
        return Symbol(f"builtins.{type(value).__name__}")
    if isinstance(value, (int, float, complex)) and name in ("real", "imag", "numerator", "denominator"):
        return getattr(value, name, MISSING)
    if name == "default_factory":
        return getattr(value, name, MISSING)
    if (name.startswith("__") and name not in _SPECIAL_METHODS) or not isinstance(
        value, (str, bytes, int, float, complex, list, tuple, dict, set, frozenset, range, slice)
    ):
        return MISSING
    if isinstance(value, (slice, range)) and name in ("start", "stop", "step"):
        return getattr(value, name)
    special = _SPECIAL.get(name)
    if special is not None and isinstance(value, special[0]):
        function = special[1]
        return Native(name, lambda context, *args, **kwargs: function(context, value, *args, **kwargs))
    method = getattr(value, name, None)
    if not callable(method):
        return MISSING
    return Native(name, lambda context, *args, **kwargs: _call(context, value, name, method, args, kwargs))


def _call(
    interpreter: Any, value: Value, name: str, method: Callable[..., Any], args: tuple[Value, ...], kwargs: Any
) -> Value:
    kind = next((base for base in (list, dict, set) if isinstance(value, base)), None)
    if kind is not None:
        if name in _MUTATING[kind]:
            interpreter.modified(value)
            if len(value) > interpreter.budget.limits.items:
                interpreter.cut_short("a container with very many items")
                return None
        if name in ("extend", "update") and args and not isinstance(args[0], dict):
            from gradlint.evaluation.iteration import is_uncertain

            if is_uncertain(args[0]):
                interpreter.uncertain_length()
                return None
            args = (interpreter.iterate(args[0]) if name == "extend" or kind is set else _pairs(interpreter, args[0]),)
        if kind is list and name in ("index", "remove", "count"):
            return _by_equality(interpreter, value, name, args[0])
        if args and kind is not list and isinstance(args[0], Unknown):
            return args[0]
    else:
        unknown = next((u for a in args if (u := contains_unknown(a)) is not None), None)
        if unknown is not None:
            return unknown
        args = tuple(interpreter.iterate(a) if isinstance(a, Iterator) else a for a in args)
        if name in _UNBOUNDED and _is_wide(interpreter, name, value, args, kwargs):
            return interpreter.unknown(f"{name}() of something large")
        if name == "replace" and len(args) >= 2 and len(value) * (len(args[1]) + 1) > 10**7:
            return interpreter.unknown("replace() of something large")
    try:
        return method(*args, **kwargs)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise Raised(type(error).__name__, str(error)) from None


def _pairs(interpreter: Any, value: Value) -> Any:
    return [tuple(interpreter.iterate(pair)) for pair in interpreter.iterate(value)]


def _by_equality(interpreter: Any, value: list[Value], name: str, item: Value) -> Value:
    from gradlint.evaluation.operators import equals

    matches = [index for index, entry in enumerate(value) if equals(entry, item) is True]
    if name == "count":
        return len(matches)
    if not matches:
        raise Raised("ValueError", f"{name}: no such item in the list")
    if name == "remove":
        del value[matches[0]]
        return None
    return matches[0]


def _is_wide(interpreter: Any, name: str, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    limit = interpreter.budget.limits.characters
    if any(isinstance(arg, int) and abs(arg) > limit for arg in (*args, *kwargs.values())):
        return name != "format" and name != "format_map"
    if name in ("format", "format_map"):
        return _LARGE_NUMBER.search(str(value)) is not None
    return False


def _join(interpreter: Any, value: str, parts: Value) -> Value:
    items = interpreter.iterate(parts)
    unknown = contains_unknown(items)
    if unknown is not None:
        return unknown
    if sum(len(item) if isinstance(item, str) else 0 for item in items) > interpreter.budget.limits.characters:
        return interpreter.unknown("a string that is too long")
    try:
        return value.join(items)
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None


def _sort(interpreter: Any, value: list[Value], key: Value = None, reverse: Value = False) -> None:
    from gradlint.evaluation.sequences import sorted_values

    interpreter.modified(value)
    result = sorted_values(interpreter, value, key, reverse)
    if isinstance(result, list):
        value[:] = result


def _get(interpreter: Any, value: dict[Value, Value], key: Value, default: Value = None) -> Value:
    if isinstance(key, Unknown):
        return key
    try:
        return value.get(key, default)
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None


def _format(interpreter: Any, value: str, *args: Value, **kwargs: Value) -> Value:
    from gradlint.evaluation.operators import plain

    args = tuple(plain(arg) for arg in args)
    unknown = contains_unknown([*args, *kwargs.values()])
    if unknown is not None:
        return unknown
    if any(not isinstance(arg, (str, int, float, bool, type(None))) for arg in (*args, *kwargs.values())):
        return interpreter.unknown("format() of something that is not a number or a string")
    if _is_wide(interpreter, "format", value, args, kwargs):
        return interpreter.unknown("format() of something large")
    try:
        return value.format(*args, **kwargs)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Raised(type(error).__name__, str(error)) from None


# `tolist` is for numpy arrays, which are represented as lists; `numel`, `as_list` and `num_elements` for shapes,
# which are tuples.
_SPECIAL: dict[str, tuple[type, Callable[..., Value]]] = {
    "join": (str, _join),
    "sort": (list, _sort),
    "get": (dict, _get),
    "tolist": (list, lambda interpreter, value: value),
    "numel": (tuple, lambda interpreter, value: math.prod(value)),
    "as_list": (tuple, lambda interpreter, value: list(value)),
    "num_elements": (tuple, lambda interpreter, value: math.prod(value)),
    "format": (str, _format),
    "items": (dict, lambda interpreter, value: list(value.items())),
    "keys": (dict, lambda interpreter, value: list(value)),
    "values": (dict, lambda interpreter, value: list(value.values())),
}
