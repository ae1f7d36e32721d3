"""`collections.abc.Mapping` and `MutableMapping`: what they add to a class that defines the look-up of a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gradlint.evaluation.classes import python_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import MISSING, Instance, Native, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter


def _looked_up(context: Context, mapping: Instance, key: Value) -> Value:
    """`mapping[key]`, `MISSING` where it raises KeyError."""
    if isinstance(key, Unknown):
        key.cost += 1
        return key
    try:
        return context.call(context.getattr(mapping, "__getitem__"), key)
    except Raised as error:
        if error.type_name != "KeyError":
            raise
        return MISSING


def _get(context: Context, mapping: Instance, key: Value, default: Value = None) -> Value:
    found = _looked_up(context, mapping, key)
    return default if found is MISSING else found


def _contains(context: Context, mapping: Instance, key: Value) -> Value:
    found = _looked_up(context, mapping, key)
    return found if found is key and isinstance(key, Unknown) else found is not MISSING


def _keys(context: Context, mapping: Instance) -> list[Value]:
    return context.iterate(mapping)


def _values(context: Context, mapping: Instance) -> list[Value]:
    return [_looked_up(context, mapping, key) for key in context.iterate(mapping)]


def _items(context: Context, mapping: Instance) -> list[Value]:
    return [(key, _looked_up(context, mapping, key)) for key in context.iterate(mapping)]


def _set(context: Context, mapping: Instance, key: Value, value: Value) -> None:
    context.call(context.getattr(mapping, "__setitem__"), key, value)


def _setdefault(context: Context, mapping: Instance, key: Value, default: Value = None) -> Value:
    found = _looked_up(context, mapping, key)
    if found is not MISSING:
        return found
    _set(context, mapping, key, default)
    return default


def _update(context: Context, mapping: Instance, other: Value = None, **entries: Value) -> None:
    if isinstance(other, dict):
        entries = {**other, **entries}
    for key, value in entries.items():
        _set(context, mapping, key, value)


def _pop(context: Context, mapping: Instance, key: Value, default: Value = MISSING) -> Value:
    found = _looked_up(context, mapping, key)
    if found is not MISSING:
        context.call(context.getattr(mapping, "__delitem__"), key)
        return found
    if default is MISSING:
        raise Raised("KeyError", str(key))
    return default


def _natives(**functions: Callable[..., Value]) -> dict[str, Value]:
    return {name: Native(f"collections.abc.Mapping.{name}", function) for name, function in functions.items()}


_MAPPING = python_class(
    "collections.abc.Mapping",
    namespace=_natives(get=_get, __contains__=_contains, keys=_keys, values=_values, items=_items),
)
_MUTABLE = python_class(
    "collections.abc.MutableMapping", (_MAPPING,), _natives(setdefault=_setdefault, update=_update, pop=_pop)
)
MAPPINGS: dict[str, Value] = {
    f"{home}.{cls.name.rpartition('.')[2]}": cls
    for home in ("collections.abc", "typing")
    for cls in (_MAPPING, _MUTABLE)
}
