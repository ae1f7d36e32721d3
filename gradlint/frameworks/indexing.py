"""`tensor[key]` and `tensor[key] = value`: integers, slices, None, Ellipsis, tensors, lists and masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import Tensor, Unknown, Value
from gradlint.frameworks.gradients import clip_by_hand, gradient_of, pass_on
from gradlint.frameworks.nodes import (
    DISTRIBUTION,
    adopt,
    constant,
    distribution_of,
    folded,
    integer,
    number,
    reshaped,
)
from gradlint.frameworks.shapes import broadcast
from gradlint.frameworks.weights import overwrite
from gradlint.network import UNKNOWN, Distribution, Kind, Shape


@dataclass(slots=True)
class _Selection:
    """What a key takes of a tensor: the shape that comes out, and the one range it cuts out if it is so simple."""

    shape: Shape | None
    cut: list[tuple[int, int, int]]
    operation: str = "slice"
    simple: bool = True
    tensors: tuple[Tensor, ...] = ()


def get_item(ctx: Context, tensor: Tensor, key: Value) -> Value:
    """`tensor[key]`."""
    entries = list(key) if isinstance(key, tuple) else [key]
    if isinstance(key, list) and not any(isinstance(item, (slice, EllipsisType)) for item in key):
        entries = [key]
    if tensor.shape is None:
        gathers = any(isinstance(entry, (Tensor, list, Unknown)) for entry in entries)
        result = reshaped(ctx, tensor, None, "gather" if gathers else "slice")
        result.partial = tensor.parameter is not None
        return pass_on(tensor, result)
    selection = _select(tensor.shape, entries)
    if selection.shape == tensor.shape and not selection.cut and selection.simple:
        return tensor
    attributes: dict[str, Any] = {}
    if selection.operation == "slice" and not selection.cut:
        selection.operation = "view"
    if len(selection.cut) == 1 and selection.simple:
        attributes = dict(zip(("axis", "start", "stop"), selection.cut[0], strict=True))
    values = _pick(tensor.values, entries) if tensor.values is not None and selection.shape is not None else None
    if selection.tensors and tensor.parameter is not None and len(entries) == 1 and len(tensor.shape) == 2:
        return _lookup(ctx, tensor, selection)
    result = reshaped(ctx, tensor, selection.shape, selection.operation, values=values, **attributes)
    if tensor.parameter is not None and (selection.cut or not selection.simple):
        direct = not tensor.partial and _is_whole(tensor) and len(selection.cut) == 1 and selection.simple
        result.partial, result.window = True, selection.cut[0] if direct else None
    return pass_on(tensor, result)


def _is_whole(tensor: Tensor) -> bool:
    """Whether the axes of a view are those of its parameter."""
    node = tensor.node
    while node.kind is Kind.STOP or (node.kind is Kind.RESHAPE and node.get("operation") == "identity"):
        node = node.inputs[0]
    return node.kind is Kind.PARAMETER


def _lookup(ctx: Context, table: Tensor, selection: _Selection) -> Tensor:
    """Rows of a two-dimensional parameter chosen by an index tensor: an embedding."""
    assert table.shape is not None
    assert table.parameter is not None
    if selection.tensors[0].dtype == "bool" or table.node.kind is not Kind.PARAMETER:
        result = reshaped(ctx, table, selection.shape, "gather")
        result.partial, result.window = True, None
        return result
    return ctx.emit(
        Kind.EMBEDDING,
        selection.tensors,
        selection.shape,
        attributes={"num_embeddings": table.shape[0], "embedding_dim": table.shape[1], "padding_idx": None},
        parameters={"weight": table.parameter},
        class_name="torch.Tensor.__getitem__",
        dtype=table.dtype,
    )


def _consumed(entry: Value) -> int:
    """How many axes of the tensor an entry of the key refers to."""
    if entry is None or isinstance(entry, (EllipsisType, bool)):
        return 0
    if isinstance(entry, Tensor) and entry.dtype == "bool" and entry.shape is not None:
        return len(entry.shape)
    return 1


def _expanded(shape: Shape, entries: Sequence[Value]) -> list[Value]:
    """The key with its Ellipsis, written or implied, as full slices."""
    needed = sum(_consumed(entry) for entry in entries)
    missing = len(shape) - needed
    if missing < 0:
        raise ShapeMismatch(f"too many indices for a tensor of {len(shape)} dimensions", Demand(shape, needed))
    position = next((place for place, entry in enumerate(entries) if isinstance(entry, EllipsisType)), len(entries))
    return [*entries[:position], *[slice(None)] * missing, *entries[position + 1 :]]


def _select(shape: Shape, entries: Sequence[Value]) -> _Selection:
    sizes: list[int | None] = []
    cut: list[tuple[int, int, int]] = []
    indexed: list[Shape | None] = []
    tensors: list[Tensor] = []
    simple = True
    axis = slot = 0
    in_front = False
    for entry in _expanded(shape, entries):
        if entry is None or isinstance(entry, bool):
            sizes.append(0 if entry is False else 1)
        elif isinstance(entry, slice):
            start, stop, step, size = _range(entry, shape[axis])
            sizes.append(size)
            simple = simple and step == 1 and size is not None
            if size is None or step != 1 or (start, stop) != (0, shape[axis]):
                cut.append((axis, start, stop))
            axis += 1
        elif (index := _index(entry)) is not None:
            if not -shape[axis] <= index < shape[axis]:
                raise ShapeMismatch(f"index {index} is out of range for dimension {axis} of size {shape[axis]}")
            if shape[axis] > 1:
                cut.append((axis, index % shape[axis], index % shape[axis] + 1))
            axis += 1
        else:
            # Index tensors with an axis of the result between them move their axes to the front.
            in_front = in_front or (bool(indexed) and len(sizes) > slot)
            slot = slot if indexed else len(sizes)
            indexed.append(_advanced(entry))
            if isinstance(entry, Tensor):
                tensors.append(entry)
            axis += _consumed(entry)
    if not indexed:
        return _Selection(_complete(sizes), cut, simple=simple)
    chosen = broadcast(*indexed)
    if chosen is not None:
        slot = 0 if in_front else slot
        sizes[slot:slot] = chosen
    return _Selection(None if chosen is None else _complete(sizes), cut, "gather", False, tuple(tensors))


def _complete(sizes: list[int | None]) -> Shape | None:
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == len(sizes) else None


def _index(entry: Value) -> int | None:
    """An entry as a known integer index; a tensor of known value without axes counts."""
    if isinstance(entry, bool):
        return None
    return integer(entry) if not isinstance(entry, Tensor) or entry.shape == () else None


def _range(entry: slice, size: int) -> tuple[int, int, int, int | None]:
    """Start, stop, step and length of a slice; length None when a bound is not known."""
    bounds = [bound if bound is None else integer(bound) for bound in (entry.start, entry.stop, entry.step)]
    if any(known is None and given is not None for known, given in zip(bounds, _bounds(entry), strict=True)):
        return 0, 0, 1, None
    if bounds[2] == 0:
        raise ShapeMismatch("slice step cannot be zero")
    start, stop, step = slice(*bounds).indices(size)
    length = max(-((start - stop) // step), 0)  # that of `range`, also where it is too large for a C integer
    return start, max(start, stop) if step > 0 else stop, step, length


def _bounds(entry: slice) -> tuple[Value, Value, Value]:
    return entry.start, entry.stop, entry.step


def _advanced(entry: Value) -> Shape | None:
    """The shape of an index tensor or list; None for a mask, whose count of true entries is not known."""
    if isinstance(entry, Tensor):
        if entry.dtype != "bool":
            return entry.shape
        flat = entry.values if isinstance(entry.values, list) else None
        return (sum(flat),) if flat is not None and all(isinstance(item, bool) for item in flat) else None
    if isinstance(entry, (list, tuple)):
        inner = [_advanced(item) if isinstance(item, (list, tuple, Tensor)) else () for item in entry]
        if any(isinstance(item, Unknown) for item in entry) or not inner:
            return None if inner else (0,)
        if all(isinstance(item, bool) for item in entry):
            return (sum(entry),)
        first = inner[0]
        return None if first is None or any(shape != first for shape in inner) else (len(entry), *first)
    if isinstance(entry, range):
        return (len(entry),)
    return None


def _pick(values: Any, entries: Sequence[Value]) -> Any:
    """The entries of known values behind a key of integers and slices; None for any other key."""
    if not entries:
        return values
    first, *rest = entries
    if not isinstance(values, list):
        return None
    if isinstance(first, slice):
        bounds = [bound if bound is None else integer(bound) for bound in _bounds(first)]
        picked = [_pick(item, rest) for item in values[slice(*bounds)]]
        return None if None in picked else picked
    index = _index(first)
    return None if index is None or not -len(values) <= index < len(values) else _pick(values[index], rest)


def set_item(ctx: Context, tensor: Tensor, key: Value, value: Value) -> None:
    """`tensor[key] = value`: initialization on a parameter; elsewhere entries of both go on as one tensor."""
    if gradient_of(tensor) is not None:
        if number(value) is None:
            clip_by_hand(ctx)
        return
    view = get_item(ctx, tensor, key)
    if tensor.parameter is not None:
        overwrite(ctx, view, _drawn(value))
        return
    known = number(value)
    if isinstance(tensor.values, list) and known is not None and (index := _index(key)) is not None:
        ctx.modified(tensor)
        tensor.values = list(tensor.values)
        tensor.values[index] = known
    else:
        masked = isinstance(key, Tensor) and key.dtype == "bool"
        values = folded(lambda old, chosen, new: new if chosen else old, tensor, key, value) if masked else None
        _replace_entries(ctx, tensor, view, value)
        tensor.values = values


def _replace_entries(ctx: Context, tensor: Tensor, view: Tensor, value: Value) -> None:
    before = distribution_of(tensor)
    if isinstance(value, Unknown):
        result = ctx.opaque(value.reason, [tensor, value], tensor.shape)
    else:
        known = number(value)
        source = value if isinstance(value, Tensor) else constant(ctx, (), tensor.dtype, known)
        if view is tensor and source.shape == tensor.shape:
            result = source
        else:
            attributes = {"operation": "where"}
            result = ctx.emit(Kind.RESHAPE, (tensor, source), tensor.shape, attributes=attributes, dtype=tensor.dtype)
    after = None if before is None else _mixed(before, _drawn(value), tensor.shape, view.shape)
    adopt(ctx, tensor, result)
    if after is not None:
        tensor.attributes[DISTRIBUTION] = after


def _mixed(rest: Distribution, part: Distribution, whole: Shape | None, cut: Shape | None) -> Distribution:
    """What is known of entries some of which were replaced: exact moments, no family."""
    if whole is None or cut is None or not (rest.known and part.known):
        return UNKNOWN
    size = share = 1
    for count in whole:
        size *= count
    for count in cut:
        share *= count
    weight = share / size if size else 0.0
    if weight >= 1:
        return part
    mean = (1 - weight) * rest.mean + weight * part.mean
    square = (1 - weight) * rest.mean_square + weight * part.mean_square
    return replace(rest, family="unknown", mean=mean, std=max(square - mean * mean, 0.0) ** 0.5, text="")


def _drawn(value: Value) -> Distribution:
    """The distribution of what is written into a tensor."""
    known = number(value)
    if known is not None:
        return Distribution("constant", float(known), 0.0, "constant", text=f"{known:g}")
    if isinstance(value, Tensor):
        return distribution_of(value) or UNKNOWN
    return UNKNOWN
