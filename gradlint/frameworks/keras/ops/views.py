"""Operations that rearrange entries: reshape, transpose, slices, padding, flips, and questions about shapes."""

from __future__ import annotations

import math

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.indexing import get_item
from gradlint.frameworks.keras.arguments import integer, is_int
from gradlint.frameworks.keras.ops.operation import Operation, complete, settled, shape_given, tensor


def _reshape(ctx: Context, x: Value = None, shape: Value = None) -> Value:
    t = tensor(ctx, x)
    entries = shape_given(shape)
    if entries is None:
        return nodes.reshaped(ctx, t, None, "view", "keras.ops.reshape")
    found = shapes.viewed(t.shape, [-1 if entry is None else entry for entry in entries])
    return nodes.reshaped(ctx, t, found, "view", "keras.ops.reshape", values=t.values if found == t.shape else None)


def _transpose(ctx: Context, x: Value = None, axes: Value = None) -> Value:
    t = tensor(ctx, x)
    order = complete(axes)
    if order is None and axes is None and t.shape is not None:
        order = tuple(range(len(t.shape)))[::-1]
    if order is None or t.shape is None:
        return nodes.reshaped(ctx, t, None, "transpose", "keras.ops.transpose")
    order = shapes.axes_of(order, len(t.shape)) or ()
    return nodes.reshaped(ctx, t, shapes.permuted(t.shape, order), "transpose", "keras.ops.transpose", axes=order)


def _swap(ctx: Context, x: Value = None, axis1: Value = None, axis2: Value = None) -> Value:
    t, first, second = tensor(ctx, x), integer(axis1), integer(axis2)
    if t.shape is None or first is None or second is None:
        return nodes.reshaped(ctx, t, None, "transpose", "keras.ops.swapaxes")
    order = list(range(len(t.shape)))
    first, second = shapes.axis_of(first, len(order)), shapes.axis_of(second, len(order))
    order[first], order[second] = order[second], order[first]
    return _transpose(ctx, t, tuple(order))


def _move(ctx: Context, x: Value = None, source: Value = None, destination: Value = None) -> Value:
    t, start, end = tensor(ctx, x), complete(source), complete(destination)
    if t.shape is None or start is None or end is None:
        return nodes.reshaped(ctx, t, None, "transpose", "keras.ops.moveaxis")
    rank = len(t.shape)
    order = shapes.moved(rank, shapes.axes_of(start, rank) or (), shapes.axes_of(end, rank) or ())
    return _transpose(ctx, t, order)


def _expand_dims(ctx: Context, x: Value = None, axis: Value = None) -> Value:
    t = tensor(ctx, x)
    wanted = complete(0 if axis is None else axis)
    shape = None
    if t.shape is not None and wanted is not None:
        rank = len(t.shape) + len(wanted)
        places = {shapes.axis_of(place, rank) for place in wanted}
        rest = iter(t.shape)
        shape = tuple(1 if place in places else next(rest) for place in range(rank))
    return nodes.reshaped(ctx, t, shape, "view", "keras.ops.expand_dims")


def _squeeze(ctx: Context, x: Value = None, axis: Value = None) -> Value:
    t = tensor(ctx, x)
    shape = None
    if t.shape is not None:
        wanted = complete(axis) if axis is not None else tuple(i for i, size in enumerate(t.shape) if size == 1)
        places = shapes.axes_of(wanted, len(t.shape)) if wanted else ()
        shape = None if wanted is None or places is None else shapes.reduced(t.shape, places)
    values = t.values
    while shape is not None and not shape and isinstance(values, list) and len(values) == 1:
        values = values[0]
    return nodes.reshaped(ctx, t, shape, "view", "keras.ops.squeeze", values=values if shape == () else None)


