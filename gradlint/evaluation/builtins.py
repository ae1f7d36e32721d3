"""Python's builtins as the analysed program sees them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from gradlint.evaluation import attributes, operators
from gradlint.evaluation.classes import python_class
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.iteration import AssumedRange, is_uncertain, length, stands_for_many, truth
from gradlint.evaluation.values import (
    MISSING,
    Assumed,
    BoundMethod,
    Class,
    ClassMethod,
    Function,
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

_TYPES: dict[str, tuple[type, ...]] = {
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


def _isinstance(context: Context, value: Value, kinds: Value) -> Value:
    result = is_instance(context, value, kinds)
    return context.unknown("isinstance() of something unknown") if result is None else result


def is_instance(context: Context, value: Value, kinds: Value) -> bool | None:
    """Whether `value` is an instance of `kinds` (a class or nested tuples of classes); None when not known."""
    if isinstance(kinds, (tuple, list)):
        results = [is_instance(context, value, kind) for kind in kinds]
        return True if True in results else None if None in results else False
    if isinstance(value, Unknown) or isinstance(kinds, Unknown):
        return None
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
    if cls.name.startswith("builtins.") and short in _TYPES:
        if isinstance(value, (Function, Native, BoundMethod)):
            return short == "object"
        return isinstance(value, _TYPES[short])
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
        if kinds is CLASSES["object"] or any(base is kinds or base == kinds for base in cls.mro):
            return True
        return context.unknown("a base class is not analysed") if cls.opaque else False
    return context.unknown("issubclass() of something unknown")


def _getattr(context: Context, value: Value, name: Value, *default: Value) -> Value:
    if isinstance(name, Unknown) or not isinstance(name, str):
        return context.unknown("getattr() with a name that is not known")
    if isinstance(value, Unknown):
        return value
    if default and isinstance(value, Instance) and _own(value, name) is MISSING:
        fallback = value.cls.find("__getattr__")
        if not isinstance(fallback, Function):
            return context.unknown("a base class is not analysed") if value.cls.opaque else default[0]
    found = attributes.find(context, value, name)
    if found is MISSING:
        if default:
            return default[0]
        raise Raised("AttributeError", f"no attribute '{name}'")
    return found


def _own(value: Instance, name: str) -> Value:
    if name in value.attrs:
        return value.attrs[name]
    found = value.cls.find(name)
    if found is MISSING and value.payload is not None:
        return attributes._of_payload(None, value, name)  # type: ignore[arg-type]
    return found


def _hasattr(context: Context, value: Value, name: Value) -> Value:
    if isinstance(value, Symbol) and isinstance(name, str):
        # What a table knows is there; what it does not know may be there all the same.
        if not isinstance(context.getattr(value, name), Symbol):
            return True
        return context.unknown(f"whether {value.name} has '{name}'")
    if isinstance(value, (Unknown, Symbol)) or not isinstance(name, str):
        return context.unknown("hasattr() of something unknown")
    if isinstance(value, Instance):
        if _own(value, name) is not MISSING:
            return True
        if value.cls.opaque:
            return context.unknown("a base class is not analysed")
        if value.cls.find("__getattr__") is MISSING:
            return False
    try:
        return attributes.find(context, value, name) is not MISSING
    except Raised:
        return False


def _setattr(context: Context, value: Value, name: Value, new: Value) -> None:
    if isinstance(name, str):
        context.setattr(value, name, new)


def _delattr(context: Context, value: Value, name: Value) -> None:
    if isinstance(name, str):
        attributes.delete(context, value, name)


def _type(context: Context, value: Value, *args: Value) -> Value:
    if args:
        return context.unknown("a class made by type()")
    if isinstance(value, Instance):
        return value.cls
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Tensor):
        return context.modules.symbol("torch.Tensor")
    name = next((key for key, kinds in _TYPES.items() if type(value) in kinds), None)
    return CLASSES[name] if name else Symbol(type(value).__name__)


def _map(context: Context, function: Value, *iterables: Value) -> Value:
    if any(is_uncertain(iterable) for iterable in iterables):
        context.uncertain_length()
    columns = [context.iterate(iterable) for iterable in iterables]
    return iter([context.call(function, *row) for row in zip(*columns, strict=False)])


def _filter(context: Context, function: Value, iterable: Value) -> Value:
    def keeps(item: Value) -> bool:
        return truth(context, item if function is None else context.call(function, item)) is not False

    return iter([item for item in context.iterate(iterable) if keeps(item)])


def _zip(context: Context, *iterables: Value, strict: Value = False) -> Value:
    for iterable in iterables:
        if isinstance(iterable, Unknown):
            return iterable
    known = [i for i in iterables if not is_uncertain(i)]
    if len(known) != len(iterables):
        return context.unknown("zip() of something unknown")
    columns = [
        iterable if isinstance(iterable, Iterator) else iter(context.iterate(iterable)) for iterable in iterables
    ]
    return iter(list(itertools.islice(zip(*columns, strict=False), context.budget.limits.items)))


def _enumerate(context: Context, iterable: Value, start: Value = 0) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    if is_uncertain(iterable):
        return context.unknown("enumerate() of something unknown")
    items = context.iterate(iterable)
    if len(items) == 1 and stands_for_many(iterable):
        return iter([(context.unknown("which of many batches this is"), items[0])])
    return iter(list(enumerate(items, start if isinstance(start, int) else 0)))


def _reversed(context: Context, value: Value) -> Value:
    return value if isinstance(value, Unknown) else iter(context.iterate(value)[::-1])


def _sum(context: Context, iterable: Value, start: Value = 0) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    total = start
    for item in context.iterate(iterable):
        total = operators.binary(context, "+", total, item)
    return total


def _extreme(name: str, context: Context, *args: Value, key: Value = None, default: Value = MISSING) -> Value:
    values = list(args) if len(args) > 1 else context.iterate(args[0])
    unknown = contains_unknown(values)
    if unknown is not None:
        return unknown
    if any(isinstance(value, Tensor) for value in values):
        return context.unknown(f"{name}() of tensors")
    if not values:
        if default is not MISSING:
            return default
        raise Raised("ValueError", f"{name}() of an empty sequence")
    keys = [value if key is None else context.call(key, value) for value in values]
    try:
        best = (min if name == "min" else max)(range(len(values)), key=lambda index: operators.plain(keys[index]))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None
    return values[best]


def sorted_values(context: Context, values: Value, key: Value = None, reverse: Value = False) -> Value:
    """`sorted(values, key=key, reverse=reverse)`, or an Unknown."""
    items = context.iterate(values)
    keys = [operators.plain(item if key is None else context.call(key, item)) for item in items]
    unknown = contains_unknown(keys)
    if unknown is not None:
        return unknown
    try:
        order = sorted(range(len(items)), key=keys.__getitem__, reverse=bool(reverse))
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None
    return [items[index] for index in order]


def _any(context: Context, iterable: Value) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    results = [truth(context, item) for item in context.iterate(iterable)]
    return True if True in results else context.unknown("any() of something unknown") if None in results else False


def _all(context: Context, iterable: Value) -> Value:
    if isinstance(iterable, Unknown):
        return iterable
    results = [truth(context, item) for item in context.iterate(iterable)]
    return False if False in results else context.unknown("all() of something unknown") if None in results else True


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


def _next(context: Context, iterator: Value, *default: Value) -> Value:
    if isinstance(iterator, Iterator):
        for item in iterator:
            return item
        if default:
            return default[0]
        raise Raised("StopIteration")
    if isinstance(iterator, Instance):
        method = iterator.cls.find("__next__")
        if method is not MISSING:
            return context.call(method, iterator)
    return context.unknown("next() of something unknown")


def _iter(context: Context, value: Value, *sentinel: Value) -> Value:
    if isinstance(value, Unknown) or sentinel:
        return value
    return value if isinstance(value, Iterator) else iter(context.iterate(value))


def _callable(context: Context, value: Value) -> Value:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Instance):
        return value.cls.find("__call__") is not MISSING
    return isinstance(value, (Function, Native, BoundMethod, Class, Symbol))


def _vars(context: Context, value: Value = None) -> Value:
    return value.attrs if isinstance(value, Instance) else context.unknown("vars()")


def _property(context: Context, getter: Value = None, setter: Value = None, *others: Value, **named: Value) -> Value:
    return Property(getter if getter is not None else named.get("fget"), setter)


def _quiet(context: Context, *args: Value, **kwargs: Value) -> None:
    return None


def _unknown_result(name: str) -> Callable[..., Value]:
    return lambda context, *args, **kwargs: context.unknown(f"{name}() depends on the world outside")


def _super(context: Context, cls: Value = None, receiver: Value = None) -> Value:
    from gradlint.evaluation.values import Super

    return Super(cls, receiver) if isinstance(cls, Class) else context.unknown("super() of something unknown")


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
    name: python_class(f"builtins.{name}", namespace={"__new__": Native(name, _construct(name))}) for name in _TYPES
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
    "len": lambda context, value: length(context, value),
    "isinstance": _isinstance,
    "issubclass": _issubclass,
    "getattr": _getattr,
    "hasattr": _hasattr,
    "setattr": _setattr,
    "delattr": _delattr,
    "map": _map,
    "filter": _filter,
    "zip": _zip,
    "enumerate": _enumerate,
    "reversed": _reversed,
    "sorted": sorted_values,
    "sum": _sum,
    "min": lambda context, *args, **kwargs: _extreme("min", context, *args, **kwargs),
    "max": lambda context, *args, **kwargs: _extreme("max", context, *args, **kwargs),
    "any": _any,
    "all": _all,
    "round": _round,
    "abs": _abs,
    "pow": _pow,
    "divmod": _divmod,
    "next": _next,
    "iter": _iter,
    "callable": _callable,
    "vars": _vars,
    "property": _property,
    "staticmethod": lambda context, function: StaticMethod(function),
    "classmethod": lambda context, function: ClassMethod(function),
    "super": _super,
    "print": _quiet,
    "id": _unknown_result("id"),
    "repr": _str,
    "chr": lambda context, value: chr(value),
    "ord": lambda context, value: ord(value),
    "hash": _unknown_result("hash"),
    "open": _unknown_result("open"),
    "input": _unknown_result("input"),
    "eval": _unknown_result("eval"),
    "exec": _unknown_result("exec"),
    "globals": lambda context: context.modules.globals_of(context),
    "locals": lambda context: dict(context.local_variables()),
    "dir": _unknown_result("dir"),
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
