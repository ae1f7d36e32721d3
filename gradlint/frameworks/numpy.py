"""numpy as far as the shape of data matters: arrays of zeros or random numbers, and what rearranges and joins arrays.

Arrays are tensors, but those of one axis with known entries, which `Array` holds. Functions of plain numbers are in
the table of the standard library, which comes first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Array, Native, Tensor, Value, contains_unknown, tensors_in
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.ops import find_operation
from gradlint.frameworks.keras.ops.operation import complete, settled, tensor
from gradlint.network import Kind, Shape

# Functions of numpy that are those of `keras.ops` under the same name.
_SHARED = frozenset(
    {
        *("abs", "absolute", "argmax", "argmin", "argsort", "broadcast_to", "clip", "concatenate", "dot", "einsum"),
        *("exp", "expand_dims", "eye", "flip", "full", "hstack", "log", "matmul", "maximum", "mean", "median"),
        *("minimum", "moveaxis", "multiply", "ones", "ones_like", "outer", "pad", "ravel", "repeat", "reshape", "roll"),
        *("sort", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "swapaxes", "take", "tensordot"),
        *("tile", "transpose", "tril", "triu", "var", "vstack", "where", "zeros", "zeros_like", "add", "divide"),
        *("array_split", "sum", "max", "min", "sin", "cos", "tanh", "power", "floor", "ceil", "round", "sign", "log2"),
        *("mod", "floor_divide", "log1p", "meshgrid", "tri"),
    }
)

_FROM_DATA = frozenset({"array", "asanyarray", "asarray", "ascontiguousarray"})

_CREATING = frozenset({"eye", "full", "ones", "tri", "zeros"})


def _data(ctx: Context, shape: Shape | None, dtype: str) -> Tensor:
    kind = "int" if dtype.startswith("int") else "float"
    return ctx.emit(Kind.INPUT, (), shape, attributes={"dtype": kind}, dtype=dtype)


def _by_sizes(ctx: Context, *sizes: Value) -> Value:
    """`numpy.random.rand(2, 3)`: one argument per axis."""
    return _data(ctx, complete(list(sizes)), "float32")


def _drawn(position: int, dtype: str = "float32") -> Callable[..., Value]:
    """A random array whose shape is the argument `size`, the one at `position`."""

    def draw(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        size = args[position] if len(args) > position else kwargs.get("size")
        if size is None:
            return ctx.unknown("a random number")
        return _data(ctx, complete(size), dtype)

    return draw


_RANDOM: Mapping[str, Callable[..., Value]] = {
    "rand": _by_sizes,
    "randn": _by_sizes,
    "random": _drawn(0),
    "random_sample": _drawn(0),
    "standard_normal": _drawn(0),
    "normal": _drawn(2),
    "uniform": _drawn(2),
    "randint": _drawn(2, "int64"),
}


@functools.cache
def lookup(name: str) -> Value:
    """The value of a name of numpy, or `MISSING`."""
    short = name.removeprefix("numpy.")
    if short.startswith("random."):
        draw = _RANDOM.get(short.removeprefix("random."))
        return MISSING if draw is None else Native(name, draw)
    if short in _FROM_DATA:
        return Native(name, _array)
    if short not in _SHARED:
        return MISSING

    def call(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        return on_arrays(ctx, name, *args, **kwargs)

    return Native(name, call)


def on_arrays(ctx: Context, name: str, *args: Value, **kwargs: Value) -> Value:
    """The function `name` of numpy on arrays; Unknown on plain lists, which may be arrays of objects."""
    short = name.removeprefix("numpy.")
    operation = find_operation(short)
    given = [_with_tensors(ctx, arg) for arg in args]
    named = {key: _with_tensors(ctx, arg) for key, arg in kwargs.items()}
    if not isinstance(operation, Native) or (short not in _CREATING and not tensors_in(*given, *named.values())):
        return ctx.unknown(f"{name}() of something that is no array of known shape")
    return _plain(ctx, operation.call(ctx, *given, **named))


def _array(ctx: Context, data: Value = None, dtype: Value = None, *args: Value, **rest: Value) -> Value:
    """An array of numbers, of lists of numbers, or of arrays of one shape; a single number as itself."""
    unknown = contains_unknown(data)
    if unknown is not None:
        unknown.cost += 1
        return unknown
    if isinstance(data, (bool, int, float)):
        return data
    if isinstance(data, (list, tuple, range)):
        if all(isinstance(entry, (bool, int, float)) for entry in data):
            mixed = any(isinstance(entry, float) for entry in data)
            return _as_type(Array(map(float, data) if mixed else data), dtype)
        data = tensor(ctx, [_with_tensors(ctx, entry) for entry in data])
    if not isinstance(data, Tensor) or data.shape is None:
        return ctx.unknown("numpy.array() of something that is no list of numbers")
    return data if dtype is None else ctx.call(ctx.getattr(data, "astype"), dtype)


def _with_tensors(ctx: Context, value: Value) -> Value:
    """`value` with the arrays in it as tensors."""
    if type(value) in (Array, range):
        return array_tensor(ctx, Array(value))
    if type(value) in (list, tuple) and any(type(item) in (Array, range) for item in value):
        return [_with_tensors(ctx, item) for item in value]
    return value


def array_tensor(ctx: Context, array: Array) -> Tensor:
    """A one-dimensional array as a tensor of known entries."""
    whole = all(isinstance(entry, int) for entry in array)
    kept = list(array) if nodes.fits((len(array),)) else None
    return nodes.constant(ctx, (len(array),), "int64" if whole else "float32", values=kept)


def array_method(ctx: Context, array: Array, name: str) -> Value:
    """`array.name` for what arrays have and lists have not, or `MISSING`."""
    if name == "tolist":
        return Native("numpy.ndarray.tolist", lambda ctx: list(array))
    if name == "astype":
        return Native("numpy.ndarray.astype", lambda ctx, dtype=None, *args, **kwargs: _as_type(array, dtype))
    return ctx.getattr(array_tensor(ctx, array), name)


def _as_type(array: Array, dtype: Value) -> Array:
    name = getattr(dtype, "name", dtype)
    kind = name.rpartition(".")[2] if isinstance(name, str) else ""
    if kind.startswith(("int", "uint")):
        return Array(int(entry) for entry in array)
    return Array(float(entry) for entry in array) if kind.startswith("float") else Array(array)


def _plain(ctx: Context, result: Value) -> Value:
    """A single known number as itself; an array calculated from constants as one without a history."""
    if isinstance(result, list):
        return [_plain(ctx, item) for item in result]
    if not isinstance(result, Tensor):
        return result
    if result.shape == () and isinstance(result.values, (int, float)):
        return result.values
    return settled(ctx, result)