def _ravel(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.reshaped(ctx, t, None if t.shape is None else (math.prod(t.shape),), "view", "keras.ops.ravel")


def _batch_flatten(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.reshaped(ctx, t, (t.shape[0], math.prod(t.shape[1:])) if t.shape else None, "view")


def _pad(ctx: Context, x: Value = None, pad_width: Value = None, mode: Value = "constant") -> Value:
    t = tensor(ctx, x)
    if isinstance(pad_width, Tensor):
        pad_width = pad_width.values
    shape = None
    if is_int(pad_width) and t.shape is not None:
        pad_width = [[pad_width, pad_width]] * len(t.shape)
    if isinstance(pad_width, (list, tuple)) and t.shape is not None:
        pairs = [complete(pair) for pair in pad_width]
        totals = [sum(pair if len(pair) > 1 else pair * 2) for pair in pairs if pair]
        if len(totals) == len(t.shape):
            shape = tuple(n + total for n, total in zip(t.shape, totals, strict=True))
    return nodes.reshaped(ctx, t, shape, "pad", "keras.ops.pad", mode=mode if isinstance(mode, str) else "constant")


def _same(operation: str) -> Operation:
    def apply(ctx: Context, x: Value = None) -> Value:
        t = tensor(ctx, x)
        return nodes.reshaped(ctx, t, t.shape, operation, f"keras.ops.{operation}")

    return apply


def _roll(ctx: Context, x: Value = None, shift: Value = None, axis: Value = None) -> Value:
    t = tensor(ctx, x)
    return nodes.reshaped(ctx, t, t.shape, "roll", "keras.ops.roll", axes=complete(axis), shifts=complete(shift))


def _slice(ctx: Context, x: Value = None, begin: Value = None, size: Value = None) -> Value:
    t, start, count = tensor(ctx, x), complete(begin), complete(size)
    if t.shape is None or start is None or count is None:
        return nodes.reshaped(ctx, t, count if count and -1 not in count else None, "slice", "keras.ops.slice")
    keys = [slice(a, None if n == -1 else a + n) for a, n in zip(start, count, strict=False)]
    return get_item(ctx, t, tuple(keys))


def _broadcast(ctx: Context, x: Value = None, shape: Value = None) -> Value:
    return nodes.reshaped(ctx, tensor(ctx, x), complete(shape), "expand", "keras.ops.broadcast_to")


def _shape(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return t.shape if t.shape is not None else ctx.unknown("the shape of a tensor")


def _rank(ctx: Context, x: Value = None) -> Value:
    t = tensor(ctx, x)
    return len(t.shape) if t.shape is not None else ctx.unknown("the number of axes of a tensor")


def _stop(ctx: Context, x: Value = None) -> Value:
    if isinstance(x, (list, tuple)):
        return [_stop(ctx, item) for item in x]
    t = tensor(ctx, x)
    return nodes.stopped(ctx, [t], "stop_gradient", t.shape, t.dtype, t.values)


def _one_hot(ctx: Context, x: Value = None, num_classes: Value = None, axis: Value = -1) -> Value:
    t, classes = tensor(ctx, x), integer(num_classes)
    shape = (*t.shape, classes) if t.shape is not None and classes is not None else None
    return nodes.stopped(ctx, [t], "one_hot", shape, "float32")


def _triangle(name: str) -> Operation:
    def apply(ctx: Context, x: Value = None, k: Value = 0) -> Value:
        t = tensor(ctx, x)
        return nodes.reshaped(ctx, t, t.shape, "where", f"keras.ops.{name}")

    return apply


def _resize(
    ctx: Context, x: Value = None, size: Value = None, interpolation: Value = None, data_format: Value = None
) -> Value:
    t, target = tensor(ctx, x), complete(size)
    shape = None
    if t.shape is not None and target is not None and len(target) == 2 and len(t.shape) >= 3:
        first = data_format == "channels_first"
        shape = (*t.shape[:-2], *target) if first else (*t.shape[:-3], *target, t.shape[-1])
    return nodes.reshaped(ctx, t, shape, "interpolate", "keras.ops.image.resize")


def _meshgrid(ctx: Context, *arrays: Value, indexing: Value = "xy") -> Value:
    """Coordinates of a grid, one tensor per axis."""
    given = [tensor(ctx, array) for array in arrays]
    lengths: list[Value] = [math.prod(t.shape) if t.shape is not None else None for t in given]
    if indexing == "xy":
        lengths[:2] = lengths[:2][::-1]
    return [nodes.reshaped(ctx, t, complete(lengths), "expand", "keras.ops.meshgrid") for t in given]


def _depth_to_space(ctx: Context, x: Value = None, block_size: Value = None) -> Value:
    t, block = tensor(ctx, x), integer(block_size)
    shape = None
    if t.shape is not None and len(t.shape) == 4 and block:
        n, h, w, c = t.shape
        shape = (n, h * block, w * block, c // (block * block))
    return nodes.reshaped(ctx, t, shape, "pixel_shuffle", "tensorflow.nn.depth_to_space")


def _space_to_depth(ctx: Context, x: Value = None, block_size: Value = None) -> Value:
    t, block = tensor(ctx, x), integer(block_size)
    shape = None
    if t.shape is not None and len(t.shape) == 4 and block:
        n, h, w, c = t.shape
        shape = (n, h // block, w // block, c * block * block)
    return nodes.reshaped(ctx, t, shape, "pixel_shuffle", "tensorflow.nn.space_to_depth")


def _patches(
    ctx: Context,
    x: Value = None,
    size: Value = None,
    strides: Value = None,
    rate: Value = None,
    padding: Value = "valid",
) -> Value:
    """Patches of images, flattened into the last axis; TensorFlow gives sizes as (1, h, w, 1)."""
    t = tensor(ctx, x)
    window, step = complete(size), complete(strides)
    window = window[1:3] if window and len(window) == 4 else window
    step = step[1:3] if step and len(step) == 4 else step
    window = window * 2 if window and len(window) == 1 else window
    step = window if step is None else step * 2 if len(step) == 1 else step
    shape = None
    if t.shape is not None and len(t.shape) == 4 and window and step and all((*window, *step)):
        n, h, w, c = t.shape
        same = isinstance(padding, str) and padding.lower() == "same"
        rows, columns = (
            -(-length // s) if same else (length - k) // s + 1
            for length, k, s in zip((h, w), window, step, strict=False)
        )
        shape = (n, rows, columns, window[0] * window[1] * c)
    return nodes.reshaped(ctx, t, shape, "gather", "keras.ops.image.extract_patches")


def _to_tensor(ctx: Context, x: Value = None, dtype: Value = None) -> Value:
    from gradlint.frameworks.keras.inputs import dtype_name

    name = dtype_name(dtype, "")
    made = tensor(ctx, x, name or None)
    if name and not isinstance(x, Tensor):
        made.dtype = name
    return settled(ctx, made)


def _identity(ctx: Context, x: Value = None) -> Value:
    return x


OPERATIONS: dict[str, Operation] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "swapaxes": _swap,
    "moveaxis": _move,
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "ravel": _ravel,
    "batch_flatten": _batch_flatten,
    "pad": _pad,
    "flip": _same("flip"),
    "fliplr": _same("flip"),
    "flipud": _same("flip"),
    "reverse": _same("flip"),
    "roll": _roll,
    "slice": _slice,
    "broadcast_to": _broadcast,
    "shape": _shape,
    "ndim": _rank,
    "stop_gradient": _stop,
    "one_hot": _one_hot,
    "tril": _triangle("tril"),
    "triu": _triangle("triu"),
    "meshgrid": _meshgrid,
    "resize": _resize,
    "resize_images": _resize,
    "extract_patches": _patches,
    "extract_image_patches": _patches,
    "depth_to_space": _depth_to_space,
    "space_to_depth": _space_to_depth,
    "convert_to_tensor": _to_tensor,
    "array": _to_tensor,
    "copy": _identity,
    "identity": _identity,
    "ensure_shape": _identity,
}

TENSORFLOW: dict[str, Operation] = {"shape": _shape, "rank": _rank, "constant": _to_tensor}
