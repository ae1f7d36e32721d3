"""Functions of torch that join tensors and cut them into pieces: cat, stack, split, chunk, unbind, narrow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Tensor, Value
from gradlint.frameworks import shapes
from gradlint.frameworks.gradients import pass_on
from gradlint.frameworks.indexing import get_item
from gradlint.frameworks.nodes import integer, reshaped
from gradlint.frameworks.torch.functions.tables import Table, dimension, tensor, tensors
from gradlint.frameworks.torch.functions.views import raised_rank, viewed
from gradlint.network import Kind, Shape

TABLE = Table()


def concatenated(ctx: Context, given: Sequence[Tensor], axis: int, class_name: str = "torch.cat") -> Tensor:
    """The tensors one behind the other along `axis`."""
    known = next((x.shape for x in given if x.shape not in (None, (0,))), None)
    if known is not None:
        axis = shapes.axis_of(axis, len(known))
    values = None
    if all(isinstance(x.values, list) for x in given) and known is not None and len(known) == 1:
        values = [entry for x in given for entry in x.values]
    return ctx.emit(
        Kind.CONCATENATE,
        given,
        shapes.concatenated([x.shape for x in given], axis),
        attributes={"axis": axis},
        dtype=shapes.promoted(x.dtype for x in given),
        class_name=class_name,
        values=values,
    )


def _cat(ctx: Context, tensors_: Value = None, dim: Value = 0, *, out: Value = None, **rest: Value) -> Value:
    given = tensors(ctx, rest.get("tensors", tensors_))
    axis = integer(dimension(dim, rest))
    if given is None or not given:
        return ctx.opaque("concatenation of tensors that are not known", [tensors_])
    if axis is None:
        return ctx.opaque("concatenation along an axis that is not known", given)
    if any(x.shape == () for x in given):
        raise ShapeMismatch("zero-dimensional tensors cannot be concatenated")
    return concatenated(ctx, given, axis)


def stacked(ctx: Context, given: Sequence[Tensor], axis: int, class_name: str = "torch.stack") -> Tensor:
    """The tensors along a new axis."""
    known = [x.shape for x in given]
    first = known[0]
    shape: Shape | None = None
    if first is not None and None not in known:
        if any(other != first for other in known):
            raise ShapeMismatch(f"stack expects equal sizes, but got {known}")
        axis = shapes.axis_of(axis, len(first) + 1)
        shape = (*first[:axis], len(given), *first[axis:])
    values = [x.values for x in given] if axis == 0 and all(x.values is not None for x in given) else None
    return ctx.emit(
        Kind.CONCATENATE,
        given,
        shape,
        attributes={"axis": axis, "stacked": True},
        dtype=shapes.promoted(x.dtype for x in given),
        class_name=class_name,
        values=values,
    )


def _stack(ctx: Context, tensors_: Value = None, dim: Value = 0, *, out: Value = None, **rest: Value) -> Value:
    given = tensors(ctx, rest.get("tensors", tensors_))
    axis = integer(dimension(dim, rest))
    if not given or axis is None:
        return ctx.opaque("stack of tensors that are not known", [tensors_])
    return stacked(ctx, given, axis)


def _raised(rank: int, axis: int, one_dimensional: int | None = None) -> Callable[..., Value]:
    """`hstack` and its kin: tensors are given at least `rank` axes, then joined along `axis`."""

    def apply(ctx: Context, tensors_: Value, *, out: Value = None) -> Value:
        given = tensors(ctx, tensors_)
        if not given:
            return ctx.opaque("stack of tensors that are not known", [tensors_])
        flat = all(x.shape is not None and len(x.shape) <= 1 for x in given)
        raised = [raised_rank(ctx, x, rank) for x in given]
        return concatenated(ctx, raised, one_dimensional if flat and one_dimensional is not None else axis)

    return apply


def _column_stack(ctx: Context, tensors_: Value, *, out: Value = None) -> Value:
    given = tensors(ctx, tensors_)
    if not given:
        return ctx.opaque("stack of tensors that are not known", [tensors_])
    columns = [viewed(ctx, x, (*x.shape, 1)) if x.shape is not None and len(x.shape) <= 1 else x for x in given]
    return concatenated(ctx, [raised_rank(ctx, x, 2) for x in columns], 1)


# Pieces.


def pieces(ctx: Context, x: Tensor, lengths: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    """`x` cut along `axis` into pieces of these lengths."""
    assert x.shape is not None
    result = []
    start = 0
    for length in lengths:
        stop = start + length
        shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
        values = x.values[start:stop] if isinstance(x.values, list) and axis == 0 else None
        piece = reshaped(ctx, x, shape, "split", values=values, axis=axis, start=start, stop=stop)
        if x.parameter is not None:
            whole = x.node.kind in (Kind.PARAMETER, Kind.STOP) and not x.partial
            piece.partial, piece.window = True, (axis, start, stop) if whole else None
        result.append(pass_on(x, piece))
        start = stop
    return tuple(result)


def _split(ctx: Context, input: Value, split_size_or_sections: Value = None, dim: Value = 0, **rest: Value) -> Value:
    x, axis = tensor(ctx, input), integer(dimension(dim, rest))
    wanted = rest.get("split_size", rest.get("split_sizes", split_size_or_sections))
    size, lengths = integer(wanted), shapes.sizes(wanted) if isinstance(wanted, (tuple, list)) else None
    if x.shape is None or axis is None or (size is None and lengths is None):
        count = len(wanted) if isinstance(wanted, (tuple, list)) else None
        return _unknown_pieces(ctx, x, count, "split")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    if lengths is None:
        lengths = shapes.split_sizes(x.shape[axis], size or 0)
    elif sum(lengths) != x.shape[axis]:
        raise ShapeMismatch(f"split sizes {lengths} do not sum to {x.shape[axis]}")
    return pieces(ctx, x, lengths, axis)


def _unknown_pieces(ctx: Context, x: Tensor, count: int | None, operation: str) -> Value:
    if count is None:
        return ctx.unknown("pieces of a tensor whose shape is not known")
    return tuple(reshaped(ctx, x, None, operation) for _ in range(count))


def _chunk(ctx: Context, input: Value, chunks: Value, dim: Value = 0, **rest: Value) -> Value:
    x, axis, count = tensor(ctx, input), integer(dimension(dim, rest)), integer(chunks)
    if x.shape is None or axis is None or count is None:
        return _unknown_pieces(ctx, x, count, "split")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    return pieces(ctx, x, shapes.chunk_sizes(x.shape[axis], count), axis)


def _tensor_split(
    ctx: Context, input: Value, indices_or_sections: Value = None, dim: Value = 0, **rest: Value
) -> Value:
    x, axis = tensor(ctx, input), integer(dim)
    wanted = rest.get("indices", rest.get("sections", indices_or_sections))
    count = integer(wanted)
    places = shapes.sizes(wanted) if isinstance(wanted, (tuple, list)) else None
    if x.shape is None or axis is None or (count is None and places is None):
        return _unknown_pieces(ctx, x, count, "split")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    total = x.shape[axis]
    if count is not None:
        return pieces(ctx, x, shapes.even_sizes(total, count), axis)
    bounds = [0, *[min(place, total) for place in places or ()], total]
    return pieces(ctx, x, [max(0, stop - start) for start, stop in itertools.pairwise(bounds)], axis)


def _axis_split(axis: int) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, indices_or_sections: Value) -> Value:
        x = tensor(ctx, input)
        where = 0 if axis == 1 and x.shape is not None and len(x.shape) == 1 else axis
        return _tensor_split(ctx, x, indices_or_sections, where)

    return apply


def _unbind(ctx: Context, input: Value, dim: Value = 0, **rest: Value) -> Value:
    x, axis = tensor(ctx, input), integer(dimension(dim, rest))
    if x.shape is None or axis is None:
        return ctx.unknown("pieces of a tensor whose shape is not known")
    if not x.shape:
        raise ShapeMismatch("a tensor of no dimensions has no pieces")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    before = (slice(None),) * axis
    return tuple(get_item(ctx, x, (*before, index)) for index in range(x.shape[axis]))


def _select(ctx: Context, input: Value, dim: Value, index: Value) -> Value:
    x, axis = tensor(ctx, input), integer(dim)
    if x.shape is None or axis is None:
        return reshaped(ctx, x, None, "slice", "torch.select")
    return get_item(ctx, x, (*(slice(None),) * shapes.axis_of(axis, len(x.shape), x.shape), index))


def _narrow(ctx: Context, input: Value, dim: Value, start: Value, length: Value) -> Value:
    x, axis, first, count = tensor(ctx, input), integer(dim), integer(start), integer(length)
    if x.shape is None or axis is None:
        return reshaped(ctx, x, None, "slice", "torch.narrow")
    axis = shapes.axis_of(axis, len(x.shape), x.shape)
    if first is None or count is None:
        shape = None if count is None else (*x.shape[:axis], count, *x.shape[axis + 1 :])
        return reshaped(ctx, x, shape, "slice", "torch.narrow")
    if first < 0:
        first += x.shape[axis]
    if first + count > x.shape[axis]:
        raise ShapeMismatch(f"narrow from {first} by {count} in a dimension of size {x.shape[axis]}")
    return get_item(ctx, x, (*(slice(None),) * axis, slice(first, first + count)))


TABLE.add("cat concat concatenate", _cat, "t")
TABLE.add("stack", _stack, "t")
TABLE.add("hstack", _raised(1, 1, 0), "t")
TABLE.add("vstack row_stack", _raised(2, 0), "t")
TABLE.add("dstack", _raised(3, 2), "t")
TABLE.add("column_stack", _column_stack, "t")
TABLE.add("split split_with_sizes unsafe_split unsafe_split_with_sizes", _split)
TABLE.add("chunk unsafe_chunk", _chunk)
TABLE.add("tensor_split", _tensor_split)
TABLE.add("hsplit", _axis_split(1))
TABLE.add("vsplit", _axis_split(0))
TABLE.add("dsplit", _axis_split(2))
TABLE.add("unbind", _unbind)
TABLE.add("select select_copy", _select)
TABLE.add("narrow narrow_copy", _narrow)
