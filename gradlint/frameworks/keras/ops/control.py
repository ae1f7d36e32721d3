"""Control flow as functions, and updates of parts of a tensor: cond, switch, loops, map, scatter."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Unknown, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.keras.arguments import is_int
from gradlint.frameworks.keras.ops.elementwise import chosen
from gradlint.frameworks.keras.ops.operation import Operation, tensor
from gradlint.network import Kind

_MOST_ROUNDS = 256


def _truth(ctx: Context, value: Value) -> bool | None:
    if isinstance(value, Tensor):
        return bool(value.values) if isinstance(value.values, (bool, int, float)) else None
    return None if isinstance(value, Unknown) else ctx.truth(value)


def _cond(ctx: Context, pred: Value = None, true_fn: Value = None, false_fn: Value = None) -> Value:
    """The branch that is taken; where that is not known, either of two tensors of one shape, else the first branch."""
    truth = _truth(ctx, pred)
    if truth is not None:
        return ctx.call(true_fn if truth else false_fn)
    first, second = ctx.call(true_fn), ctx.call(false_fn)
    if isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape == second.shape:
        return first if first.node is second.node else chosen(ctx, (first, second), "keras.ops.cond")
    return first


def _loop(
    ctx: Context, lower: Value = None, upper: Value = None, body_fun: Value = None, init_val: Value = None
) -> Value:
    """`fori_loop` with known bounds; the body once where they are not known."""
    rounds = range(lower, upper)[:_MOST_ROUNDS] if is_int(lower) and is_int(upper) else range(1)
    for index in rounds:
        init_val = ctx.call(body_fun, index, init_val)
    return init_val


def _map(ctx: Context, function: Value = None, elements: Value = None) -> Value:
    """A function over the first axis: called on one entry, its result for all of them."""
    t = tensor(ctx, elements) if not isinstance(elements, (list, tuple)) else ctx.as_tensor(elements[0])
    result = ctx.call(function, ctx.opaque("one entry of a map", [t], t.shape[1:] if t.shape else None))
    shape = (t.shape[0], *result.shape) if isinstance(result, Tensor) and result.shape is not None and t.shape else None
    return ctx.opaque("a map over the entries of a tensor is not modelled", [t], shape)


def _updated(ctx: Context, x: Value = None, indices: Value = None, updates: Value = None) -> Value:
    """Some entries of `x` replaced by `updates`."""
    t, new = tensor(ctx, x), tensor(ctx, updates)
    return ctx.emit(
        Kind.RESHAPE, [t, new], t.shape, attributes={"operation": "where"}, class_name="keras.ops.scatter_update"
    )


def _scattered(ctx: Context, indices: Value = None, values: Value = None, shape: Value = None) -> Value:
    new = tensor(ctx, values)
    return ctx.emit(
        Kind.RESHAPE, [new], shapes.sizes(shape), attributes={"operation": "gather"}, class_name="keras.ops.scatter"
    )


OPERATIONS: dict[str, Operation] = {
    "cond": _cond,
    "switch": _cond,
    "fori_loop": _loop,
    "map": _map,
    "vectorized_map": _map,
    "scatter": _scattered,
    "scatter_update": _updated,
    "slice_update": _updated,
}

TENSORFLOW: dict[str, Operation] = {
    "map_fn": _map,
    "scatter_nd": _scattered,
    "tensor_scatter_nd_update": _updated,
    "tensor_scatter_nd_add": _updated,
    "smart_cond": _cond,
}
