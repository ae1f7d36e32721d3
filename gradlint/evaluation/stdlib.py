"""The standard library as far as model code uses it: tables from dotted names to values."""

from __future__ import annotations

import itertools
import posixpath
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradlint.evaluation import operators
from gradlint.evaluation.builtins import BUILTINS, CLASSES
from gradlint.evaluation.classes import python_class
from gradlint.evaluation.copying import copied
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.introspection import NAMES as INTROSPECTION
from gradlint.evaluation.mappings import MAPPINGS
from gradlint.evaluation.mathematics import NUMBERS, pure
from gradlint.evaluation.reflection import MODULES
from gradlint.evaluation.regular_expressions import REGULAR_EXPRESSIONS
from gradlint.evaluation.structures import (
    ARGPARSE,
    DATACLASSES,
    ENUMS,
    NAMED_TUPLES,
)
from gradlint.evaluation.values import (
    MISSING,
    BoundMethod,
    Class,
    DefaultDict,
    Function,
    Instance,
    Native,
    Property,
    StaticMethod,
    Symbol,
    Value,
    contains_unknown,
)
from gradlint.evaluation.versions import VERSIONS

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter


def _reduce(context: Context, function: Value, iterable: Value, *initial: Value) -> Value:
    items = [*initial, *context.iterate(iterable)]
    if not items:
        raise Raised("TypeError", "reduce() of an empty sequence")
    result = items[0]
    for item in items[1:]:
        result = context.call(function, result, item)
    return result


def _partial(context: Context, cls: Class, function: Value, /, *args: Value, **kwargs: Value) -> Value:
    if isinstance(function, Instance) and function.cls is PARTIAL:
        args = (*function.attrs["args"], *args)
        kwargs = {**function.attrs["keywords"], **kwargs}
        function = function.attrs["func"]
    return Instance(cls, {"func": function, "args": args, "keywords": kwargs}, origin=context.origin())


def _call_partial(context: Context, self: Instance, /, *args: Value, **kwargs: Value) -> Value:
    return context.call(self.attrs["func"], *self.attrs["args"], *args, **{**self.attrs["keywords"], **kwargs})


PARTIAL = python_class(
    "functools.partial",
    namespace={"__new__": Native("partial", _partial), "__call__": Native("partial.__call__", _call_partial)},
)


def _wraps(context: Context, wrapped: Value, *args: Value, **kwargs: Value) -> Value:
    def decorate(context: Context, wrapper: Value) -> Value:
        if isinstance(wrapper, Function):
            wrapper.attributes["__wrapped__"] = wrapped
            if isinstance(wrapped, (Function, Class)):
                wrapper.attributes["__name__"] = context.getattr(wrapped, "__name__")
        return wrapper

    return Native("wraps", decorate)


def _transparent(context: Context, *args: Value, **kwargs: Value) -> Value:
    """A decorator with or without arguments that leaves what it decorates as it is."""
    if len(args) == 1 and isinstance(args[0], (Function, Class, Native, BoundMethod)) and not kwargs:
        return args[0]
    return Native("decorator", lambda context, function: function)


def _cached_property(context: Context, getter: Value) -> Value:
    return Property(getter)


def _chain(context: Context, *iterables: Value) -> Value:
    unknown = contains_unknown(list(iterables))
    if unknown is not None:
        return unknown
    return iter([item for iterable in iterables for item in context.iterate(iterable)])


def _chain_from(context: Context, iterables: Value) -> Value:
    return _chain(context, *context.iterate(iterables))


CHAIN = python_class(
    "itertools.chain",
    namespace={
        "__new__": Native("chain", lambda context, cls, *args: _chain(context, *args)),
        "from_iterable": StaticMethod(Native("chain.from_iterable", _chain_from)),
    },
)


def _itertool(name: str) -> Callable[..., Value]:
    function = getattr(itertools, name)

    def call(context: Context, *args: Value, **kwargs: Value) -> Value:
        unknown = contains_unknown(list(args))
        if unknown is not None:
            return unknown
        values = [context.iterate(arg) if not isinstance(arg, (int, float, str, type(None))) else arg for arg in args]
        try:
            return iter(list(itertools.islice(function(*values, **kwargs), context.budget.limits.iterations)))
        except (TypeError, ValueError) as error:
            raise Raised(type(error).__name__, str(error)) from None

    return call


