"""`math`, and what numpy does with plain numbers: called for real on numbers that are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradlint.evaluation import operators
from gradlint.evaluation.builtins import BUILTINS
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import Array, Native, Symbol, Tensor, Value, contains_unknown

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter

_MATH_ERRORS = (TypeError, ValueError, OverflowError, ZeroDivisionError)


def pure(name: str, function: Callable[..., Any]) -> Native:
    """A function without side effects that is called for real, on known numbers and sequences of numbers."""

    def call(context: Context, *args: Value, **kwargs: Value) -> Value:
        values = [operators.plain(arg) for arg in args]
        unknown = contains_unknown(values)
        if unknown is not None:
            unknown.cost += 1
            return unknown
        if any(isinstance(value, Symbol) for value in values):
            return context.unknown(f"{name}() of something that is not analysed")
        if name.startswith("numpy.") and any(isinstance(value, (Tensor, Array)) for value in values):
            from gradlint.frameworks.numpy import on_arrays

            return on_arrays(context, name, *args, **kwargs)
        if any(isinstance(value, Tensor) for value in values):
            tensor = next(value for value in values if isinstance(value, Tensor))
            method = getattr(tensor.values, "__float__", None)
            if method is None:
                return context.unknown(f"{name}() of a tensor")
            values = [value.values if isinstance(value, Tensor) else value for value in values]
        if any(isinstance(value, int) and value.bit_length() > 1024 for value in values):
            return context.unknown(f"{name}() of a very large number")
        try:
            return function(*values, **kwargs)
        except _MATH_ERRORS as error:
            raise Raised(type(error).__name__, str(error)) from None

    return Native(name, call)


_SMALL_MATH = frozenset({"factorial", "comb", "perm", "prod", "fsum"})


def _bounded_factorial(name: str) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        if any(isinstance(arg, int) and arg > 300 for arg in args):
            raise OverflowError(f"{name} of a large number")
        return getattr(math, name)(*args)

    return call


_MATH: dict[str, Value] = {
    f"math.{name}": pure(f"math.{name}", getattr(math, name)) if callable(getattr(math, name)) else getattr(math, name)
    for name in dir(math)
    if not name.startswith("_") and name not in _SMALL_MATH
}
for _name in ("factorial", "comb", "perm"):
    _MATH[f"math.{_name}"] = pure(f"math.{_name}", _bounded_factorial(_name))


def _product(context: Context, iterable: Value, *args: Value, start: Value = 1, **kwargs: Value) -> Value:
    result = start
    for item in context.iterate(iterable):
        result = operators.binary(context, "*", result, item)
    return result


def _sequence_of_floats(name: str) -> Callable[..., Value]:
    def call(context: Context, *args: Value, **kwargs: Value) -> Value:
        values = [operators.plain(arg) for arg in args]
        if contains_unknown(values) or any(not isinstance(value, (int, float)) for value in values):
            return context.unknown(f"numpy.{name}() of something unknown")
        if name == "linspace":
            count = int(values[2]) if len(values) > 2 else int(kwargs.get("num", 50))
            if count > context.budget.limits.iterations:
                return context.unknown("numpy.linspace() with very many steps")
            step = (values[1] - values[0]) / max(count - 1, 1)
            return Array(values[0] + step * index for index in range(count))
        if all(isinstance(value, int) for value in values):
            return Array(range(*values)[: context.budget.limits.iterations])
        start, stop, step = (0, *values, 1) if len(values) == 1 else (*values, 1)[:3]
        count = math.ceil((stop - start) / step) if step else 0
        if count > context.budget.limits.iterations:
            return context.unknown("numpy.arange() with very many steps")
        return Array(start + step * index for index in range(max(count, 0)))

    return call


def _reduction(name: str) -> Native:
    """`numpy.sum` and its kin: of a list of numbers that of Python, of an array that of tensors."""

    def call(context: Context, values: Value = None, *args: Value, **kwargs: Value) -> Value:
        if isinstance(values, Tensor):
            from gradlint.frameworks.numpy import on_arrays

            return on_arrays(context, f"numpy.{name}", values, *args, **kwargs)
        return context.call(BUILTINS[name], values)

    return Native(f"numpy.{name}", call)


def _split_array(context: Context, values: Value = None, parts: Value = None, *args: Value, **kwargs: Value) -> Value:
    """`numpy.split` of a one-dimensional array: into equal parts, or at positions."""
    values = operators.plain(values)
    if not isinstance(values, list) or contains_unknown(parts):
        return context.unknown("numpy.split() of something unknown")
    if isinstance(parts, int) and parts > 0:
        size = -(-len(values) // parts)
        cuts = list(range(size, len(values), size))
    elif isinstance(parts, (list, tuple)) and all(isinstance(cut, int) for cut in parts):
        cuts = list(parts)
    else:
        return context.unknown("numpy.split() at positions that are not known")
    edges = [0, *cuts, len(values)]
    return [Array(values[start:stop]) for start, stop in itertools.pairwise(edges)]


_NUMPY_MATH: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt,
    "log": math.log,
    "log2": math.log2,
    "exp": math.exp,
    "ceil": math.ceil,
    "floor": math.floor,
    "abs": abs,
    "round": round,
    "power": pow,
    "cos": math.cos,
    "sin": math.sin,
}

NUMBERS: dict[str, Value] = {
    **_MATH,
    "math.prod": Native("math.prod", _product),
    "numpy.pi": math.pi,
    "numpy.newaxis": None,
    "numpy.e": math.e,
    "numpy.inf": math.inf,
    "numpy.prod": Native("numpy.prod", _product),
    "numpy.linspace": Native("numpy.linspace", _sequence_of_floats("linspace")),
    "numpy.arange": Native("numpy.arange", _sequence_of_floats("arange")),
    "numpy.split": Native("numpy.split", _split_array),
    "numpy.array_split": Native("numpy.array_split", _split_array),
    "numpy.sum": _reduction("sum"),
    "numpy.max": _reduction("max"),
    "numpy.min": _reduction("min"),
    **{f"numpy.{name}": pure(f"numpy.{name}", function) for name, function in _NUMPY_MATH.items()},
}
