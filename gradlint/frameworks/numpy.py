"""numpy as far as the shape of data matters: arrays of zeros or random numbers, and what rearranges and joins arrays.

Arrays are tensors. Functions of plain numbers and short ranges are in the table of the standard library, which comes
first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Native, Tensor, Value, tensors_in
from gradlint.frameworks.keras.ops import find_operation
from gradlint.frameworks.keras.ops.operation import complete
from gradlint.network import Kind, Shape

# Functions of numpy that are those of `keras.ops` under the same name.
_SHARED = frozenset(
    {
        *("abs", "absolute", "argmax", "argmin", "argsort", "broadcast_to", "clip", "concatenate", "dot", "einsum"),
        *("exp", "expand_dims", "eye", "flip", "full", "hstack", "log", "matmul", "maximum", "mean", "median"),
        *("minimum", "moveaxis", "multiply", "ones", "ones_like", "outer", "pad", "ravel", "repeat", "reshape", "roll"),
        *("sort", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "swapaxes", "take", "tensordot"),
        *("tile", "transpose", "tril", "triu", "var", "vstack", "where", "zeros", "zeros_like", "add", "divide"),
        *("array_split", "sum", "max", "min"),
    }
)

_CREATING = frozenset({"eye", "full", "ones", "zeros"})


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
    if short not in _SHARED:
        return MISSING
    operation = find_operation(short)
    if not isinstance(operation, Native):
        return MISSING

    def call(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        # Ranges and lists of numbers are plain lists here, whose arithmetic is not that of arrays.
        if short not in _CREATING and not tensors_in(*args, *kwargs.values()):
            return ctx.unknown(f"{name}() of something that is no array of known shape")
        return _plain(operation.call(ctx, *args, **kwargs))

    return Native(name, call)


def _plain(result: Value) -> Value:
    """A single known number as itself."""
    if isinstance(result, Tensor) and result.shape == () and isinstance(result.values, (int, float)):
        return result.values
    return result
