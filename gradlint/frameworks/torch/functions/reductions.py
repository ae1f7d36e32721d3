"""Functions of torch over whole axes: sums, means, norms, extrema, order statistics, cumulative sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import operators, shapes
from gradlint.frameworks.nodes import activation, constant, elementwise, integer, number, reduction, reshaped, stopped
from gradlint.frameworks.torch.arguments import dtype_name
from gradlint.frameworks.torch.functions.elementwise import TABLE as ELEMENTWISE
from gradlint.frameworks.torch.functions.tables import Table, dimension, keeping, named, tensor
from gradlint.frameworks.torch.functions.views import ordered
from gradlint.network import Distribution, Kind, Shape

TABLE = Table()


def axes_given(x: Tensor, dim: Value) -> tuple[int, ...] | None:
    """The axes that `dim` means, from the front; None where they or the rank are not known."""
    if x.shape is None:
        return None
    axis = integer(dim)
    return shapes.axes_of(axis if axis is not None else dim, len(x.shape))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _variance(values: list[float]) -> float | None:
    middle = _mean(values)
    return sum((value - middle) ** 2 for value in values) / (len(values) - 1) if len(values) > 1 else None


def _reduce(name: str, kind: str, fold: Callable[..., Any] | None, **settings: Any) -> Callable[..., Value]:
    def apply(
        ctx: Context, input: Value, dim: Value = None, keepdim: Value = False, *, dtype: Value = None, **rest: Value
    ) -> Value:
        x = tensor(ctx, input)
        axes = axes_given(x, dimension(dim, rest))
        result = reduction(ctx, x, kind, axes, keeping(ctx, keepdim, rest), f"torch.{name}", fold, **settings)
        wanted = dtype_name(dtype)
        if wanted is not None:
            result.dtype = wanted
        return result

    return apply


def _variance_of(
    ctx: Context, input: Value, dim: Value, keepdim: bool, class_name: str, fold: Callable[..., Any] | None = _variance
) -> Tensor:
    x = tensor(ctx, input)
    # Tensor.var(True) means unbiased=True and no axis.
    axes = axes_given(x, None if isinstance(dim, bool) else dim)
    return reduction(ctx, x, "variance", axes, keepdim, class_name, fold)


def _var(
    ctx: Context, input: Value, dim: Value = None, unbiased: Value = True, keepdim: Value = False, **rest: Value
) -> Value:
    return _variance_of(ctx, input, dimension(dim, rest), keeping(ctx, keepdim, rest), "torch.var")


def _std(
    ctx: Context, input: Value, dim: Value = None, unbiased: Value = True, keepdim: Value = False, **rest: Value
) -> Value:
    variance = _variance_of(ctx, input, dimension(dim, rest), keeping(ctx, keepdim, rest), "torch.std")
    return activation(ctx, variance, "sqrt", "torch.std", math.sqrt, safe=True)


def _with_mean(function: Callable[..., Value]) -> Callable[..., Value]:
    def apply(
        ctx: Context, input: Value, dim: Value = None, *args: Value, keepdim: Value = False, **rest: Value
    ) -> Value:
        x = tensor(ctx, input)
        keep = keeping(ctx, keepdim, rest)
        axes = axes_given(x, None if isinstance(dim, bool) else dim)
        return function(ctx, x, dim, keepdim=keep), reduction(ctx, x, "average", axes, keep, "torch.mean", _mean)

    return apply


def _norm(
    ctx: Context,
    input: Value,
    p: Value = "fro",
    dim: Value = None,
    keepdim: Value = False,
    out: Value = None,
    dtype: Value = None,
) -> Value:
    x = tensor(ctx, input)
    return _p_norm(ctx, x, p, axes_given(x, dim), keeping(ctx, keepdim, {}), "torch.norm")


def _vector_norm(
    ctx: Context, x: Value, ord: Value = 2, dim: Value = None, keepdim: Value = False, **rest: Value
) -> Value:
    given = tensor(ctx, x)
    return _p_norm(ctx, given, ord, axes_given(given, dim), keeping(ctx, keepdim, {}), "torch.linalg.vector_norm")


def _linalg_norm(
    ctx: Context,
    A: Value,
    ord: Value = None,
    dim: Value = None,
    keepdim: Value = False,
    **rest: Value,
) -> Value:
    x = tensor(ctx, A)
    return _p_norm(ctx, x, ord, axes_given(x, dim), keeping(ctx, keepdim, {}), "torch.linalg.norm")


def _matrix_norm(
    ctx: Context,
    A: Value,
    ord: Value = "fro",
    dim: Value = (-2, -1),
    keepdim: Value = False,
    **rest: Value,
) -> Value:
    return _linalg_norm(ctx, A, ord, dim, keepdim)


def _p_norm(ctx: Context, x: Tensor, p: Value, axes: Shape | None, keep: bool, class_name: str) -> Value:
    order = 2.0 if p in ("fro", None) else number(p)
    if order == 2:
        return reduction(ctx, x, "norm", axes, keep, class_name, lambda values: math.sqrt(sum(v * v for v in values)))
    if order == 1:
        return reduction(ctx, activation(ctx, x, "abs"), "sum", axes, keep, class_name)
    if order in (math.inf, -math.inf):
        return reduction(ctx, activation(ctx, x, "abs"), "max", axes, keep, class_name)
    if order == 0:
        return stopped(ctx, (x,), "count_nonzero", shapes.reduced(x.shape, axes, keep), x.dtype)
    if order is not None:
        return reduction(ctx, x, "lp", axes, keep, class_name, exponent=order)
    return ctx.opaque("a norm of unknown order", [x], shapes.reduced(x.shape, axes, keep))


_PAIR = {name: named(name, "values", "indices") for name in (
    "max", "min", "median", "nanmedian", "mode", "kthvalue", "sort", "topk", "cummax", "cummin"
)}  # fmt: skip


def _extremum(name: str, pairwise: str, fold: Callable[..., Any]) -> Callable[..., Value]:
    both = ELEMENTWISE.names[pairwise].call

    def apply(
        ctx: Context, input: Value, dim: Value = None, keepdim: Value = False, *, out: Value = None, **rest: Value
    ) -> Value:
        x = tensor(ctx, input)
        other = rest.get("other", dim)
        if isinstance(other, Tensor) and (other.shape != () or other.values is None):
            return both(ctx, x, other)
        wanted = dimension(dim, rest)
        if wanted is None:
            return reduction(ctx, x, "max", axes_given(x, None), class_name=f"torch.{name}", fold=fold)
        axes = axes_given(x, wanted)
        keep = keeping(ctx, keepdim, rest)
        values = reduction(ctx, x, "max", axes, keep, f"torch.{name}", fold)
        return _PAIR[name](ctx, values, stopped(ctx, (x,), f"arg{name}", values.shape, "int64"))

    return apply


def _extreme_values(name: str, fold: Callable[..., Any]) -> Callable[..., Value]:
    return _reduce(name, "max", fold)


def _order_statistic(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, *args: Value, keepdim: Value = False, **rest: Value) -> Value:
        x = tensor(ctx, input)
        given = list(args)
        if name == "kthvalue" and given:
            given.pop(0)
        dim = rest.get("dim", rest.get("axis", given[0] if given else (-1 if name in ("mode", "kthvalue") else None)))
        keep = keeping(ctx, given[1] if len(given) > 1 else keepdim, rest)
        if dim is None:
            return reshaped(ctx, x, (), "gather", f"torch.{name}")
        shape = shapes.reduced(x.shape, axes_given(x, dim), keep)
        values = reshaped(ctx, x, shape, "gather", f"torch.{name}")
        return _PAIR[name](ctx, values, stopped(ctx, (x,), f"arg{name}", shape, "int64"))

    return apply


def _quantile(ctx: Context, input: Value, q: Value, dim: Value = None, keepdim: Value = False, **rest: Value) -> Value:
    x = tensor(ctx, input)
    shape = shapes.reduced(x.shape, axes_given(x, dim), keeping(ctx, keepdim, rest))
    if isinstance(q, Tensor):
        shape = None if shape is None or q.shape is None else (*q.shape, *shape)
    return reshaped(ctx, x, shape, "gather", "torch.quantile")


def _index_of(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, dim: Value = None, keepdim: Value = False, **rest: Value) -> Value:
        x = tensor(ctx, input)
        shape = shapes.reduced(x.shape, axes_given(x, dimension(dim, rest)), keeping(ctx, keepdim, rest))
        return stopped(ctx, (x,), name, shape, "int64")

    return apply


def _truth(name: str, fold: Callable[..., Any]) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, dim: Value = None, keepdim: Value = False, **rest: Value) -> Value:
        x = tensor(ctx, input)
        wanted = dimension(dim, rest)
        shape = shapes.reduced(x.shape, axes_given(x, wanted), keeping(ctx, keepdim, rest))
        known = fold(x.values) if wanted is None and isinstance(x.values, list) and _is_flat(x.values) else None
        if isinstance(x.values, (bool, int, float)):
            known = bool(x.values)
        return stopped(ctx, (x,), name, shape, "bool", known)

    return apply


def _is_flat(values: list[Any]) -> bool:
    return not any(isinstance(value, list) for value in values)


def _sort(
    ctx: Context, input: Value, dim: Value = -1, descending: Value = False, stable: Value = False, **rest: Value
) -> Value:
    x = tensor(ctx, input)
    values = reshaped(ctx, x, x.shape, "gather", "torch.sort")
    return _PAIR["sort"](ctx, values, stopped(ctx, (x,), "argsort", x.shape, "int64"))


def _msort(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    return reshaped(ctx, x, x.shape, "gather", "torch.msort")


def _argsort(ctx: Context, input: Value, dim: Value = -1, descending: Value = False, stable: Value = False) -> Value:
    x = tensor(ctx, input)
    return stopped(ctx, (x,), "argsort", x.shape, "int64")


def _topk(
    ctx: Context, input: Value, k: Value, dim: Value = -1, largest: Value = True, sorted: Value = True, **rest: Value
) -> Value:
    x, count, axis = tensor(ctx, input), integer(k), integer(dimension(dim, rest))
    shape: Shape | None = None
    if x.shape is not None and count is not None and axis is not None:
        axis = shapes.axis_of(axis, len(x.shape), x.shape)
        if count > x.shape[axis]:
            raise ShapeMismatch(f"topk of {count} entries out of {x.shape[axis]}")
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    values = reshaped(ctx, x, shape, "gather", "torch.topk")
    return _PAIR["topk"](ctx, values, stopped(ctx, (x,), "topk", shape, "int64"))


def _cumulative(name: str, fold: Callable[[list[float]], list[float]] | None = None) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, dim: Value = -1, *, dtype: Value = None, **rest: Value) -> Value:
        x = tensor(ctx, input)
        if fold is not None and isinstance(x.values, list) and _is_flat(x.values):
            return stopped(ctx, (x,), name, x.shape, x.dtype, fold(x.values))
        if not shapes.is_floating(x.dtype):
            return stopped(ctx, (x,), name, x.shape, "int64")
        axis = integer(dimension(dim, rest))
        if name == "cumsum" and x.shape and axis is not None:
            return _running_sums(ctx, x, shapes.axis_of(axis, len(x.shape), x.shape))
        return ctx.opaque(f"torch.{name} is not modelled", [x], x.shape)

    return apply


def _running_sums(ctx: Context, x: Tensor, axis: int) -> Tensor:
    """Sums up to each entry: the product with a triangle of ones, half of whose entries are one."""
    assert x.shape is not None
    length, last = x.shape[axis], len(x.shape) - 1
    triangle = constant(ctx, (length, length), x.dtype, distribution=Distribution("unknown", 0.5, 0.5, "constant"))
    order = tuple(last if place == axis else axis if place == last else place for place in range(last + 1))
    moved = x if axis == last else ordered(ctx, x, order)
    sums = ctx.emit(Kind.MATMUL, (moved, triangle), moved.shape, class_name="torch.cumsum")
    return sums if axis == last else ordered(ctx, sums, order)


def _running_sum(values: list[float]) -> list[float]:
    total = 0.0
    sums: list[float] = []
    for value in values:
        total = total + value if sums else value
        sums.append(total)
    return sums


def _cumulative_extremum(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, dim: Value) -> Value:
        x = tensor(ctx, input)
        values = reshaped(ctx, x, x.shape, "gather", f"torch.{name}")
        return _PAIR[name](ctx, values, stopped(ctx, (x,), name, x.shape, "int64"))

    return apply


def _product(ctx: Context, input: Value, dim: Value = None, keepdim: Value = False, **rest: Value) -> Value:
    x = tensor(ctx, input)
    shape = shapes.reduced(x.shape, axes_given(x, dimension(dim, rest)), keeping(ctx, keepdim, rest))
    if isinstance(x.values, list) and _is_flat(x.values):
        return stopped(ctx, (x,), "prod", shape, x.dtype, math.prod(x.values))
    if not shapes.is_floating(x.dtype):
        return stopped(ctx, (x,), "prod", shape, "int64")
    return ctx.opaque("torch.prod is not modelled", [x], shape)


def _aminmax(ctx: Context, input: Value, *, dim: Value = None, keepdim: Value = False) -> Value:
    x = tensor(ctx, input)
    axes, keep = axes_given(x, dim), keeping(ctx, keepdim, {})
    return _AMINMAX(ctx, *(reduction(ctx, x, "max", axes, keep, "torch.aminmax") for _ in range(2)))


_AMINMAX = named("aminmax", "min", "max")


def _distance(ctx: Context, x1: Value, x2: Value, p: Value = 2.0, *args: Value, **rest: Value) -> Value:
    x, y = tensor(ctx, x1), tensor(ctx, x2)
    shape: Shape | None = None
    if x.shape is not None and y.shape is not None:
        if x.shape[-1] != y.shape[-1]:
            raise ShapeMismatch(f"cdist of {x.shape} and {y.shape}")
        batch = shapes.broadcast(x.shape[:-2], y.shape[:-2])
        shape = None if batch is None else (*batch, x.shape[-2], y.shape[-2])
    if x.shape is None or y.shape is None or shape is None:
        return ctx.opaque("distances of tensors whose shape is not known", [x, y], shape)
    rows = reshaped(ctx, x, (*x.shape[:-1], 1, x.shape[-1]), "view")
    columns = reshaped(ctx, y, (*y.shape[:-2], 1, *y.shape[-2:]), "view")
    difference = elementwise(ctx, Kind.ADD, (rows, columns), coefficients=(1.0, -1.0))
    return _p_norm(ctx, difference, p, (len(shape),), False, "torch.cdist")


def _pairwise_distance(
    ctx: Context, x1: Value, x2: Value, p: Value = 2.0, eps: Value = 1e-6, keepdim: Value = False
) -> Value:
    difference = operators.subtract(ctx, tensor(ctx, x1), tensor(ctx, x2), "torch.nn.functional.pairwise_distance")
    return _p_norm(ctx, difference, p, axes_given(difference, -1), keeping(ctx, keepdim, {}), "torch.norm")


def _dist(ctx: Context, input: Value, other: Value, p: Value = 2) -> Value:
    difference = operators.subtract(ctx, tensor(ctx, input), tensor(ctx, other))
    return _p_norm(ctx, difference, p, axes_given(difference, None), False, "torch.dist")


def _cosine_similarity(
    ctx: Context, x1: Value = None, x2: Value = None, dim: Value = 1, eps: Value = 1e-8, **rest: Value
) -> Value:
    x, y = tensor(ctx, x1), tensor(ctx, x2)
    unit = [
        ctx.emit(Kind.NORMALIZATION, (side,), side.shape, attributes={
            "type": "l2", "axes": axes_given(side, dim), "epsilon": number(eps), "affine": False,
        })
        for side in (x, y)
    ]  # fmt: skip
    product = elementwise(ctx, Kind.MULTIPLY, unit)
    return reduction(ctx, product, "sum", axes_given(product, dim), False, "torch.cosine_similarity")


def _trace(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    side = None if x.shape is None or len(x.shape) != 2 else (min(x.shape),)
    diagonal = reshaped(ctx, x, side, "gather")
    return reduction(ctx, diagonal, "sum", axes_given(diagonal, None), False, "torch.trace")


def _unique(ctx: Context, input: Value, *args: Value, **rest: Value) -> Value:
    x = tensor(ctx, input)
    flags = [bool(ctx.truth(rest[name])) for name in ("return_inverse", "return_counts") if name in rest]
    flags += [bool(ctx.truth(flag)) for flag in args[1:3]]
    extra = [stopped(ctx, (x,), "unique", None, "int64") for flag in flags if flag]
    values = reshaped(ctx, x, None, "gather", "torch.unique")
    return (values, *extra) if extra else values


def _counting(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, *args: Value, **rest: Value) -> Value:
        return stopped(ctx, (tensor(ctx, input),), name, None, "int64")

    return apply


def _scalar_test(ctx: Context, input: Value, other: Value, *args: Value, **rest: Value) -> Value:
    return ctx.unknown("whether two tensors are equal")


def _closeness(ctx: Context, input: Value, other: Value, *args: Value, **rest: Value) -> Value:
    return operators.compare(ctx, "==", tensor(ctx, input), other)


def _located(ctx: Context, sorted_sequence: Value, input: Value, **rest: Value) -> Value:
    x = tensor(ctx, input)
    return stopped(ctx, (x,), "searchsorted", x.shape, "int64")


def _bucketize(ctx: Context, input: Value, boundaries: Value, **rest: Value) -> Value:
    return _located(ctx, boundaries, input)


def _isin(ctx: Context, elements: Value, test_elements: Value, **rest: Value) -> Value:
    x = tensor(ctx, elements)
    return stopped(ctx, (x,), "comparison", x.shape, "bool")


TABLE.add("sum nansum", _reduce("sum", "sum", sum))
TABLE.add("mean nanmean", _reduce("mean", "average", _mean))
TABLE.add("logsumexp", _reduce("logsumexp", "logsumexp", None), "tms")
TABLE.add("amax", _extreme_values("amax", max))
TABLE.add("amin", _extreme_values("amin", min))
TABLE.add("aminmax", _aminmax)
TABLE.add("max", _extremum("max", "maximum", max))
TABLE.add("min", _extremum("min", "minimum", min))
TABLE.add("var", _var)
TABLE.add("std", _std)
TABLE.add("var_mean", _with_mean(_var), "t")
TABLE.add("std_mean", _with_mean(_std), "t")
TABLE.add("norm", _norm)
TABLE.add("norm", _linalg_norm, "l")
TABLE.add("vector_norm", _vector_norm, "l")
TABLE.add("matrix_norm", _matrix_norm, "l")
for _name in ("median", "nanmedian", "mode", "kthvalue"):
    TABLE.add(_name, _order_statistic(_name))
TABLE.add("quantile nanquantile", _quantile)
for _name in ("argmax", "argmin"):
    TABLE.add(_name, _index_of(_name))
TABLE.add("count_nonzero", _index_of("count_nonzero"))
TABLE.add("all", _truth("all", all))
TABLE.add("any", _truth("any", any))
TABLE.add("sort", _sort)
TABLE.add("msort", _msort)
TABLE.add("argsort", _argsort)
TABLE.add("topk", _topk)
TABLE.add("cumsum", _cumulative("cumsum", _running_sum), "tmi")
TABLE.add("cumprod", _cumulative("cumprod"), "tmi")
TABLE.add("logcumsumexp", _cumulative("logcumsumexp"))
TABLE.add("cummax", _cumulative_extremum("cummax"))
TABLE.add("cummin", _cumulative_extremum("cummin"))
TABLE.add("prod", _product)
TABLE.add("cdist", _distance, "t")
TABLE.add("pairwise_distance", _pairwise_distance, "tf")
TABLE.add("dist", _dist)
TABLE.add("cosine_similarity", _cosine_similarity, "tf")
TABLE.add("trace", _trace)
TABLE.add("unique unique_consecutive", _unique)
for _name in ("bincount", "nonzero", "argwhere", "histc", "multinomial"):
    TABLE.add(_name, _counting(_name))
TABLE.add("equal allclose is_same_size", _scalar_test)
TABLE.add("isclose", _closeness)
TABLE.add("searchsorted", _located, "t")
TABLE.add("bucketize", _bucketize, "t")
TABLE.add("isin", _isin, "t")
