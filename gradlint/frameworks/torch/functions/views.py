"""Functions of torch that change the shape and move no entry, or move whole axes: view, permute, expand, squeeze."""

from __future__ import annotations

import math
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.gradients import pass_on
from gradlint.frameworks.nodes import adopt, integer, reshaped, too_many
from gradlint.frameworks.torch.arguments import dtype_name
from gradlint.frameworks.torch.functions.tables import Table, spread, tensor
from gradlint.network import Shape

TABLE = Table()


def flat(values: Any) -> list[Any] | None:
    """The entries of nested lists in order."""
    if not isinstance(values, list):
        return None if values is None else [values]
    found: list[Any] = []
    for item in values:
        inner = flat(item)
        if inner is None:
            return None
        found.extend(inner)
    return found


def nested(entries: list[Any], shape: Shape) -> Any:
    """Entries as nested lists of this shape."""
    if not shape:
        return entries[0]
    step = math.prod(shape[1:])
    return [nested(entries[place * step : (place + 1) * step], shape[1:]) for place in range(shape[0])]


def viewed(ctx: Context, x: Tensor, shape: Shape | None, class_name: str = "") -> Tensor:
    """`x` under another shape, its entries in the same order; `x` itself where that changes nothing."""
    if shape is not None and shape == x.shape:
        return x
    values = None
    if x.values is not None and shape is not None and 0 not in shape and not too_many(shape):
        entries = flat(x.values)
        values = None if entries is None else nested(entries, shape)
    return pass_on(x, reshaped(ctx, x, shape, "view", class_name, values))


def view(ctx: Context, input: Value, *shape: Value, size: Value = None, dtype: Value = None) -> Value:
    """`Tensor.view`: sizes, or a dtype."""
    x = tensor(ctx, input)
    wanted = spread(shape) if size is None else spread((size,))
    if dtype is not None or (len(wanted) == 1 and dtype_name(wanted[0]) is not None):
        return ctx.opaque("a view under another dtype", [x])
    if len(wanted) == 1 and not isinstance(wanted[0], (int, Tensor)):
        return viewed(ctx, x, None, "torch.Tensor.view")
    known = [entry if shapes.is_size(entry) else integer(entry) for entry in wanted]
    return viewed(ctx, x, shapes.viewed(x.shape, known), "torch.Tensor.view")


def _reshape(ctx: Context, input: Value, *shape: Value, **named: Value) -> Value:
    wanted = named.get("shape")
    return view(ctx, input, *(shape if wanted is None else (wanted,)))


def _like(ctx: Context, input: Value, other: Value) -> Value:
    x, y = tensor(ctx, input), tensor(ctx, other)
    return viewed(ctx, x, None if y.shape is None else shapes.viewed(x.shape, y.shape))


def _flatten(ctx: Context, input: Value, start_dim: Value = 0, end_dim: Value = -1) -> Value:
    x = tensor(ctx, input)
    start, end = integer(start_dim), integer(end_dim)
    shape = None if start is None or end is None else shapes.flattened(x.shape, start, end)
    return viewed(ctx, x, shape, "torch.flatten")


def _unflatten(ctx: Context, input: Value, dim: Value, sizes: Value) -> Value:
    x, axis = tensor(ctx, input), integer(dim)
    shape: Shape | None = None
    if x.shape is not None and axis is not None and isinstance(sizes, (tuple, list)):
        axis = shapes.axis_of(axis, len(x.shape), x.shape)
        middle = shapes.viewed((x.shape[axis],), [integer(size) for size in sizes])
        shape = None if middle is None else (*x.shape[:axis], *middle, *x.shape[axis + 1 :])
    return viewed(ctx, x, shape, "torch.unflatten")


def _ravel(ctx: Context, input: Value) -> Value:
    return _flatten(ctx, input)