def _count(context: Context, start: Value = 0, step: Value = 1) -> Value:
    if not isinstance(start, int) or not isinstance(step, int):
        return context.unknown("itertools.count() of something unknown")
    return iter(range(start, start + step * context.budget.limits.iterations, step))


def _accumulate(context: Context, iterable: Value, function: Value = None, **kwargs: Value) -> Value:
    results: list[Value] = []
    for item in context.iterate(iterable):
        if not results:
            results.append(item)
        elif function is None:
            results.append(operators.binary(context, "+", results[-1], item))
        else:
            results.append(context.call(function, results[-1], item))
    return iter(results)


def _defaultdict(context: Context, factory: Value = None, *args: Value, **kwargs: Value) -> Value:
    result = DefaultDict(context.call(CLASSES["dict"], *args, **kwargs))
    result.default_factory = factory
    return result


def _counter(context: Context, iterable: Value = (), **kwargs: Value) -> Value:
    if isinstance(iterable, dict):
        return dict(iterable)
    counts: dict[Value, int] = {}
    for item in context.iterate(iterable):
        counts[item] = counts.get(item, 0) + 1
    return counts


def _deque(context: Context, iterable: Value = (), *args: Value, **kwargs: Value) -> Value:
    return context.iterate(iterable)


def _chosen(context: Context, *args: Value, **kwargs: Value) -> Value:
    return context.unknown("what is drawn at random")


def _itemgetter(context: Context, *keys: Value) -> Value:
    def get(context: Context, value: Value) -> Value:
        from gradlint.evaluation import subscripts

        found = tuple(subscripts.get(context, value, key) for key in keys)
        return found[0] if len(found) == 1 else found

    return Native("itemgetter", get)


def _attrgetter(context: Context, *names: Value) -> Value:
    def get(context: Context, value: Value) -> Value:
        found = []
        for name in names:
            item = value
            for part in str(name).split("."):
                item = context.getattr(item, part)
            found.append(item)
        return found[0] if len(found) == 1 else tuple(found)

    return Native("attrgetter", get)


def _operator(symbol: str) -> Native:
    return Native(f"operator {symbol}", lambda context, left, right: operators.binary(context, symbol, left, right))


_IDENTITY_DECORATORS = [
    "functools.lru_cache",
    "functools.cache",
    "functools.total_ordering",
    "functools.singledispatch",
    "abc.abstractmethod",
    "typing.overload",
    "typing.final",
    "typing.runtime_checkable",
    "typing.no_type_check",
    "contextlib.contextmanager",
    "typing_extensions.override",
    "typing.override",
    "typing_extensions.deprecated",
    "warnings.deprecated",
    "atexit.register",
    "typing_extensions.overload",
    "typing_extensions.final",
    "contextlib.asynccontextmanager",
    "numba.jit",
    "numba.njit",
]


def _quiet(context: Context, *args: Value, **kwargs: Value) -> None:
    return None


def _environment(context: Context, key: Value = None, default: Value = None) -> Value:
    """A variable of the environment: its default where the source gives one."""
    return context.unknown("the environment") if default is None else default


_PRESENT = frozenset({"torch", "torchvision", "keras", "tensorflow", "numpy", "lightning", "pytorch_lightning"})


def _find_spec(context: Context, name: Value, package: Value = None) -> Value:
    """Optional libraries count as not installed: accelerators of one make, kernels that replace plain code."""
    if not isinstance(name, str) or name.partition(".")[0] in _PRESENT:
        return context.unknown("whether a library is installed")
    return None


def _null_context(context: Context, cls: Class, value: Value = None) -> Value:
    return Instance(cls, payload=None, hidden={"value": value})


