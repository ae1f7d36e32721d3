"""Tensors out of nothing: zeros, ranges, random numbers; and variables."""

from __future__ import annotations

import functools
import math

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Unknown, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.keras.arguments import assumed, flag, integer, is_int, is_number
from gradlint.frameworks.keras.initializers import TRUNCATION, distribution
from gradlint.frameworks.keras.inputs import dtype_name
from gradlint.frameworks.keras.ops.operation import Operation, complete, operation, tensor
from gradlint.network import UNKNOWN, Distribution, Shape


def _filled(value: float) -> Operation:
    def apply(ctx: Context, shape: Value = None, dtype: Value = None) -> Value:
        return nodes.constant(ctx, complete(shape), dtype_name(dtype), value=value)

    return apply


def _filled_like(value: float | None) -> Operation:
    def apply(ctx: Context, x: Value = None, dtype: Value = None) -> Value:
        t = tensor(ctx, x)
        return nodes.constant(ctx, t.shape, dtype_name(dtype, t.dtype), value=value)

    return apply


def _full_like(ctx: Context, x: Value = None, fill_value: Value = None, dtype: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.constant(ctx, t.shape, dtype_name(dtype, t.dtype), value=fill_value if is_number(fill_value) else None)


def _full(ctx: Context, shape: Value = None, fill_value: Value = None, dtype: Value = None) -> Value:
    known = float(fill_value) if is_number(fill_value) else None
    return nodes.constant(ctx, complete(shape), dtype_name(dtype), value=known)


def _eye(ctx: Context, N: Value = None, M: Value = None) -> Value:  # noqa: N803
    rows = integer(N)
    columns = rows if M is None else integer(M)
    shape = (rows, columns) if rows is not None and columns is not None else None
    drawn = distribution(ctx, "identity", shape, explicit=True) if shape is not None else UNKNOWN
    return nodes.constant(ctx, shape, distribution=drawn)


def _tri(ctx: Context, N: Value = None, M: Value = None) -> Value:  # noqa: N803
    rows, columns = integer(N), integer(N if M is None else M)
    return nodes.constant(ctx, (rows, columns) if rows is not None and columns is not None else None)


def _arange(ctx: Context, start: Value = None, stop: Value = None, step: Value = 1, dtype: Value = None) -> Value:
    low, high = (0, start) if stop is None else (start, stop)
    bounds = [nodes.number(value) if isinstance(value, Tensor) else value for value in (low, high, step)]
    first, last, stride = bounds
    if not (is_number(first) and is_number(last) and is_number(stride)) or not stride:
        return nodes.constant(ctx, None, dtype_name(dtype, "int32"))
    length = max(0, math.ceil((last - first) / stride))
    whole = all(is_int(bound) for bound in bounds)
    values = [first + index * stride for index in range(length)] if nodes.fits((length,)) else None
    return nodes.constant(ctx, (length,), dtype_name(dtype, "int32" if whole else "float32"), values=values)


def _linspace(ctx: Context, start: Value = None, stop: Value = None, num: Value = 50) -> Value:
    count = integer(num)
    values = None
    if count is not None and count > 1 and is_number(start) and is_number(stop) and nodes.fits((count,)):
        values = [start + (stop - start) * index / (count - 1) for index in range(count)]
    return nodes.constant(ctx, None if count is None else (count,), values=values)


def random_tensor(ctx: Context, shape: Value, drawn: Distribution) -> Tensor:
    """A tensor of random numbers; a variable made from it is initialized so."""
    return nodes.constant(ctx, complete(shape), distribution=drawn)


def _normal(family: str, factor: float) -> Operation:
    def apply(ctx: Context, shape: Value = None, mean: Value = 0.0, stddev: Value = 1.0) -> Value:
        if not (is_number(mean) and is_number(stddev)):
            return random_tensor(ctx, shape, UNKNOWN)
        text = f"{family}(stddev={stddev:g})"
        name = "truncated_normal" if family == "truncated_normal" else "normal"
        return random_tensor(ctx, shape, Distribution(name, float(mean), stddev * factor, "explicit", text=text))  # type: ignore[arg-type]

    return apply


def _uniform(ctx: Context, shape: Value = None, minval: Value = 0.0, maxval: Value = 1.0, dtype: Value = None) -> Value:
    if not shapes.is_floating(dtype_name(dtype)):
        return nodes.constant(ctx, complete(shape), dtype_name(dtype))
    high = 1.0 if maxval is None else maxval
    if not (is_number(minval) and is_number(high)):
        return random_tensor(ctx, shape, UNKNOWN)
    std = abs(high - minval) / math.sqrt(12)
    text = f"uniform({minval:g}, {high:g})"
    return random_tensor(ctx, shape, Distribution("uniform", (minval + high) / 2, std, "explicit", text=text))


def _randint(ctx: Context, shape: Value = None) -> Value:
    return nodes.constant(ctx, complete(shape), "int32")


def _shuffle(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.reshaped(ctx, t, t.shape, "gather", "keras.random.shuffle")


def variable(
    ctx: Context, initial_value: Value = None, trainable: Value = True, shape: Value = None, dtype: Value = None
) -> Value:
    """`tf.Variable(initial_value)` and `keras.Variable(initializer, shape)`: a parameter with that distribution."""
    size: Shape | None = None
    if callable_initializer(initial_value) and shape is not None:
        size = complete(shape)
        drawn = distribution(ctx, initial_value, size, explicit=True)
    elif isinstance(initial_value, Unknown):
        initial_value.cost += 1
        drawn = UNKNOWN
    else:
        if not isinstance(initial_value, (Tensor, int, float, list, tuple)) and initial_value is not None:
            initial_value = ctx.call(initial_value)
        made = tensor(ctx, initial_value)
        size = made.shape
        drawn = nodes.distribution_of(made) or UNKNOWN
        dtype = dtype if dtype is not None else made.dtype
    name = dtype_name(dtype)
    learned = flag(trainable, True) and shapes.is_floating(name)
    return ctx.parameter(size, drawn, trainable=learned, dtype=name, assumed=assumed(size))


def _keras_variable(
    ctx: Context, initializer: Value = None, shape: Value = None, dtype: Value = None, trainable: Value = True
) -> Value:
    return variable(ctx, initializer, trainable, shape, dtype)


@functools.cache
def keras_variable_class() -> Value:
    """`keras.Variable`."""
    return operation("keras.Variable", _keras_variable)


def callable_initializer(value: Value) -> bool:
    """Whether `value` is an initializer rather than an initial value."""
    return not isinstance(value, (Tensor, int, float, list, tuple, Unknown)) and value is not None


OPERATIONS: dict[str, Operation] = {
    "zeros": _filled(0.0),
    "ones": _filled(1.0),
    "empty": _filled(0.0),
    "zeros_like": _filled_like(0.0),
    "ones_like": _filled_like(1.0),
    "empty_like": _filled_like(None),
    "full": _full,
    "full_like": _full_like,
    "eye": _eye,
    "tri": _tri,
    "arange": _arange,
    "linspace": _linspace,
}

TENSORFLOW: dict[str, Operation] = {"fill": _full, "range": _arange, "lin_space": _linspace}

RANDOM: dict[str, Operation] = {
    "normal": _normal("normal", 1.0),
    "truncated_normal": _normal("truncated_normal", TRUNCATION),
    "uniform": _uniform,
    "randint": _randint,
    "categorical": _randint,
    "shuffle": _shuffle,
}

TENSORFLOW |= {
    "random_normal": RANDOM["normal"],
    "random_uniform": RANDOM["uniform"],
    "truncated_normal": RANDOM["truncated_normal"],
}
