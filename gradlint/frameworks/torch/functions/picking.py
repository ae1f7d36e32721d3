"""Functions of torch that pick, place and move entries: gather, scatter, masks, pad, roll, patches, diagonals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.indexing import get_item
from gradlint.frameworks.nodes import added, constant, integer, number, reshaped, stopped
from gradlint.frameworks.torch.functions.tables import Table, spread, tensor
from gradlint.frameworks.torch.functions.views import expanded, raised_rank, viewed
from gradlint.network import Kind, Shape

TABLE = Table()


# Picking and placing entries.


def picked(ctx: Context, x: Tensor, shape: Shape | None, class_name: str) -> Tensor:
    """Entries of `x` in an order that is computed."""
    return reshaped(ctx, x, shape, "gather", class_name)


def _index_select(ctx: Context, input: Value, dim: Value, index: Value, *, out: Value = None) -> Value:
    x, axis, places = tensor(ctx, input), integer(dim), tensor(ctx, index)
    if x.shape is None or axis is None or places.shape is None:
        return picked(ctx, x, None, "torch.index_select")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    return get_item(ctx, x, (*(slice(None),) * axis, viewed(ctx, places, (math.prod(places.shape),))))


def _gather(
    ctx: Context, input: Value, dim: Value, index: Value, *, sparse_grad: Value = False, out: Value = None
) -> Value:
    return picked(ctx, tensor(ctx, input), tensor(ctx, index).shape, "torch.gather")


def _take_along_dim(ctx: Context, input: Value, indices: Value, dim: Value = None, *, out: Value = None) -> Value:
    x, places, axis = tensor(ctx, input), tensor(ctx, indices), integer(dim)
    shape = places.shape
    if axis is not None and x.shape is not None and shape is not None:
        axis = shapes.axis_of(axis, len(x.shape), x.shape)
        ours = tuple(1 if place == axis else size for place, size in enumerate(x.shape))
        shape = shapes.broadcast(ours, shape)
    return picked(ctx, x, shape, "torch.take_along_dim")


def _take(ctx: Context, input: Value, index: Value) -> Value:
    return picked(ctx, tensor(ctx, input), tensor(ctx, index).shape, "torch.take")


def _masked_select(ctx: Context, input: Value, mask: Value, *, out: Value = None) -> Value:
    return picked(ctx, tensor(ctx, input), None, "torch.masked_select")


def placed(ctx: Context, x: Tensor, source: Value, class_name: str, shape: Shape | None = None) -> Tensor:
    """`x` with some entries replaced by those of `source`, a tensor or a number."""
    known = number(source)
    inputs = [x] if known is not None else [x, tensor(ctx, source)]
    attributes: dict[str, Any] = {"operation": "where"} | ({} if known is None else {"value": known})
    result = ctx.emit(
        Kind.RESHAPE, inputs, shape or x.shape, attributes=attributes, dtype=x.dtype, class_name=class_name
    )
    if "distribution" in x.attributes:
        result.attributes["distribution"] = x.attributes["distribution"]
    return result


def _masked_fill(ctx: Context, input: Value, mask: Value, value: Value) -> Value:
    x, where = tensor(ctx, input), tensor(ctx, mask)
    return placed(ctx, x, value, "torch.masked_fill", shapes.broadcast(x.shape, where.shape) or x.shape)


def _masked_scatter(ctx: Context, input: Value, mask: Value, source: Value) -> Value:
    return placed(ctx, tensor(ctx, input), source, "torch.masked_scatter")


def _index_fill(ctx: Context, input: Value, dim: Value, index: Value, value: Value) -> Value:
    return placed(ctx, tensor(ctx, input), value, "torch.index_fill")


def _scatter(
    ctx: Context, input: Value, dim: Value, index: Value, src: Value = None, *, value: Value = None, **rest: Value
) -> Value:
    return placed(ctx, tensor(ctx, input), src if src is not None else value, "torch.scatter")


def _index_copy(ctx: Context, input: Value, dim: Value, index: Value, source: Value, **rest: Value) -> Value:
    return placed(ctx, tensor(ctx, input), source, "torch.index_copy")


def _index_put(ctx: Context, input: Value, indices: Value, values: Value, accumulate: Value = False) -> Value:
    return placed(ctx, tensor(ctx, input), values, "torch.index_put")


def _scatter_add(
    ctx: Context, input: Value, dim: Value, index: Value, src: Value, *args: Value, **rest: Value
) -> Value:
    x, source = tensor(ctx, input), tensor(ctx, src)
    return ctx.opaque("torch.scatter_add is not modelled", [x, source], x.shape)


def _triangle(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, diagonal: Value = 0, *, out: Value = None) -> Value:
        x = tensor(ctx, input)
        result = placed(ctx, x, 0.0, f"torch.{name}")
        offset = integer(diagonal)
        if offset is not None and isinstance(x.values, list) and x.shape is not None and len(x.shape) == 2:
            sign = 1 if name == "tril" else -1
            result.values = [
                [entry if sign * (column - row - offset) <= 0 else 0 for column, entry in enumerate(entries)]
                for row, entries in enumerate(x.values)
            ]
        return result

    return apply


def _flip(ctx: Context, input: Value, *dims: Value, **named: Value) -> Value:
    x = tensor(ctx, input)
    axes = shapes.sizes(spread((*dims, *named.values())))
    values = x.values[::-1] if isinstance(x.values, list) and x.shape is not None and len(x.shape) == 1 else None
    return reshaped(ctx, x, x.shape, "flip", "torch.flip", values, axes=axes)


def _flip_axis(axis: int) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value) -> Value:
        return _flip(ctx, input, axis)

    return apply


def _roll(ctx: Context, input: Value, shifts: Value, dims: Value = None) -> Value:
    x = tensor(ctx, input)
    return reshaped(ctx, x, x.shape, "roll", "torch.roll", axes=shapes.sizes(dims))


def _rot90(ctx: Context, input: Value, k: Value = 1, dims: Value = (0, 1)) -> Value:
    x, turns, axes = tensor(ctx, input), integer(k), shapes.sizes(dims)
    shape = x.shape
    if shape is not None and (turns is None or axes is None):
        shape = None
    elif shape is not None and turns is not None and axes is not None and turns % 2:
        order = list(range(len(shape)))
        one, two = (shapes.axis_of(axis, len(shape)) for axis in axes)
        order[one], order[two] = order[two], order[one]
        shape = shapes.permuted(shape, order)
    return reshaped(ctx, x, shape, "flip", "torch.rot90", axes=axes)


def _shape_of_pad(shape: Shape | None, widths: Shape | None) -> Shape | None:
    if shape is None or widths is None or len(widths) % 2 or len(widths) // 2 > len(shape):
        return None
    result = list(shape)
    for place in range(len(widths) // 2):
        result[-1 - place] += widths[2 * place] + widths[2 * place + 1]
    if any(size < 0 for size in result):
        raise ShapeMismatch(f"padding {widths} leaves nothing of {shape}")
    return tuple(result)


def _pad(ctx: Context, input: Value, pad: Value, mode: Value = "constant", value: Value = None) -> Value:
    x = tensor(ctx, input)
    widths = [integer(width) for width in ctx.iterate(pad)] if isinstance(pad, (tuple, list)) else [None]
    known = None if None in widths else tuple(width for width in widths if width is not None)
    if known is not None and not any(known):
        return x
    shape = _shape_of_pad(x.shape, known)
    cut = mode == "constant" and known is not None and max(known) <= 0
    return reshaped(
        ctx,
        x,
        shape,
        "slice" if cut else "pad",
        "torch.nn.functional.pad",
        padding=known,
        mode=mode,
        value=number(value),
    )


def _constant_pad(ctx: Context, input: Value, pad: Value, value: Value = 0) -> Value:
    return _pad(ctx, input, pad, "constant", value)


# Shuffles of pixels and channels, patches.


def _pixel_shuffle(ctx: Context, input: Value, upscale_factor: Value) -> Value:
    x, factor = tensor(ctx, input), integer(upscale_factor)
    shape: Shape | None = None
    if x.shape is not None and factor:
        *batch, channels, height, width = _image(x.shape)
        if channels % (factor * factor):
            raise ShapeMismatch(f"pixel_shuffle by {factor} of {channels} channels")
        shape = (*batch, channels // (factor * factor), height * factor, width * factor)
    return reshaped(ctx, x, shape, "pixel_shuffle", "torch.pixel_shuffle")


def _pixel_unshuffle(ctx: Context, input: Value, downscale_factor: Value) -> Value:
    x, factor = tensor(ctx, input), integer(downscale_factor)
    shape: Shape | None = None
    if x.shape is not None and factor:
        *batch, channels, height, width = _image(x.shape)
        if height % factor or width % factor:
            raise ShapeMismatch(f"pixel_unshuffle by {factor} of {x.shape}")
        shape = (*batch, channels * factor * factor, height // factor, width // factor)
    return reshaped(ctx, x, shape, "pixel_shuffle", "torch.pixel_unshuffle")


def _image(shape: Shape) -> Shape:
    if len(shape) < 3:
        raise ShapeMismatch(f"expected at least 3 dimensions, but got {shape}")
    return shape


def _channel_shuffle(ctx: Context, input: Value, groups: Value) -> Value:
    x = tensor(ctx, input)
    return reshaped(ctx, x, x.shape, "transpose", "torch.channel_shuffle")


def _unfold(
    ctx: Context, input: Value, kernel_size: Value, dilation: Value = 1, padding: Value = 0, stride: Value = 1
) -> Value:
    x = tensor(ctx, input)
    settings = [shapes.per_axis(value, 2) for value in (kernel_size, stride, padding, dilation)]
    shape: Shape | None = None
    if x.shape is not None and None not in settings:
        kernel, step, pads, spread_ = (setting or () for setting in settings)
        *batch, channels, height, width = _image(x.shape)
        places = shapes.convolved((height, width), kernel, step, tuple((p, p) for p in pads), spread_)
        shape = (*batch, channels * math.prod(kernel), math.prod(places))
    return reshaped(ctx, x, shape, "gather", "torch.nn.functional.unfold")


def _fold(
    ctx: Context,
    input: Value,
    output_size: Value,
    kernel_size: Value,
    dilation: Value = 1,
    padding: Value = 0,
    stride: Value = 1,
) -> Value:
    x = tensor(ctx, input)
    size, kernel, step = (shapes.per_axis(value, 2) for value in (output_size, kernel_size, stride))
    shape: Shape | None = None
    if x.shape is not None and size is not None and kernel is not None and len(x.shape) >= 2:
        shape = (*x.shape[:-2], x.shape[-2] // math.prod(kernel), *size)
    if kernel is not None and kernel == step:
        return reshaped(ctx, x, shape, "gather", "torch.nn.functional.fold")
    return ctx.opaque("fold of overlapping patches is not modelled", [x], shape)


def _tensor_unfold(ctx: Context, input: Value, dimension: Value, size: Value, step: Value) -> Value:
    x = tensor(ctx, input)
    axis, width, stride = integer(dimension), integer(size), integer(step)
    shape: Shape | None = None
    if x.shape is not None and axis is not None and width is not None and stride:
        axis = shapes.axis_of(axis, len(x.shape), x.shape)
        places = shapes.window(x.shape[axis], width, stride)
        shape = (*x.shape[:axis], places, *x.shape[axis + 1 :], width)
    return reshaped(ctx, x, shape, "gather", "torch.Tensor.unfold")


# Diagonals and products of index sets.


def _diagonal(ctx: Context, input: Value, offset: Value = 0, dim1: Value = 0, dim2: Value = 1) -> Value:
    x, shift, one, two = tensor(ctx, input), integer(offset), integer(dim1), integer(dim2)
    shape: Shape | None = None
    if x.shape is not None and shift is not None and one is not None and two is not None:
        rank = len(x.shape)
        first, second = shapes.axis_of(one, rank), shapes.axis_of(two, rank)
        rows, columns = x.shape[first] + min(shift, 0), x.shape[second] - max(shift, 0)
        rest = tuple(size for axis, size in enumerate(x.shape) if axis not in (first, second))
        shape = (*rest, max(0, min(rows, columns)))
    return picked(ctx, x, shape, "torch.diagonal")


def _diag(ctx: Context, input: Value, diagonal: Value = 0, *, out: Value = None) -> Value:
    x, shift = tensor(ctx, input), integer(diagonal)
    if x.shape is not None and len(x.shape) == 1 and shift is not None:
        side = x.shape[0] + abs(shift)
        return reshaped(ctx, x, (side, side), "pad", "torch.diag")
    return _diagonal(ctx, x, diagonal)


def _diag_embed(ctx: Context, input: Value, offset: Value = 0, dim1: Value = -2, dim2: Value = -1) -> Value:
    x, shift = tensor(ctx, input), integer(offset)
    shape: Shape | None = None
    if x.shape and shift is not None and (dim1, dim2) == (-2, -1):
        side = x.shape[-1] + abs(shift)
        shape = (*x.shape[:-1], side, side)
    return reshaped(ctx, x, shape, "pad", "torch.diag_embed")


def _diagflat(ctx: Context, input: Value, offset: Value = 0) -> Value:
    x, shift = tensor(ctx, input), integer(offset)
    side = None if x.shape is None or shift is None else math.prod(x.shape) + abs(shift)
    return reshaped(ctx, x, None if side is None else (side, side), "pad", "torch.diagflat")


def _block_diag(ctx: Context, *given: Value) -> Value:
    blocks = [raised_rank(ctx, tensor(ctx, block), 2) for block in given]
    shape: Shape | None = (0, 0)
    for block in blocks:
        known = block.shape
        shape = None if shape is None or known is None else (shape[0] + known[0], shape[1] + known[1])
    return ctx.emit(Kind.RESHAPE, blocks, shape, attributes={"operation": "pad"}, class_name="torch.block_diag")


def _meshgrid(ctx: Context, *given: Value, indexing: Value = "ij") -> Value:
    axes = [tensor(ctx, axis) for axis in spread(given)]
    sizes = [None if axis.shape is None else math.prod(axis.shape) for axis in axes]
    if None in sizes:
        return tuple(reshaped(ctx, axis, None, "expand", "torch.meshgrid") for axis in axes)
    order = list(range(len(axes)))
    if indexing == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    full = tuple(sizes[place] or 0 for place in order)
    result = []
    for place, axis in enumerate(axes):
        position = order.index(place)
        column = tuple(full[position] if other == position else 1 for other in range(len(axes)))
        result.append(expanded(ctx, viewed(ctx, axis, column), full, "torch.meshgrid"))
    return tuple(result)


def _cartesian_prod(ctx: Context, *given: Value) -> Value:
    axes = [tensor(ctx, axis) for axis in spread(given)]
    sizes = [None if axis.shape is None else math.prod(axis.shape) for axis in axes]
    known = [size for size in sizes if size is not None]
    shape: Shape | None = None
    if known and len(known) == len(sizes):
        shape = (math.prod(known), len(known)) if len(known) > 1 else (known[0],)
    return ctx.emit(Kind.RESHAPE, axes, shape, attributes={"operation": "gather"}, class_name="torch.cartesian_prod")


def _one_hot(ctx: Context, tensor_: Value = None, num_classes: Value = -1, **rest: Value) -> Value:
    x, count = tensor(ctx, rest.get("input", rest.get("tensor", tensor_))), integer(num_classes)
    shape = None if x.shape is None or count is None or count < 0 else (*x.shape, count)
    return stopped(ctx, (x,), "one_hot", shape, "int64")


def _difference(
    ctx: Context, input: Value, n: Value = 1, dim: Value = -1, prepend: Value = None, append: Value = None
) -> Value:
    """`torch.diff` of first order: each entry minus the one before it."""
    x, order, axis = tensor(ctx, input), integer(n), integer(dim)
    ends = [tensor(ctx, end) for end in (prepend, append) if end is not None]
    if x.shape is None or order != 1 or axis is None or ends:
        return ctx.opaque("torch.diff of this form is not modelled", [x, *ends])
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    before = (slice(None),) * axis
    later, earlier = get_item(ctx, x, (*before, slice(1, None))), get_item(ctx, x, (*before, slice(None, -1)))
    return added(ctx, later, earlier, -1.0, "torch.diff")


def _fill(ctx: Context, input: Value, value: Value) -> Value:
    x, known = tensor(ctx, input), number(value)
    if known is None:
        return expanded(ctx, tensor(ctx, value), x.shape)
    return constant(ctx, x.shape, x.dtype, known)


TABLE.add("index_select", _index_select)
TABLE.add("gather", _gather)
TABLE.add("take_along_dim", _take_along_dim)
TABLE.add("take", _take)
TABLE.add("masked_select", _masked_select)
TABLE.add("masked_fill", _masked_fill, "tmi")
TABLE.add("masked_scatter", _masked_scatter, "tmi")
TABLE.add("index_fill", _index_fill, "tmi")
TABLE.add("scatter", _scatter, "tmi")
TABLE.add("index_copy select_scatter slice_scatter diagonal_scatter", _index_copy, "tmi")
TABLE.add("index_put", _index_put, "tmi")
TABLE.add("scatter_add index_add scatter_reduce index_reduce", _scatter_add, "tmi")
TABLE.add("tril", _triangle("tril"), "tmi")
TABLE.add("triu", _triangle("triu"), "tmi")
TABLE.add("flip", _flip)
TABLE.add("fliplr", _flip_axis(1))
TABLE.add("flipud", _flip_axis(0))
TABLE.add("roll", _roll)
TABLE.add("rot90", _rot90)
TABLE.add("pad", _pad, "f")
TABLE.add("constant_pad_nd", _constant_pad, "t")
TABLE.add("pixel_shuffle", _pixel_shuffle, "tf")
TABLE.add("pixel_unshuffle", _pixel_unshuffle, "tf")
TABLE.add("channel_shuffle native_channel_shuffle", _channel_shuffle, "tf")
TABLE.add("unfold", _unfold, "f")
TABLE.add("fold", _fold, "f")
TABLE.add("unfold", _tensor_unfold, "m")
TABLE.add("diagonal", _diagonal, "tml")
TABLE.add("diag", _diag)
TABLE.add("diag_embed", _diag_embed)
TABLE.add("diagflat", _diagflat)
TABLE.add("block_diag", _block_diag, "t")
TABLE.add("meshgrid", _meshgrid, "t")
TABLE.add("cartesian_prod", _cartesian_prod, "t")
TABLE.add("one_hot", _one_hot, "f")
TABLE.add("diff", _difference)
TABLE.add("fill", _fill, "t")
