"""`isinstance` and `issubclass`: of what kind a value is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gradlint.evaluation.values import (
    MISSING,
    BoundMethod,
    Class,
    Function,
    Instance,
    Native,
    Symbol,
    Tensor,
    Unknown,
    Value,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter


TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float,),
    "bool": (bool,),
    "str": (str,),
    "bytes": (bytes,),
    "complex": (complex,),
    "list": (list,),
    "tuple": (tuple,),
    "dict": (dict,),
    "set": (set,),
    "frozenset": (frozenset,),
    "range": (range,),
    "slice": (slice,),
    "object": (object,),
    "type": (Class,),
    "NoneType": (type(None),),
}


def _isinstance(context: Context, value: Value, kinds: Value) -> Value:
    result = is_instance(context, value, kinds)
    if result is None:
        return value if isinstance(value, Unknown) else context.unknown("isinstance() of something unknown")
    return result


def is_instance(context: Context, value: Value, kinds: Value) -> bool | None:
    """Whether `value` is an instance of `kinds` (a class or nested tuples of classes); None when not known."""
    if isinstance(kinds, (tuple, list)):
        results = [is_instance(context, value, kind) for kind in kinds]
        return True if True in results else None if None in results else False
    if isinstance(value, Unknown) or isinstance(kinds, Unknown):
        return False if value is None else None  # nobody asks in this way for None
    if kinds is None:
        return value is None
    if isinstance(kinds, Class):
        return _is_instance_of_class(value, kinds)
    if isinstance(kinds, Symbol):
        return _is_instance_of_symbol(value, kinds)
    return None


def _is_instance_of_class(value: Value, cls: Class) -> bool | None:
    short = cls.name.removeprefix("builtins.")
    if isinstance(value, Instance):
        if cls in value.cls.mro or short == "object":
            return True
        return None if value.cls.opaque and cls.syntax is None and not cls.name.startswith("builtins.") else False
    if cls.name == "torch.nn.Parameter" and isinstance(value, Tensor):
        return value.parameter is not None and not value.partial
    if cls.name in ("torch.Tensor", "keras.KerasTensor"):
        return isinstance(value, Tensor)
    if isinstance(value, Tensor):
        return False
    if cls.syntax is None and cls.name.startswith("collections."):
        return _is_instance_of_symbol(value, Symbol(cls.name))
    if cls.name.startswith("builtins.") and short in TYPES:
        if isinstance(value, (Function, Native, BoundMethod)):
            return short == "object"
        return isinstance(value, TYPES[short])
    return False


_ABSTRACT: dict[str, tuple[type, ...]] = {
    "Callable": (Function, Native, BoundMethod, Class),
    "Sequence": (list, tuple, str, range),
    "MutableSequence": (list,),
    "Iterable": (list, tuple, str, dict, set, frozenset, range, Iterator),
    "Iterator": (Iterator,),
    "Mapping": (dict,),
    "MutableMapping": (dict,),
    "Set": (set, frozenset),
    "Number": (int, float, complex),
    "Integral": (int,),
    "Real": (int, float),
    "FunctionType": (Function,),
    "MethodType": (BoundMethod,),
    "List": (list,),
    "Tuple": (tuple,),
    "Dict": (dict,),
    "Hashable": (int, str, float, tuple),
}
_ABSTRACT_HOMES = frozenset({"collections", "typing", "numbers", "types"})


def _is_instance_of_symbol(value: Value, symbol: Symbol) -> bool | None:
    home, _, short = symbol.name.rpartition(".")
    if home.partition(".")[0] in _ABSTRACT_HOMES and short in _ABSTRACT:
        if isinstance(value, Instance):
            has = {"Callable": "__call__", "Iterable": "__iter__", "Sequence": "__getitem__", "Mapping": "keys"}
            return value.cls.find(has[short]) is not MISSING if short in has else False
        return isinstance(value, _ABSTRACT[short])
    if isinstance(value, (bool, int, float, str, list, tuple, dict, type(None), Function)):
        return False
    if isinstance(value, Instance) and not value.cls.opaque:
        return False
    if isinstance(value, Instance) and any(base == symbol for base in value.cls.mro):
        return True
    return None


def _issubclass(context: Context, cls: Value, kinds: Value) -> Value:
    if isinstance(kinds, (tuple, list)):
        results = [_issubclass(context, cls, kind) for kind in kinds]
        return True if True in results else next((r for r in results if isinstance(r, Unknown)), False)
    if isinstance(cls, Class) and isinstance(kinds, (Class, Symbol)):
        if getattr(kinds, "name", "") == "builtins.object" or any(base is kinds or base == kinds for base in cls.mro):
            return True
        return context.unknown("a base class is not analysed") if cls.opaque else False
    return context.unknown("issubclass() of something unknown")


FUNCTIONS: dict[str, Callable[..., Value]] = {"isinstance": _isinstance, "issubclass": _issubclass}
