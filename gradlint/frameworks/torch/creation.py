"""Functions of torch that create tensors: constants, random draws, ranges, and tensors made of Python numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Tensor, Unknown, Value, tensors_in
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.nodes import DISTRIBUTION, fits, integer, number, stopped
from gradlint.frameworks.torch import distributions
from gradlint.frameworks.torch.arguments import dtype_name
from gradlint.frameworks.torch.functions.tables import spread, tensor
from gradlint.network import UNKNOWN, Distribution, Kind, Shape

NAMES: dict[str, Value] = {}
METHODS: dict[str, Native] = {}

# What a creating function does: its dtype when none is given, the number that fills it, or the draw.
_FILLS: dict[str, float] = {"zeros": 0.0, "ones": 1.0}
_DRAWS: dict[str, Distribution] = {
    "rand": distributions.uniform(0.0, 1.0, "torch.rand()"),
    "randn": distributions.normal(0.0, 1.0, "torch.randn()"),
    "empty": UNKNOWN,
}


def shape_given(args: tuple[Value, ...], size: Value = None) -> Shape | None:
    """A shape given as sizes, as one sequence, or by the keyword `size`; None when it is not known."""
    wanted = spread(args if size is None else (size,) if not isinstance(size, (tuple, list)) else tuple(size))
    known = tuple(integer(entry) for entry in wanted)
    return None if None in known else tuple(entry for entry in known if entry is not None)


def _finished(ctx: Context, result: Tensor, requires_grad: Value) -> Tensor:
    if requires_grad is True:
        result.attributes["requires_grad"] = True
    return result


def made(
    ctx: Context, name: str, shape: Shape | None, dtype: str, value: float | None = None, requires_grad: Value = False
) -> Tensor:
    """A new tensor of zeros, ones, one number or a random draw, by the name of the creating function."""
    fill = _FILLS.get(name, value)
    draw = None if fill is not None else _DRAWS.get(name, UNKNOWN)
    if fill is not None and not shapes.is_floating(dtype) and math.isfinite(fill):
        fill = bool(fill) if dtype == "bool" else int(fill)
    return _finished(ctx, nodes.constant(ctx, shape, dtype, fill, distribution=draw), requires_grad)


def _create(name: str) -> Callable[..., Value]:
    def apply(
        ctx: Context,
        *size: Value,
        dtype: Value = None,
        requires_grad: Value = False,
        **rest: Value,
    ) -> Value:
        shape = shape_given(size, rest.get("size"))
        return made(ctx, name, shape, dtype_name(dtype) or "float32", requires_grad=requires_grad)

    return apply


def _create_like(name: str) -> Callable[..., Value]:
    name = name.removesuffix("_like")

    def apply(
        ctx: Context,
        input: Value,
        *,
        dtype: Value = None,
        requires_grad: Value = False,
        **rest: Value,
    ) -> Value:
        x = tensor(ctx, input)
        return made(ctx, name, x.shape, dtype_name(dtype) or x.dtype, requires_grad=requires_grad)

    return apply


def _new(name: str) -> Callable[..., Value]:
    def apply(
        ctx: Context,
        input: Value,
        *size: Value,
        dtype: Value = None,
        requires_grad: Value = False,
        **rest: Value,
    ) -> Value:
        wanted = dtype_name(dtype) or tensor(ctx, input).dtype
        return made(ctx, name, shape_given(size, rest.get("size")), wanted, requires_grad=requires_grad)

    return apply


def _dtype_of_number(value: Value) -> str:
    return "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "float32"


def _full(
    ctx: Context,
    size: Value,
    fill_value: Value,
    *,
    dtype: Value = None,
    requires_grad: Value = False,
    **rest: Value,
) -> Value:
    value = number(fill_value)
    return _filled(ctx, shape_given((size,)), value, fill_value, dtype, requires_grad)


def _filled(
    ctx: Context, shape: Shape | None, value: float | None, given: Value, dtype: Value, requires_grad: Value = False
) -> Tensor:
    name = dtype_name(dtype) or _dtype_of_number(given if value is None else value)
    if value is None:
        return _finished(ctx, nodes.constant(ctx, shape, name, distribution=UNKNOWN), requires_grad)
    return made(ctx, "full", shape, name, value, requires_grad)


def _full_like(ctx: Context, input: Value, fill_value: Value, *, dtype: Value = None, **rest: Value) -> Value:
    x, value = tensor(ctx, input), number(fill_value)
    wanted = dtype_name(dtype) or x.dtype
    if value is None:
        return nodes.constant(ctx, x.shape, wanted, distribution=UNKNOWN)
    return made(ctx, "full", x.shape, wanted, value, rest.get("requires_grad", False))


def _new_full(
    ctx: Context, input: Value, size: Value, fill_value: Value, *, dtype: Value = None, **rest: Value
) -> Value:
    value = number(fill_value)
    shape, wanted = shape_given((size,)), dtype_name(dtype) or tensor(ctx, input).dtype
    if value is None:
        return nodes.constant(ctx, shape, wanted, distribution=UNKNOWN)
    return made(ctx, "full", shape, wanted, value)


def _integers(ctx: Context, shape: Shape | None, low: float | None, high: float | None, dtype: Value) -> Tensor:
    draw = UNKNOWN
    if low is not None and high is not None and high - low >= 1:
        count = high - low
        draw = Distribution("uniform", (low + high - 1) / 2, math.sqrt((count * count - 1) / 12), "explicit")
    return nodes.constant(ctx, shape, dtype_name(dtype) or "int64", distribution=draw)


def _randint(ctx: Context, *args: Value, dtype: Value = None, **rest: Value) -> Value:
    given = list(args)
    size = rest.get("size", given.pop() if given else None)
    high = rest.get("high", given.pop() if given else None)
    low = rest.get("low", given.pop() if given else 0)
    return _integers(ctx, shape_given((size,)), number(low), number(high), dtype)


def _randint_like(
    ctx: Context, input: Value, low: Value, high: Value = None, *, dtype: Value = None, **rest: Value
) -> Value:
    x = tensor(ctx, input)
    bounds = (0.0, number(low)) if high is None else (number(low), number(high))
    result = _integers(ctx, x.shape, *bounds, dtype)
    result.dtype = dtype_name(dtype) or x.dtype
    return result


def _randperm(ctx: Context, n: Value, **rest: Value) -> Value:
    count = integer(n)
    return _integers(ctx, None if count is None else (count,), 0, count, rest.get("dtype"))


def _normal(ctx: Context, mean: Value = 0.0, std: Value = 1.0, size: Value = None, **rest: Value) -> Value:
    given = [value for value in (mean, std) if isinstance(value, Tensor)]
    shape = shape_given((size,)) if size is not None else shapes.broadcast(*[value.shape for value in given])
    if given:
        return ctx.opaque("a draw from a distribution that is computed", given, shape)
    middle, spread_ = number(mean), number(std)
    text = f"torch.normal({middle:g}, {spread_:g})" if middle is not None and spread_ is not None else "torch.normal()"
    return nodes.constant(ctx, shape, distribution=distributions.normal(middle, spread_, text))


def _bernoulli(ctx: Context, input: Value, p: Value = None, **rest: Value) -> Value:
    x, chance = tensor(ctx, input), number(p)
    result = stopped(ctx, (x,), "bernoulli", x.shape, x.dtype)
    if chance is not None:
        result.attributes[DISTRIBUTION] = bernoulli(chance)
    return result


def bernoulli(chance: float) -> Distribution:
    """Ones with probability `chance`, else zeros."""
    return Distribution("unknown", chance, math.sqrt(max(chance * (1 - chance), 0.0)), "explicit")


# Known entries.


def _sequence(ctx: Context, entries: list[float] | None, count: int | None, dtype: str, text: str) -> Tensor:
    """A one-dimensional tensor of these entries, which are kept while they are few."""
    shape = None if count is None else (count,)
    kept = entries if shape is not None and fits(shape) else None
    draw = None
    if entries:
        middle = sum(entries) / len(entries)
        spread_ = math.sqrt(sum((entry - middle) ** 2 for entry in entries) / len(entries))
        draw = Distribution("unknown", middle, spread_, "explicit", text=text)
    return nodes.constant(ctx, shape, dtype, values=kept, distribution=draw)


def _arange(ctx: Context, *args: Value, dtype: Value = None, inclusive: bool = False, **rest: Value) -> Value:
    names = ("start", "end", "step")
    given = dict(zip(names if len(args) > 1 else ("end",), args, strict=False))
    given.update({key: rest[key] for key in names if key in rest})
    start, end, step = number(given.get("start", 0)), number(given.get("end")), number(given.get("step", 1))
    floats = any(isinstance(bound, float) for bound in (start, end, step))
    name = dtype_name(dtype) or ("float32" if floats or inclusive else "int64")
    if start is None or end is None or not step or not math.isfinite((end - start) / step):
        return nodes.constant(ctx, None, name)
    count = max(0, math.ceil((end - start) / step)) if not inclusive else math.floor((end - start) / step) + 1
    entries = [start + place * step for place in range(count)] if fits((count,)) else None
    return _sequence(ctx, entries, count, name, "torch.arange()")


def _range(ctx: Context, *args: Value, **rest: Value) -> Value:
    return _arange(ctx, *args, inclusive=True, **rest)


def _spaced(name: str, function: Callable[[float, Any], float]) -> Callable[..., Value]:
    def apply(
        ctx: Context,
        start: Value,
        end: Value,
        steps: Value = None,
        base: Value = 10.0,
        *,
        dtype: Value = None,
        **rest: Value,
    ) -> Value:
        first, last, count = number(start), number(end), integer(steps)
        kind = dtype_name(dtype) or "float32"
        if first is None or last is None or count is None:
            return nodes.constant(ctx, None if count is None else (count,), kind)
        gap = (last - first) / (count - 1) if count > 1 else 0.0
        known = range(count) if fits((count,)) else ()
        entries = [function(first + place * gap, number(base)) for place in known]
        return _sequence(ctx, entries or None, count, kind, f"torch.{name}()")

    return apply


def _power_of(exponent: float, base: Any) -> float:
    try:
        return float(base**exponent)
    except (OverflowError, TypeError, ZeroDivisionError):
        return math.inf


def _eye(ctx: Context, n: Value, m: Value = None, *, dtype: Value = None, **rest: Value) -> Value:
    rows = integer(n)
    columns = rows if m is None else integer(m)
    shape = None if rows is None or columns is None else (max(rows, 0), max(columns, 0))
    draw = UNKNOWN if shape is None else distributions.identity(min(shape), math.prod(shape), "torch.eye()")
    values = None
    if shape is not None and fits(shape):
        values = [[float(row == column) for column in range(shape[1])] for row in range(shape[0])]
    return nodes.constant(ctx, shape, dtype_name(dtype) or "float32", values=values, distribution=draw)


def _triangle_indices(lower: bool) -> Callable[..., Value]:
    def apply(ctx: Context, row: Value, col: Value, offset: Value = 0, **rest: Value) -> Value:
        rows, columns, shift = integer(row), integer(col), integer(offset)
        shape: Shape | None = None
        if rows is not None and columns is not None and shift is not None and rows <= nodes.MAX_VALUES:
            kept = (min(columns, max(0, place + shift + 1)) for place in range(rows))
            above = (columns - min(columns, max(0, place + shift)) for place in range(rows))
            shape = (2, sum(kept if lower else above))
        return nodes.constant(ctx, shape, "int64")

    return apply


def _window(ctx: Context, window_length: Value, *args: Value, dtype: Value = None, **rest: Value) -> Value:
    count = integer(window_length)
    return nodes.constant(ctx, None if count is None else (count,), dtype_name(dtype) or "float32")


# Tensors out of Python values.


def shape_of_data(data: Value) -> Shape | None:
    """The shape of nested sequences of numbers; None when they are ragged or not known."""
    if isinstance(data, (bool, int, float)):
        return ()
    if isinstance(data, Tensor):
        return data.shape
    if not isinstance(data, (list, tuple, range)):
        return None
    if not data:
        return (0,)
    first = shape_of_data(data[0])
    if first is None or any(shape_of_data(item) != first for item in data[1:]):
        return None
    return (len(data), *first)


def _plain(data: Value) -> Any:
    """Nested lists of known numbers; None when one is not known."""
    if isinstance(data, (bool, int, float)):
        return data
    if isinstance(data, Tensor):
        return data.values
    entries = [_plain(item) for item in data]
    return None if None in entries else entries


def _kind_of(values: Any) -> str:
    if isinstance(values, list):
        return shapes.promoted(_kind_of(item) for item in values) if values else "float32"
    return _dtype_of_number(values)


def from_data(
    ctx: Context, data: Value, dtype: str | None, operation: str | None, requires_grad: Value = False
) -> Tensor:
    """A tensor of `data`; `operation` says what cuts the gradient of tensors in it, None if nothing does."""
    if isinstance(data, Instance) and data.payload is not None:
        data = data.payload
    inner = tensors_in(data)
    if isinstance(data, Tensor) and data.node.kind is Kind.CONSTANT:
        operation = None  # no gradient is cut off from a constant
    if isinstance(data, Unknown) or (inner and operation is None and not isinstance(data, (list, tuple))):
        x = ctx.as_tensor(data)
        return x if dtype is None or dtype == x.dtype else stopped(ctx, (x,), f"cast to {dtype}", x.shape, dtype)
    shape = shape_of_data(data)
    values = _plain(data) if shape is not None else None
    if inner:
        kind = dtype or shapes.promoted(x.dtype for x in inner)
        return _finished(ctx, stopped(ctx, inner, operation or "tensor", shape, kind, values), requires_grad)
    if shape is None:
        return ctx.as_tensor(ctx.unknown("a tensor of data that is not known"))
    kind = dtype or (_kind_of(values) if values is not None else "float32")
    value = values if isinstance(values, (bool, int, float)) else None
    return _finished(ctx, nodes.constant(ctx, shape, kind, value, values), requires_grad)


def _tensor(ctx: Context, data: Value, *, dtype: Value = None, requires_grad: Value = False, **rest: Value) -> Value:
    return from_data(ctx, data, dtype_name(dtype), "torch.tensor", requires_grad)


def _as_tensor(ctx: Context, data: Value, dtype: Value = None, device: Value = None, **rest: Value) -> Value:
    if isinstance(data, Tensor):
        from gradlint.frameworks.torch.functions.casts import cast

        wanted = dtype_name(dtype)
        return data if wanted is None else cast(ctx, data, wanted)
    return from_data(ctx, data, dtype_name(dtype), "torch.as_tensor")


def _new_tensor(ctx: Context, input: Value, data: Value, *, dtype: Value = None, **rest: Value) -> Value:
    return from_data(ctx, data, dtype_name(dtype) or tensor(ctx, input).dtype, "new_tensor")


def legacy(dtype: str) -> Callable[..., Value]:
    """`torch.FloatTensor` and its kin: sizes, or data."""

    def apply(ctx: Context, *args: Value, **rest: Value) -> Value:
        if not args:
            return nodes.constant(ctx, (0,), dtype)
        if len(args) == 1 and not isinstance(args[0], int):
            return from_data(ctx, args[0], dtype, "torch.Tensor")
        return nodes.constant(ctx, shape_given(args), dtype, distribution=UNKNOWN)

    return apply


def _sparse(ctx: Context, indices: Value, values: Value, size: Value = None, **rest: Value) -> Value:
    entries = tensor(ctx, values)
    shape = None if size is None else shape_given((size,))
    return ctx.emit(Kind.RESHAPE, (entries,), shape, attributes={"operation": "pad"})


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    **{name: _create(name) for name in ("zeros", "ones", "empty", "rand", "randn")},
    **{f"{name}_like": _create_like(name) for name in ("zeros", "ones", "empty", "rand", "randn")},
    "full": _full,
    "full_like": _full_like,
    "randint": _randint,
    "randint_like": _randint_like,
    "randperm": _randperm,
    "normal": _normal,
    "bernoulli": _bernoulli,
    "poisson": _bernoulli,
    "arange": _arange,
    "range": _range,
    "linspace": _spaced("linspace", lambda exponent, base: exponent),
    "logspace": _spaced("logspace", _power_of),
    "eye": _eye,
    "tril_indices": _triangle_indices(True),
    "triu_indices": _triangle_indices(False),
    "tensor": _tensor,
    "as_tensor": _as_tensor,
    "asarray": _as_tensor,
    "from_numpy": _as_tensor,
    "scalar_tensor": _tensor,
    "sparse_coo_tensor": _sparse,
    "LongTensor": legacy("int64"),
    "IntTensor": legacy("int32"),
    "ByteTensor": legacy("uint8"),
    "BoolTensor": legacy("bool"),
    "HalfTensor": legacy("float16"),
    "DoubleTensor": legacy("float64"),
    **{f"{name}_window": _window for name in ("bartlett", "blackman", "hamming", "hann", "kaiser")},
}
for _name, _function in _FUNCTIONS.items():
    NAMES[_name] = Native(f"torch.{_name}", _function)
for _name in ("zeros", "ones", "empty"):
    METHODS[f"new_{_name}"] = Native(f"torch.Tensor.new_{_name}", _new(_name))
METHODS["new"] = Native("torch.Tensor.new", _new("empty"))
METHODS["new_full"] = Native("torch.Tensor.new_full", _new_full)
METHODS["new_tensor"] = Native("torch.Tensor.new_tensor", _new_tensor)
METHODS["bernoulli"] = Native("torch.Tensor.bernoulli", _bernoulli)
