"""How a function of Keras or TensorFlow becomes a native: argument names of both, and data that is not known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Native, Tensor, Unknown, Value, contains_unknown, tensors_in
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.arguments import is_int, is_number
from gradlint.frameworks.registry import native
from gradlint.network import Kind, Shape

Operation = Callable[..., Value]

# What TensorFlow calls the first argument.
_FIRST = frozenset(
    {
        *("x", "x1", "a", "input", "inputs", "input_tensor", "tensor", "tensors", "features", "logits", "value"),
        *("values", "params", "xs", "arrays", "data", "condition", "input_", "operand", "arys", "inp", "base"),
        *("image", "images", "indices", "array", "predictions", "numerator", "variable"),
    }
)
# Other names of an argument, by Keras's.
_SPELLINGS = {
    "perm": "axes",
    "newshape": "shape",
    "new_shape": "shape",
    "multiples": "repeats",
    "dim": "axis",
    "dims": "axis",
    "axes": "axis",
    "keep_dims": "keepdims",
    "reduction_indices": "axis",
    "paddings": "pad_width",
    "x2": "y",
    "b": "y",
    "other": "y",
    "num_or_size_splits": "indices_or_sections",
    "depth": "num_classes",
    "ksize": "pool_size",
    "filters": "kernel",
    "filter": "kernel",
    "alpha": "negative_slope",
    "max_value_inclusive": "x_max",
    "clip_value_min": "x_min",
    "clip_value_max": "x_max",
    "min_value": "x_min",
    "max_value": "x_max",
    "ord": "order",
    "sizes": "size",
    "limit": "stop",
    "delta": "step",
    "f": "function",
    "xs": "elements",
    "rates": "rate",
    "dilation_rate": "rate",
    "targets": "y_true",
    "labels": "y_true",
}


def operation(name: str, function: Operation) -> Native:
    """The native of an operation `function(ctx, ...)`; its own parameter names are Keras's."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    names = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))

    def call(ctx: Context, *args: Value, **kwargs: Value) -> Value:
        given = _named(names, kwargs, bool(args))
        everything = (*args, *given.values())
        if names[:1] != ("pred",) and not tensors_in(*everything):
            first = args[0] if args else next(iter(given.values()), None)
            unknown = contains_unknown(first)
            if unknown is not None:
                unknown.cost += 1
                return unknown
        return function(ctx, *(args if takes_any else args[: len(names)]), **given)

    return native(name, call)


def _named(names: tuple[str, ...], kwargs: Mapping[str, Value], has_first: bool) -> dict[str, Value]:
    given: dict[str, Value] = {}
    for key, value in kwargs.items():
        spelled = key if key in names else _SPELLINGS.get(key, key)
        if spelled not in names and key in _FIRST and not has_first and names:
            spelled = names[0]
        if spelled in names:
            given[spelled] = value
    return given


_MOST_ENTRIES = 100_000


def nested_shape(value: Value) -> Shape | None:
    """The shape of nested lists of numbers; None when they are ragged or hold something else."""
    if is_number(value) or isinstance(value, bool):
        return ()
    if not isinstance(value, (list, tuple)):
        return None
    if not value:
        return (0,)
    inner = nested_shape(value[0])
    if inner is None or any(nested_shape(item) != inner for item in value[1:]):
        return None
    return (len(value), *inner)


def _lists(value: Value) -> Any:
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def tensor(ctx: Context, value: Value, dtype: str | None = None) -> Tensor:
    """`value` as a tensor: a tensor, a number, nested lists of numbers, a list of tensors, or something unknown."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, range):
        value = list(value[:_MOST_ENTRIES])
    if isinstance(value, (list, tuple)):
        shape = nested_shape(value)
        if shape is not None:
            kept = _lists(value) if nodes.fits(shape) else None
            whole = _all_int(value)
            return nodes.constant(ctx, shape, dtype or ("int32" if whole else "float32"), values=kept)
        if value and all(isinstance(item, (Tensor, int, float)) for item in value):
            from gradlint.frameworks.keras.ops.joining import stacked

            return stacked(ctx, [ctx.as_tensor(item) for item in value], 0)
    return ctx.as_tensor(value)


def _all_int(value: Value) -> bool:
    return all(_all_int(item) for item in value) if isinstance(value, (list, tuple)) else is_int(value)


_MOST_SETTLED = 64


def settled(ctx: Context, value: Tensor) -> Tensor:
    """A tensor calculated from constants alone as a constant: how an index came about is no part of a network."""
    if not value.node.inputs or value.parameter is not None:
        return value
    stack, seen = [value.node], 0
    while stack:
        node = stack.pop()
        seen += 1
        if seen > _MOST_SETTLED or node.kind in (Kind.INPUT, Kind.PARAMETER, Kind.OPAQUE) or node.parameters:
            return value
        stack.extend(node.inputs)
    return nodes.constant(ctx, value.shape, value.dtype, values=value.values, distribution=nodes.distribution_of(value))


def shape_given(value: Value) -> list[Value] | None:
    """The entries of a `shape` argument: numbers, None and Unknown; None when its length is not known."""
    if isinstance(value, Tensor):
        return list(value.values) if isinstance(value.values, list) else None
    if is_int(value):
        return [value]
    if isinstance(value, (list, tuple)):
        return [nodes.integer(item) if isinstance(item, Tensor) else item for item in value]
    return None


def complete(value: Value) -> Shape | None:
    """A `shape` argument whose entries are all known."""
    entries = shape_given(value)
    if entries is None or not all(is_int(entry) for entry in entries):
        return None
    return tuple(entries)


def absorbed(*values: Value) -> Unknown | None:
    """The first Unknown among these values."""
    return next((value for value in values if isinstance(value, Unknown)), None)
