"""Operations that join tensors or take them apart: concatenate, stack, split, repeat, gather."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.indexing import get_item
from gradlint.frameworks.keras.arguments import integer, is_int
from gradlint.frameworks.keras.ops.operation import Operation, complete, tensor
from gradlint.network import Kind


def _tensors(ctx: Context, xs: Value) -> list[Tensor]:
    if isinstance(xs, Tensor):
        return [xs]
    return [tensor(ctx, item) for item in ctx.iterate(xs)]


def _concatenate(ctx: Context, xs: Value = None, axis: Value = 0) -> Value:
    if isinstance(xs, int) and isinstance(axis, (list, tuple)):
        xs, axis = axis, xs
    given = _tensors(ctx, xs)
    known = integer(axis)
    values = None
    if known == 0 and all(isinstance(t.values, list) for t in given):
        values = [entry for t in given for entry in t.values]
    shape = None if known is None else shapes.concatenated([t.shape for t in given], known)
    return ctx.emit(
        Kind.CONCATENATE,
        given,
        shape,
        attributes={"axis": known},
        class_name="keras.ops.concatenate",
        dtype=shapes.promoted(t.dtype for t in given) if given else None,
        values=values,
    )


def stacked(ctx: Context, given: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors of one shape along a new axis."""
    first = given[0].shape if given else None
    for other in given[1:]:
        if first is not None and other.shape is not None:
            first = shapes.broadcast(first, other.shape)
    shape = None
    if first is not None:
        place = shapes.axis_of(axis, len(first) + 1)
        shape = (*first[:place], len(given), *first[place:])
    values = [t.values for t in given] if first == () and all(t.values is not None for t in given) else None
    return ctx.emit(
        Kind.CONCATENATE,
        given,
        shape,
        attributes={"axis": axis, "stacked": True},
        class_name="keras.ops.stack",
        values=values,
    )


def _stack(ctx: Context, x: Value = None, axis: Value = 0) -> Value:
    given = _tensors(ctx, x)
    return stacked(ctx, given, integer(axis) or 0) if given else ctx.unknown("a stack of nothing")


def pieces(ctx: Context, x: Tensor, lengths: Sequence[int], axis: int) -> list[Tensor]:
    """Consecutive parts of `x` of these lengths along `axis` (from the front)."""
    found, start = [], 0
    assert x.shape is not None
    for length in lengths:
        shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
        values = x.values[start : start + length] if isinstance(x.values, list) and len(x.shape) == 1 else None
        part = nodes.reshaped(
            ctx, x, shape, "split", "keras.ops.split", values, axis=axis, start=start, stop=start + length
        )
        found.append(part)
        start += length
    return found


