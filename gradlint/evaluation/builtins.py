"""Python's builtins as the analysed program sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gradlint.evaluation import kinds, operators, reflection, sequences
from gradlint.evaluation.classes import python_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.evaluated_text import evaluated_text
from gradlint.evaluation.iteration import AssumedRange, is_uncertain, truth
from gradlint.evaluation.kinds import TYPES
from gradlint.evaluation.values import (
    MISSING,
    Assumed,
    Class,
    ClassMethod,
    Instance,
    Native,
    Property,
    StaticMethod,
    Symbol,
    Tensor,
    Unknown,
    Value,
    contains_unknown,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter

_EXCEPTIONS = [
    "BaseException",
    "Exception",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "EOFError",
    "FloatingPointError",
    "ImportError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "RecursionError",
    "ReferenceError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemError",
    "SystemExit",
    "TypeError",
    "UnboundLocalError",
    "UnicodeError",
    "ValueError",
    "ZeroDivisionError",
    "FileNotFoundError",
    "FileExistsError",
    "IOError",
    "PermissionError",
    "TimeoutError",
    "ConnectionError",
    "Warning",
    "UserWarning",
    "DeprecationWarning",
    "FutureWarning",
    "RuntimeWarning",
]


def _range(context: Context, *args: Value) -> Value:
    unknown = contains_unknown(list(args))
    if unknown is not None:
        return unknown
    numbers = [operators.plain(arg) for arg in args]
    if any(isinstance(number, Tensor) for number in numbers):
        return context.unknown("range() of a tensor")
    if any(isinstance(number, Assumed) for number in numbers):
        return AssumedRange(0 if len(numbers) == 1 else numbers[0])
    try:
        return range(*numbers)
    except (TypeError, ValueError) as error:
        raise Raised(type(error).__name__, str(error)) from None


def _number(kind: type, context: Context, value: Value = 0, *args: Value) -> Value:
    if isinstance(value, Tensor):
        if isinstance(value.values, (bool, int, float)):
            return kind(value.values)
        return context.unknown(f"{kind.__name__}() of a tensor")
    if isinstance(value, Instance):
        method = value.cls.find(f"__{kind.__name__}__")
        value = context.call(method, value) if method is not MISSING else value.payload
    if isinstance(value, (Unknown, Symbol)):
        return value if isinstance(value, Unknown) else context.unknown(f"{kind.__name__}() of {value.name}")
    if isinstance(value, Assumed) and kind is int:
        return value
    try:
        return kind(value, *args)
    except (TypeError, ValueError, OverflowError) as error:
        raise Raised(type(error).__name__, str(error)) from None


def _bool(context: Context, value: Value = False) -> Value:
    result = truth(context, value)
    return context.unknown("bool() of something unknown") if result is None else result


def _str(context: Context, value: Value = "", *args: Value) -> Value:
    from gradlint.evaluation.calls import text_of

    return text_of(context, value)


def _sequence(kind: type, context: Context, value: Value = ()) -> Value:
    if isinstance(value, Unknown):
        return value
    if is_uncertain(value):
        context.uncertain_length()
    try:
        return kind(context.iterate(value))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None


def _dict(context: Context, value: Value = (), **kwargs: Value) -> Value:
    value = operators.plain(value)
    if isinstance(value, Unknown):
        return value
    if isinstance(value, dict):
        return {**value, **kwargs}
    try:
        return {**{key: item for key, item in map(context.iterate, context.iterate(value))}, **kwargs}  # noqa: C416
    except (TypeError, ValueError) as error:
        raise Raised(type(error).__name__, str(error)) from None


def _round(context: Context, value: Value, digits: Value = None) -> Value:
    if isinstance(value, Tensor):
        return context.call(context.getattr(value, "round"))
    if isinstance(value, Unknown):
        return value
    try:
        return round(value) if digits is None else round(value, digits)
    except (TypeError, ValueError, OverflowError) as error:
        raise Raised(type(error).__name__, str(error)) from None


def _abs(context: Context, value: Value) -> Value:
    if isinstance(value, Tensor):
        return context.call(context.getattr(value, "abs"))
    return value if isinstance(value, Unknown) else abs(value)


def _pow(context: Context, base: Value, exponent: Value, *modulus: Value) -> Value:
    return context.unknown("pow() with a modulus") if modulus else operators.binary(context, "**", base, exponent)


def _divmod(context: Context, left: Value, right: Value) -> Value:
    return (operators.binary(context, "//", left, right), operators.binary(context, "%", left, right))


def _property(context: Context, getter: Value = None, setter: Value = None, *others: Value, **named: Value) -> Value:
    return Property(getter if getter is not None else named.get("fget"), setter)


def _quiet(context: Context, *args: Value, **kwargs: Value) -> None:
    return None


def _unknown_result(name: str) -> Callable[..., Value]:
    return lambda context, *args, **kwargs: context.unknown(f"{name}() depends on the world outside")


def _type(context: Context, value: Value, *args: Value) -> Value:
    if args:
        return context.unknown("a class made by type()")
    if isinstance(value, Instance):
        return value.cls
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Tensor):
        return context.modules.symbol("torch.Tensor")
    name = next((key for key, kinds in TYPES.items() if type(value) in kinds), None)
    return CLASSES[name] if name else Symbol(type(value).__name__)


_CONSTRUCTORS: dict[str, Callable[..., Value]] = {
    "int": lambda context, *args: _number(int, context, *args),
    "float": lambda context, *args: _number(float, context, *args),
    "complex": lambda context, *args: _number(complex, context, *args),
    "bool": _bool,
    "str": _str,
    "bytes": lambda context, *args, **kwargs: context.unknown("bytes()"),
    "list": lambda context, *args: _sequence(list, context, *args),
    "tuple": lambda context, *args: _sequence(tuple, context, *args),
    "set": lambda context, *args: _sequence(set, context, *args),
    "frozenset": lambda context, *args: _sequence(frozenset, context, *args),
    "dict": _dict,
    "range": _range,
    "slice": lambda context, *args: slice(*args),
    "object": lambda context: Instance(CLASSES["object"]),
    "type": _type,
    "NoneType": lambda context: None,
}


def _construct(name: str) -> Callable[..., Value]:
    constructor = _CONSTRUCTORS[name]

    def new(context: Context, cls: Class, *args: Value, **kwargs: Value) -> Value:
        if cls is CLASSES[name]:
            return constructor(context, *args, **kwargs)
        return Instance(
            cls, payload=constructor(context, *args[:1]) if name != "object" else None, origin=context.origin()
        )

    return new


def _new_exception(context: Context, cls: Class, *args: Value, **kwargs: Value) -> Value:
    return Instance(cls, {"args": args}, args, context.origin())


CLASSES: dict[str, Class] = {
    name: python_class(f"builtins.{name}", namespace={"__new__": Native(name, _construct(name))}) for name in TYPES
}
CLASSES["object"].namespace.clear()
CLASSES["object"].namespace["__new__"] = Native(
    "object", lambda context, cls, *args, **kwargs: Instance(cls, origin=context.origin())
)
CLASSES["dict"].namespace["fromkeys"] = StaticMethod(
    Native("fromkeys", lambda context, keys, value=None: dict.fromkeys(context.iterate(keys), value))
)
CLASSES["BaseException"] = python_class("builtins.BaseException", namespace={"__new__": Native("new", _new_exception)})
for _name in _EXCEPTIONS[1:]:
    CLASSES[_name] = python_class(f"builtins.{_name}", (CLASSES["BaseException"],))

_FUNCTIONS: dict[str, Callable[..., Value]] = {
    **kinds.FUNCTIONS,
    **reflection.FUNCTIONS,
    **sequences.FUNCTIONS,
    "round": _round,
    "abs": _abs,
    "pow": _pow,
    "divmod": _divmod,
    "property": _property,
    "staticmethod": lambda context, function: StaticMethod(function),
    "classmethod": lambda context, function: ClassMethod(function),
    "print": _quiet,
    "id": _unknown_result("id"),
    "repr": _str,
    "chr": lambda context, value: chr(value),
    "ord": lambda context, value: ord(value),
    "hash": _unknown_result("hash"),
    "open": _unknown_result("open"),
    "input": _unknown_result("input"),
    "eval": evaluated_text,
    "exec": _unknown_result("exec"),
    "__import__": _unknown_result("__import__"),
    "exit": _quiet,
    "quit": _quiet,
}

BUILTINS: dict[str, Value] = {
    **CLASSES,
    **{name: Native(name, function) for name, function in _FUNCTIONS.items()},
    "NotImplemented": Symbol("builtins.NotImplemented"),
    "Ellipsis": Ellipsis,
    "__debug__": True,
    "True": True,
    "False": False,
    "None": None,
}