def ordered(ctx: Context, x: Tensor, order: tuple[int, ...] | None, class_name: str = "") -> Tensor:
    """`x` with its axes in this order; None where the order is not known."""
    if order is None or x.shape is None:
        return pass_on(x, reshaped(ctx, x, None, "transpose", class_name))
    if sorted(order) != list(range(len(x.shape))):
        raise ShapeMismatch(f"{order} is no order of {len(x.shape)} dimensions", Demand(x.shape, len(order)))
    shape = shapes.permuted(x.shape, order)
    return pass_on(x, reshaped(ctx, x, shape, "transpose", class_name, axes=order))


def _permute(ctx: Context, input: Value, *dims: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    wanted = spread((named["dims"],) if "dims" in named else dims)
    axes = [integer(axis) for axis in wanted]
    if x.shape is None or None in axes:
        return ordered(ctx, x, None)
    rank = len(axes)  # of what the source means to permute
    return ordered(ctx, x, tuple(shapes.axis_of(axis, rank) for axis in axes if axis is not None), "torch.permute")


def _transpose(ctx: Context, input: Value, *dims: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    first, second = [*[integer(axis) for axis in (*dims, *named.values())], None, None][:2]
    if x.shape is None or first is None or second is None:
        return ordered(ctx, x, None)
    rank = len(x.shape)
    one, two = shapes.axis_of(first, rank, x.shape), shapes.axis_of(second, rank, x.shape)
    order = list(range(rank))
    if order:
        order[one], order[two] = order[two], order[one]
    return ordered(ctx, x, tuple(order), "torch.transpose")


def matrix_transpose(ctx: Context, input: Value) -> Value:
    """`x.mT`: the last two axes exchanged."""
    return _transpose(ctx, input, -2, -1)


def reversed_axes(ctx: Context, input: Value) -> Value:
    """`x.T`: all axes in reverse."""
    x = tensor(ctx, input)
    return ordered(ctx, x, None if x.shape is None else tuple(reversed(range(len(x.shape)))), "torch.Tensor.T")


def _t(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    if x.shape is not None and len(x.shape) > 2:
        raise ShapeMismatch(f"t() expects a tensor of at most 2 dimensions, but it has {len(x.shape)}")
    return reversed_axes(ctx, x)


def _movedim(ctx: Context, input: Value, source: Value, destination: Value) -> Value:
    x = tensor(ctx, input)
    if x.shape is None:
        return ordered(ctx, x, None)
    rank = len(x.shape)
    start, end = shapes.axes_of(source, rank), shapes.axes_of(destination, rank)
    if start is None or end is None or len(start) != len(end):
        return ordered(ctx, x, None)
    return ordered(ctx, x, shapes.moved(rank, start, end), "torch.movedim")


def _squeeze(ctx: Context, input: Value, *dim: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    wanted = spread((named["dim"],) if "dim" in named else dim)
    axes = [integer(axis) for axis in wanted]
    if x.shape is None or None in axes:
        return viewed(ctx, x, None, "torch.squeeze")
    rank = len(x.shape)
    chosen = [shapes.axis_of(axis, rank) for axis in axes if axis is not None] if wanted else range(rank)
    kept = tuple(size for axis, size in enumerate(x.shape) if size != 1 or axis not in chosen)
    return viewed(ctx, x, kept, "torch.squeeze")


def _unsqueeze(ctx: Context, input: Value, dim: Value) -> Value:
    x, axis = tensor(ctx, input), integer(dim)
    if x.shape is None or axis is None:
        return viewed(ctx, x, None, "torch.unsqueeze")
    axis = shapes.axis_of(axis, len(x.shape) + 1)
    return viewed(ctx, x, (*x.shape[:axis], 1, *x.shape[axis:]), "torch.unsqueeze")


def _at_least(rank: int) -> Any:
    def apply(ctx: Context, *inputs: Value) -> Value:
        values = spread(inputs)
        raised = [raised_rank(ctx, tensor(ctx, value), rank) for value in values]
        return raised[0] if len(inputs) == 1 and not isinstance(inputs[0], (tuple, list)) else tuple(raised)

    return apply


def raised_rank(ctx: Context, x: Tensor, rank: int) -> Tensor:
    """`x` with at least `rank` axes, as `torch.atleast_2d` and its kin add them."""
    if x.shape is None or len(x.shape) >= rank:
        return x
    missing = rank - len(x.shape)
    shape = (1,) * missing + x.shape
    if rank == 3 and len(x.shape) in (1, 2):
        shape = (1, *x.shape, 1) if len(x.shape) == 1 else (*x.shape, 1)
    return viewed(ctx, x, shape)


def expanded(ctx: Context, x: Tensor, shape: Shape | None, class_name: str = "") -> Tensor:
    """`x` broadcast to `shape`."""
    if shape is not None and shape == x.shape:
        return x
    return reshaped(ctx, x, shape, "expand", class_name)


def _expand(ctx: Context, input: Value, *size: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    wanted = spread((named["size"],) if "size" in named else size)
    known = [integer(entry) for entry in wanted]
    if x.shape is None or len(known) < len(x.shape):
        if x.shape is not None and (len(known) != 1 or known[0] is not None):
            raise ShapeMismatch(f"expand to {len(known)} dimensions of a tensor of shape {x.shape}")
        complete = None not in known and -1 not in known and bool(known)
        return expanded(ctx, x, tuple(entry for entry in known if entry is not None) if complete else None)
    padded = (1,) * (len(known) - len(x.shape)) + x.shape
    shape = tuple(old if new == -1 else new for old, new in zip(padded, known, strict=True))
    if None in shape:
        return expanded(ctx, x, None)
    for old, new in zip(padded, shape, strict=True):
        if old not in (1, new):
            raise ShapeMismatch(f"a tensor of shape {x.shape} cannot be expanded to {shape}")
    return expanded(ctx, x, tuple(size for size in shape if size is not None), "torch.Tensor.expand")


def _expand_as(ctx: Context, input: Value, other: Value) -> Value:
    x, y = tensor(ctx, input), tensor(ctx, other)
    return _expand(ctx, x, y.shape) if y.shape is not None else expanded(ctx, x, None)


def _broadcast_tensors(ctx: Context, *inputs: Value) -> Value:
    given = [tensor(ctx, value) for value in spread(inputs)]
    shape = shapes.broadcast(*[x.shape for x in given])
    return tuple(expanded(ctx, x, shape) for x in given)


def _broadcast_shapes(ctx: Context, *given: Value) -> Value:
    known = [shapes.sizes(shape) for shape in given]
    shape = shapes.broadcast(*known)
    return ctx.unknown("shapes that are not known") if shape is None else shape


def _repeat(ctx: Context, input: Value, *repeats: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    wanted = spread((*repeats, *named.values()))
    counts = [integer(count) for count in wanted]
    shape: Shape | None = None
    if x.shape is not None and None not in counts and counts:
        if len(counts) < len(x.shape):
            raise ShapeMismatch(f"{len(counts)} repeats for a tensor of shape {x.shape}")
        padded = (1,) * (len(counts) - len(x.shape)) + x.shape
        shape = tuple(size * count for size, count in zip(padded, counts, strict=True) if count is not None)
    return expanded(ctx, x, shape, "torch.Tensor.repeat")


def _tile(ctx: Context, input: Value, *dims: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    wanted = spread((*dims, *named.values()))
    if x.shape is not None and len(wanted) < len(x.shape):
        wanted = (1,) * (len(x.shape) - len(wanted)) + wanted
    return _repeat(ctx, x, wanted)


def _repeat_interleave(
    ctx: Context, input: Value, repeats: Value = None, dim: Value = None, *, output_size: Value = None
) -> Value:
    x, count, axis = tensor(ctx, input), integer(repeats), integer(dim)
    if x.shape is None or count is None or (dim is not None and axis is None):
        size = integer(output_size)
        shape = None
        if x.shape is not None and size is not None and axis is not None:
            axis = shapes.axis_of(axis, len(x.shape), x.shape)
            shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        return reshaped(ctx, x, shape, "gather", "torch.repeat_interleave")
    if axis is None:
        return expanded(ctx, x, (math.prod(x.shape) * count,), "torch.repeat_interleave")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    shape = (*x.shape[:axis], x.shape[axis] * count, *x.shape[axis + 1 :])
    return expanded(ctx, x, shape, "torch.repeat_interleave")


def _contiguous(ctx: Context, input: Value, **named: Value) -> Value:
    return tensor(ctx, input)


def _clone(ctx: Context, input: Value, *, memory_format: Value = None) -> Value:
    x = tensor(ctx, input)
    result = reshaped(ctx, x, x.shape, "identity", "torch.clone", x.values)
    if x.parameter is not None:
        result.attributes["distribution"] = x.parameter.distribution
        result.parameter, result.partial, result.window = None, False, None
    return result


def _resize(ctx: Context, input: Value, *sizes: Value, memory_format: Value = None) -> Value:
    x = tensor(ctx, input)
    wanted = [integer(size) for size in spread(sizes)]
    shape = None if None in wanted else tuple(size for size in wanted if size is not None)
    return adopt(ctx, x, reshaped(ctx, x, shape, "view"))


def _as_strided(ctx: Context, input: Value, size: Value, stride: Value, storage_offset: Value = None) -> Value:
    return reshaped(ctx, tensor(ctx, input), shapes.sizes(size), "gather", "torch.as_strided")


def _view_as_complex(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    result = reshaped(ctx, x, None if x.shape is None else x.shape[:-1], "view", "torch.view_as_complex")
    result.dtype = "complex64"
    return result


def _view_as_real(ctx: Context, input: Value) -> Value:
    x = tensor(ctx, input)
    result = reshaped(ctx, x, None if x.shape is None else (*x.shape, 2), "view", "torch.view_as_real")
    result.dtype = "float32"
    return result


TABLE.add("view", view, "m")
TABLE.add("view_copy", view, "t")
TABLE.add("reshape", _reshape)
TABLE.add("view_as reshape_as", _like, "m")
TABLE.add("flatten", _flatten)
TABLE.add("unflatten", _unflatten)
TABLE.add("ravel", _ravel)
TABLE.add("permute permute_copy", _permute)
TABLE.add("transpose swapaxes swapdims transpose_copy", _transpose)
TABLE.add("adjoint", matrix_transpose)
TABLE.add("t", _t)
TABLE.add("movedim moveaxis", _movedim)
TABLE.add("squeeze squeeze_copy", _squeeze)
TABLE.add("unsqueeze unsqueeze_copy", _unsqueeze)
for _rank in (1, 2, 3):
    TABLE.add(f"atleast_{_rank}d", _at_least(_rank), "t")
TABLE.add("expand", _expand, "m")
TABLE.add("broadcast_to expand_copy", _expand)
TABLE.add("expand_as", _expand_as, "m")
TABLE.add("broadcast_tensors", _broadcast_tensors, "t")
TABLE.add("broadcast_shapes", _broadcast_shapes, "t")
TABLE.add("repeat", _repeat, "m")
TABLE.add("tile", _tile)
TABLE.add("repeat_interleave", _repeat_interleave)
TABLE.add("contiguous pin_memory share_memory_ coalesce to_dense dequantize", _contiguous, "m")
TABLE.add("clone", _clone)
TABLE.add("resize_ resize_as_", _resize, "m")
TABLE.add("as_strided", _as_strided)
TABLE.add("view_as_complex", _view_as_complex, "t")
TABLE.add("view_as_real", _view_as_real, "t")


def _in_place_view(name: str) -> Any:
    function = TABLE.methods[name].call

    def apply(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
        x = tensor(ctx, input)
        return adopt(ctx, x, function(ctx, x, *args, **kwargs))

    return apply


for _name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims"):
    TABLE.add(f"{_name}_", _in_place_view(_name), "m")