def _split(ctx: Context, x: Value = None, indices_or_sections: Value = None, axis: Value = 0) -> Value:
    """Keras's split: a number of equal parts, or the positions of the cuts."""
    t = tensor(ctx, x)
    known, count = integer(axis), integer(indices_or_sections)
    if t.shape is None or known is None:
        parts = count or (len(indices_or_sections) if isinstance(indices_or_sections, (list, tuple)) else 1)
        return [ctx.opaque("a split of a tensor of unknown shape", [t]) for _ in range(parts)]
    place = shapes.axis_of(known, len(t.shape), t.shape)
    size = t.shape[place]
    if count is not None:
        if count < 1 or size % count:
            ctx.fail("ValueError", f"cannot split {size} into {count} equal parts")
        return pieces(ctx, t, [size // count] * count, place)
    cuts = complete(indices_or_sections)
    if cuts is None:
        return ctx.unknown("a split at positions that are not known")
    edges = [0, *cuts, size]
    return pieces(ctx, t, [b - a for a, b in pairwise(edges)], place)


def _split_sizes(ctx: Context, x: Value = None, indices_or_sections: Value = None, axis: Value = 0) -> Value:
    """TensorFlow's split: a number of equal parts, or the lengths of the parts."""
    lengths = complete(indices_or_sections) if not is_int(indices_or_sections) else None
    t = tensor(ctx, x)
    if lengths is None or t.shape is None or not is_int(axis):
        return _split(ctx, t, indices_or_sections, axis)
    place = shapes.axis_of(axis, len(t.shape), t.shape)
    rest = t.shape[place] - sum(length for length in lengths if length >= 0)
    return pieces(ctx, t, [rest if length < 0 else length for length in lengths], place)


def _unstack(ctx: Context, x: Value = None, num: Value = None, axis: Value = 0) -> Value:
    t = tensor(ctx, x)
    known = integer(axis)
    if t.shape is None or known is None:
        return ctx.unknown("unstacking a tensor of unknown shape")
    place = shapes.axis_of(known, len(t.shape), t.shape)
    key: tuple[Value, ...] = (slice(None),) * place
    return [get_item(ctx, t, (*key, index)) for index in range(t.shape[place])]


def _repeated(ctx: Context, x: Tensor, shape: tuple[int, ...] | None, axis: int | None) -> Tensor:
    return nodes.reshaped(ctx, x, shape, "expand", "keras.ops.repeat", axes=(axis,))


def _repeat(ctx: Context, x: Value = None, repeats: Value = None, axis: Value = None) -> Value:
    t, times, known = tensor(ctx, x), integer(repeats), integer(axis)
    shape = None
    if t.shape and times is not None and known is not None:
        place = shapes.axis_of(known, len(t.shape), t.shape)
        shape = (*t.shape[:place], t.shape[place] * times, *t.shape[place + 1 :])
    return _repeated(ctx, t, shape, known)


def _tile(ctx: Context, x: Value = None, repeats: Value = None) -> Value:
    t, times = tensor(ctx, x), complete(repeats)
    shape = None
    if t.shape is not None and times is not None:
        rank = max(len(t.shape), len(times))
        padded = (1,) * (rank - len(t.shape)) + t.shape
        factors = (1,) * (rank - len(times)) + times
        shape = tuple(size * factor for size, factor in zip(padded, factors, strict=True))
    return nodes.reshaped(ctx, t, shape, "expand", "keras.ops.tile")


def _take(ctx: Context, x: Value = None, indices: Value = None, axis: Value = None) -> Value:
    """Entries along an axis by index; of a matrix of weights, an embedding."""
    t = tensor(ctx, x)
    index = indices if is_int(indices) else tensor(ctx, indices)
    place = 0 if axis is None else integer(axis)
    if place == 0:
        return get_item(ctx, t, index)
    if t.shape is None or place is None:
        return nodes.reshaped(ctx, t, None, "gather", "keras.ops.take")
    place = shapes.axis_of(place, len(t.shape), t.shape)
    return get_item(ctx, t, (*(slice(None),) * place, index))


def _take_along_axis(ctx: Context, x: Value = None, indices: Value = None, axis: Value = -1) -> Value:
    t, index = tensor(ctx, x), tensor(ctx, indices)
    return nodes.reshaped(ctx, t, index.shape, "gather", "keras.ops.take_along_axis")


def _gather_nd(ctx: Context, x: Value = None, indices: Value = None) -> Value:
    t, index = tensor(ctx, x), tensor(ctx, indices)
    shape = None
    if t.shape is not None and index.shape:
        shape = (*index.shape[:-1], *t.shape[index.shape[-1] :])
    return nodes.reshaped(ctx, t, shape, "gather", "tensorflow.gather_nd")


def _embedding_lookup(ctx: Context, x: Value = None, ids: Value = None) -> Value:
    return get_item(ctx, tensor(ctx, x), tensor(ctx, ids))


def _side_by_side(axis: int) -> Operation:
    def apply(ctx: Context, xs: Value = None) -> Value:
        return _concatenate(ctx, xs, axis)

    return apply


OPERATIONS: dict[str, Operation] = {
    "concatenate": _concatenate,
    "hstack": _side_by_side(1),
    "vstack": _side_by_side(0),
    "stack": _stack,
    "unstack": _unstack,
    "split": _split,
    "array_split": _split,
    "repeat": _repeat,
    "tile": _tile,
    "take": _take,
    "take_along_axis": _take_along_axis,
}


def _concatenate_last(ctx: Context, tensors: Value = None, axis: Value = -1) -> Value:
    """`keras.backend.concatenate`, whose default is the last axis."""
    return _concatenate(ctx, tensors, axis)


TENSORFLOW: dict[str, Operation] = {
    "backend_concatenate": _concatenate_last,
    "concat": _concatenate,
    "split": _split_sizes,
    "gather": _take,
    "gather_nd": _gather_nd,
    "embedding_lookup": _embedding_lookup,
}