NAMES: dict[str, Value] = {
    **NUMBERS,
    **ENUMS,
    **DATACLASSES,
    **NAMED_TUPLES,
    **MAPPINGS,
    **REGULAR_EXPRESSIONS,
    **VERSIONS,
    **ARGPARSE,
    **INTROSPECTION,
    **{name: Native(name, _transparent) for name in _IDENTITY_DECORATORS},
    "functools.reduce": Native("functools.reduce", _reduce),
    "functools.partial": PARTIAL,
    "functools.partialmethod": PARTIAL,
    "functools.wraps": Native("functools.wraps", _wraps),
    "functools.update_wrapper": Native("update_wrapper", lambda context, wrapper, *args, **kwargs: wrapper),
    "functools.cached_property": Native("cached_property", _cached_property),
    "abc.abstractproperty": Native("abstractproperty", _cached_property),
    "itertools.chain": CHAIN,
    "itertools.count": Native("itertools.count", _count),
    "itertools.accumulate": Native("itertools.accumulate", _accumulate),
    **{
        f"itertools.{name}": Native(f"itertools.{name}", _itertool(name))
        for name in (
            "product",
            "repeat",
            "islice",
            "zip_longest",
            "combinations",
            "permutations",
            "cycle",
            "pairwise",
            "compress",
        )
    },
    "itertools.starmap": Native(
        "starmap", lambda context, f, rows: iter([context.call(f, *context.iterate(r)) for r in context.iterate(rows)])
    ),
    "collections.OrderedDict": CLASSES["dict"],
    "typing.OrderedDict": CLASSES["dict"],
    "typing.TypedDict": CLASSES["dict"],
    "collections.UserDict": CLASSES["dict"],
    "collections.defaultdict": Native("defaultdict", _defaultdict),
    "collections.Counter": Native("Counter", _counter),
    "collections.deque": Native("deque", _deque),
    "copy.copy": Native("copy.copy", lambda context, value: copied(context, value, deep=False)),
    "copy.deepcopy": Native("copy.deepcopy", lambda context, value, memo=None: copied(context, value, deep=True)),
    "operator.itemgetter": Native("itemgetter", _itemgetter),
    "operator.attrgetter": Native("attrgetter", _attrgetter),
    **{
        f"operator.{name}": _operator(symbol)
        for name, symbol in {
            "add": "+",
            "sub": "-",
            "mul": "*",
            "truediv": "/",
            "floordiv": "//",
            "mod": "%",
            "pow": "**",
            "matmul": "@",
        }.items()
    },
    **{
        f"operator.{name}": Native(
            f"operator.{name}", lambda context, a, b, symbol=symbol: operators.compare(context, symbol, a, b)
        )
        for name, symbol in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items()
    },
    "operator.index": Native("operator.index", lambda context, value: value),
    "typing.cast": Native("typing.cast", lambda context, kind, value: value),
    "typing.TYPE_CHECKING": False,
    "typing_extensions.TYPE_CHECKING": False,
    "typing.Generic": python_class("typing.Generic"),
    "typing.Protocol": python_class("typing.Protocol"),
    "typing_extensions.Protocol": python_class("typing.Protocol"),
    "abc.ABC": python_class("abc.ABC"),
    "abc.ABCMeta": CLASSES["type"],
    "collections.abc.Callable": Symbol("collections.abc.Callable"),
    "warnings.warn": Native("warnings.warn", _quiet),
    "warnings.filterwarnings": Native("warnings.filterwarnings", _quiet),
    "warnings.simplefilter": Native("warnings.simplefilter", _quiet),
    "gc.collect": Native("gc.collect", _quiet),
    "random.seed": Native("random.seed", _quiet),
    **{f"random.{name}": Native(f"random.{name}", _chosen) for name in ("sample", "choice", "choices")},
    "numpy.random.seed": Native("numpy.random.seed", _quiet),
    "contextlib.nullcontext": python_class(
        "contextlib.nullcontext",
        namespace={
            "__new__": Native("nullcontext", _null_context),
            "__enter__": Native("__enter__", lambda context, self: self.hidden.get("value")),
            "__exit__": Native("__exit__", _quiet),
        },
    ),
    "importlib.util.find_spec": Native("importlib.util.find_spec", _find_spec),
    "os.path.join": pure("os.path.join", posixpath.join),
    "os.path.basename": pure("os.path.basename", posixpath.basename),
    "os.path.dirname": pure("os.path.dirname", posixpath.dirname),
    "os.path.splitext": pure("os.path.splitext", posixpath.splitext),
    "os.sep": "/",
    "os.environ.get": Native("os.environ.get", _environment),
    "os.getenv": Native("os.getenv", _environment),
    "sys.version_info": tuple(sys.version_info),
    "sys.modules": MODULES,
    "sys.platform": sys.platform,
    "sys.maxsize": sys.maxsize,
    "types.SimpleNamespace": python_class(
        "types.SimpleNamespace",
        namespace={"__init__": Native("SimpleNamespace", lambda context, self, **kwargs: self.attrs.update(kwargs))},
    ),
}


def lookup(name: str) -> Value:
    """What the dotted name of the standard library stands for, or `MISSING`."""
    head, _, rest = name.partition(".")
    if head == "builtins":
        return BUILTINS.get(rest, MISSING)
    return NAMES.get(name, MISSING)
