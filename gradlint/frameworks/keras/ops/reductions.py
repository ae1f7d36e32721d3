"""Reductions over axes: sum, mean, extremes, variance, norms, and positions of extremes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.keras.arguments import flag, is_number
from gradlint.frameworks.keras.ops.operation import Operation, complete, tensor
from gradlint.network import Kind


def axes_given(x: Tensor, axis: Value) -> tuple[int, ...] | None:
    """The axes of a reduction, from the front; None when they are not known."""
    if x.shape is None:
        return None
    if axis is None:
        return tuple(range(len(x.shape)))
    known = complete(axis)
    return None if known is None else shapes.axes_of(known, len(x.shape)) if known else ()


def _reduce(kind: str, fold: Callable[[list[float]], Any] | None = None, name: str = "") -> Operation:
    def apply(ctx: Context, x: Value = None, axis: Value = None, keepdims: Value = False) -> Value:
        t = tensor(ctx, x)
        axes = axes_given(t, axis)
        if axes == ():
            return t
        return nodes.reduction(ctx, t, kind, axes, flag(keepdims), f"keras.ops.{name or kind}", fold)

    return apply


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _std(ctx: Context, x: Value = None, axis: Value = None, keepdims: Value = False) -> Value:
    t = tensor(ctx, x)
    variance = nodes.reduction(ctx, t, "variance", axes_given(t, axis), flag(keepdims), "keras.ops.std")
    return nodes.activation(ctx, variance, "sqrt", "keras.ops.std")


def _norm(ctx: Context, x: Value = None, order: Value = None, axis: Value = None, keepdims: Value = False) -> Value:
    t = tensor(ctx, x)
    axes, keep = axes_given(t, axis), flag(keepdims)
    if is_number(order) and order != _EUCLIDEAN:
        return nodes.reduction(ctx, t, "lp", axes, keep, "keras.ops.norm", None, p=float(order))
    return nodes.reduction(ctx, t, "norm", axes, keep, "keras.ops.norm")


_EUCLIDEAN = 2


def _position(name: str) -> Operation:
    def apply(ctx: Context, x: Value = None, axis: Value = None, keepdims: Value = False) -> Value:
        t = tensor(ctx, x)
        axes = axes_given(t, axis)
        return nodes.stopped(ctx, [t], name, shapes.reduced(t.shape, axes, flag(keepdims)), "int64")

    return apply


def _argmax_of_first(name: str) -> Operation:
    """TensorFlow's `tf.argmax`: without an axis along the first one."""

    def apply(ctx: Context, x: Value = None, axis: Value = None, keepdims: Value = False) -> Value:
        return _position(name)(ctx, x, 0 if axis is None else axis, keepdims)

    return apply


def _cumulative(name: str) -> Operation:
    def apply(ctx: Context, x: Value = None, axis: Value = None) -> Value:
        t = tensor(ctx, x)
        shape = t.shape if axis is not None or t.shape is None else (math.prod(t.shape),)
        return ctx.opaque(f"{name} is not modelled", [t], shape)

    return apply


def _moments(ctx: Context, x: Value = None, axis: Value = None, keepdims: Value = False) -> Value:
    t = tensor(ctx, x)
    axes, keep = axes_given(t, axis), flag(keepdims)
    mean = nodes.reduction(ctx, t, "average", axes, keep, "keras.ops.moments")
    variance = nodes.reduction(ctx, t, "variance", axes, keep, "keras.ops.moments")
    return (mean, variance)


def _top_k(ctx: Context, x: Value = None, k: Value = 1, sorted: Value = True) -> Value:  # noqa: A002
    t = tensor(ctx, x)
    shape = (*t.shape[:-1], k) if t.shape and isinstance(k, int) else None
    values = nodes.reshaped(ctx, t, shape, "gather", "keras.ops.top_k")
    return (values, nodes.stopped(ctx, [t], "top_k", shape, "int32"))


def _sorted(name: str) -> Operation:
    def apply(ctx: Context, x: Value = None, axis: Value = -1) -> Value:
        t = tensor(ctx, x)
        if name == "argsort":
            return nodes.stopped(ctx, [t], name, t.shape, "int32")
        return nodes.reshaped(ctx, t, t.shape, "gather", "keras.ops.sort")

    return apply


def _average(ctx: Context, x: Value = None, axis: Value = None, weights: Value = None) -> Value:
    t = tensor(ctx, x)
    if isinstance(weights, Tensor):
        return ctx.opaque("a weighted average is not modelled", [t, weights])
    return nodes.reduction(ctx, t, "average", axes_given(t, axis), False, "keras.ops.average", _mean)


def _size(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return ctx.unknown("the size of a tensor of unknown shape") if t.shape is None else math.prod(t.shape)


def _euclidean(ctx: Context, x: Value = None, y: Value = None) -> Value:
    first, second = tensor(ctx, x), tensor(ctx, y)
    shape = (first.shape[0], second.shape[0]) if first.shape and second.shape else None
    return ctx.emit(Kind.OPAQUE, [first, second], shape, attributes={"reason": "pairwise distances are not modelled"})


OPERATIONS: dict[str, Operation] = {
    "sum": _reduce("sum", sum),
    "mean": _reduce("average", _mean, "mean"),
    "max": _reduce("max", max),
    "amax": _reduce("max", max),
    "min": _reduce("max", min, "min"),
    "amin": _reduce("max", min, "min"),
    "var": _reduce("variance", None, "var"),
    "std": _std,
    "logsumexp": _reduce("logsumexp"),
    "norm": _norm,
    "prod": lambda ctx, x=None, axis=None, keepdims=False: ctx.opaque(
        "a product over an axis is not modelled",
        [x],
        shapes.reduced(tensor(ctx, x).shape, axes_given(tensor(ctx, x), axis), flag(keepdims)),
    ),
    "all": _position("all"),
    "any": _position("any"),
    "argmax": _position("argmax"),
    "argmin": _position("argmin"),
    "count_nonzero": _position("count_nonzero"),
    "median": _reduce("max", None, "median"),
    "cumsum": _cumulative("cumsum"),
    "cumprod": _cumulative("cumprod"),
    "moments": _moments,
    "top_k": _top_k,
    "sort": _sorted("sort"),
    "argsort": _sorted("argsort"),
    "average": _average,
    "size": _size,
    "cdist": _euclidean,
}

TENSORFLOW: dict[str, Operation] = {
    "reduce_sum": OPERATIONS["sum"],
    "reduce_mean": OPERATIONS["mean"],
    "reduce_max": OPERATIONS["max"],
    "reduce_min": OPERATIONS["min"],
    "reduce_prod": OPERATIONS["prod"],
    "reduce_std": OPERATIONS["std"],
    "reduce_variance": OPERATIONS["var"],
    "reduce_logsumexp": OPERATIONS["logsumexp"],
    "reduce_all": OPERATIONS["all"],
    "reduce_any": OPERATIONS["any"],
    "reduce_euclidean_norm": _reduce("norm"),
    "cumsum": lambda ctx, x=None, axis=0: _cumulative("cumsum")(ctx, x, axis),
    "cumprod": lambda ctx, x=None, axis=0: _cumulative("cumprod")(ctx, x, axis),
    "argmax": _argmax_of_first("argmax"),
    "argmin": _argmax_of_first("argmin"),
    "arg_max": _argmax_of_first("argmax"),
}

__all__ = ["OPERATIONS", "TENSORFLOW", "axes_given"]
