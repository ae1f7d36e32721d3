"""einops: rearrange, reduce and repeat by a pattern, as views, permutations, expansions and reductions."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.evaluation.values import MISSING, Instance, Native, Tensor, Value
from gradlint.frameworks import weights
from gradlint.frameworks.nodes import integer, reduction, reshaped
from gradlint.frameworks.registry import framework_class
from gradlint.network import Kind, Shape

Group = tuple[str, ...]
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pattern: groups of axis names, in order; a name that is a number is an axis of that size."""

    groups: tuple[Group, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The axes without their grouping."""
        return tuple(name for group in self.groups for name in group)


@functools.lru_cache(maxsize=1024)
def parse_side(text: str, hidden: int, prefix: str) -> Side | None:
    """One side of a pattern; the ellipsis stands for `hidden` axes. Unnamed axes get names that begin with `prefix`."""
    groups: list[Group] = []
    inside: list[str] | None = None
    unnamed = 0
    for token in text.replace("...", _ELLIPSIS).replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            if inside is not None:
                return None
            inside = []
        elif token == ")":
            if inside is None:
                return None
            groups.append(tuple(inside))
            inside = None
        else:
            if token == _ELLIPSIS:
                names = [f"{_ELLIPSIS}{place}" for place in range(hidden)]
            elif token.isdecimal():
                unnamed += 1
                names = [f"{prefix}{unnamed}={token}"]
            else:
                names = [token]
            if inside is None:
                groups.extend((name,) for name in names)
            else:
                inside.extend(names)
    return None if inside is not None else Side(tuple(groups))


@dataclass(frozen=True, slots=True)
class Pattern:
    """Both sides of a pattern, and the size of each axis."""

    left: Side
    right: Side
    sizes: Mapping[str, int]

    def shape(self, groups: tuple[Group, ...]) -> Shape:
        """The shape whose axes are these groups."""
        return tuple(math.prod(self.sizes[name] for name in group) for group in groups)


def parse_pattern(text: str, shape: Shape, given: Mapping[str, int]) -> Pattern | None:
    """The pattern for a tensor of this shape; None when it leaves a size open. Raises ShapeMismatch."""
    return _pattern(text, shape, tuple(given.items()))


@functools.lru_cache(maxsize=1024)
def _pattern(text: str, shape: Shape, given: tuple[tuple[str, int], ...]) -> Pattern | None:
    before, arrow, after = text.partition("->")
    if not arrow:
        return None
    probe = parse_side(before, 0, "<")
    if probe is None:
        return None
    hidden = max(0, len(shape) - len(probe.groups)) if "..." in before else 0
    left, right = parse_side(before, hidden, "<"), parse_side(after, hidden, ">")
    if left is None or right is None:
        return None
    if len(left.groups) != len(shape):
        message = f"pattern {text!r} for a tensor of {len(shape)} dimensions"
        raise ShapeMismatch(message, Demand(shape, len(left.groups)))
    sizes = dict(given)
    sizes.update({name: int(name.partition("=")[2]) for name in (*left.names, *right.names) if "=" in name})
    for group, size in zip(left.groups, shape, strict=True):
        if not _solve(group, size, sizes, text):
            return None
    return Pattern(left, right, sizes) if all(name in sizes for name in right.names) else None


def _solve(group: Group, size: int, sizes: dict[str, int], text: str) -> bool:
    """Enter the one size of a group that is not known; false when there are several."""
    missing = [name for name in group if name not in sizes]
    known = math.prod(sizes[name] for name in group if name in sizes)
    if len(missing) > 1:
        return False
    if missing:
        if known == 0 or size % known:
            raise ShapeMismatch(f"pattern {text!r}: {size} is not a multiple of {known}")
        sizes[missing[0]] = size // known
    elif known != size:
        raise ShapeMismatch(f"pattern {text!r}: a dimension of size {size} where {known} is expected")
    return True


_REDUCTIONS = {"mean": "average", "sum": "sum", "max": "max", "min": "max"}


def apply_pattern(
    ctx: Context,
    x: Tensor,
    text: Value,
    axes: Mapping[str, Value],
    reduce: Value = None,
    name: str = "einops.rearrange",
) -> Tensor:
    """`x` rearranged by a pattern; axes that the right side lacks are reduced, new ones are repeated."""
    known = {key: integer(value) for key, value in axes.items()}
    given = {key: value for key, value in known.items() if value is not None}
    pattern = parse_pattern(text, x.shape, given) if isinstance(text, str) and x.shape is not None else None
    if pattern is None:
        return _unsolved(ctx, x, text, axes, reduce, name)
    left, right = pattern.left.names, pattern.right.names
    x = _viewed(ctx, x, tuple(pattern.sizes[axis] for axis in left), name)
    dropped = tuple(place for place, axis in enumerate(left) if axis not in right)
    units = all(pattern.sizes[left[place]] == 1 for place in dropped)
    kept = [axis for axis in left if axis in right]
    if dropped and (reduce is None or units):
        if not units:
            raise ShapeMismatch(f"pattern {text!r} loses a dimension")
        x = _viewed(ctx, x, tuple(pattern.sizes[axis] for axis in kept), name)
    elif dropped:
        x = _reduced(ctx, x, reduce, dropped, name)
    order = tuple(kept.index(axis) for axis in right if axis in kept)
    if order != tuple(range(len(order))):
        shape = tuple(pattern.sizes[kept[place]] for place in order)
        x = reshaped(ctx, x, shape, "transpose", name, axes=order)
    if len(kept) < len(right):
        x = _viewed(ctx, x, tuple(pattern.sizes[axis] if axis in kept else 1 for axis in right), name)
        full = tuple(pattern.sizes[axis] for axis in right)
        x = x if x.shape == full else reshaped(ctx, x, full, "expand", name)
    return _viewed(ctx, x, pattern.shape(pattern.right.groups), name)


def _unsolved(ctx: Context, x: Tensor, text: Value, axes: Mapping[str, Value], reduce: Value, name: str) -> Tensor:
    """What a pattern gives whose sizes are not all known: entries that are moved or reduced, of unknown shape."""
    before, _, after = text.partition("->") if isinstance(text, str) and "->" in text else ("", "", "(")
    left, right = parse_side(before, 0, "<"), parse_side(after, 0, ">")
    more = set() if left is None or right is None else {axis for axis in right.names if "=" not in axis} - {*left.names}
    if left is None or right is None or not more <= axes.keys():
        return ctx.opaque("a pattern of einops that is not known", [x])
    kind = _REDUCTIONS.get(reduce) if isinstance(reduce, str) else None
    if kind is not None:
        return reduction(ctx, x, kind, None, class_name=name)
    if reduce is not None:
        return ctx.opaque("a reduction of einops that is not known", [x])
    return reshaped(ctx, x, None, "expand" if more else "view", name)


def _viewed(ctx: Context, x: Tensor, shape: Shape, name: str) -> Tensor:
    return x if x.shape == shape else reshaped(ctx, x, shape, "view", name)


def _reduced(ctx: Context, x: Tensor, reduce: Value, axes: tuple[int, ...], name: str) -> Tensor:
    kind = _REDUCTIONS.get(reduce) if isinstance(reduce, str) else None
    if kind is not None:
        return reduction(ctx, x, kind, axes, class_name=name)
    assert x.shape is not None
    shape = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    return ctx.opaque("a reduction of einops that is not known", [x], shape)


def _tensor(ctx: Context, value: Value) -> Tensor:
    """The operand; a list of tensors is stacked along a new first axis."""
    if isinstance(value, (list, tuple)):
        given = [ctx.as_tensor(item) for item in value]
        first = given[0].shape if given else None
        shape = None if first is None else (len(given), *first)
        return ctx.emit(Kind.CONCATENATE, given, shape, attributes={"axis": 0, "stacked": True})
    return ctx.as_tensor(value)


def _rearrange(ctx: Context, tensor: Value, pattern: Value, **axes_lengths: Value) -> Value:
    return apply_pattern(ctx, _tensor(ctx, tensor), pattern, axes_lengths)


def _repeat(ctx: Context, tensor: Value, pattern: Value, **axes_lengths: Value) -> Value:
    return apply_pattern(ctx, _tensor(ctx, tensor), pattern, axes_lengths, name="einops.repeat")


def _reduce(ctx: Context, tensor: Value, pattern: Value, reduction: Value, **axes_lengths: Value) -> Value:
    return apply_pattern(ctx, _tensor(ctx, tensor), pattern, axes_lengths, reduction, "einops.reduce")


def _letters(pattern: str) -> str:
    """An equation of einops, whose axes are words, as one of torch, whose axes are letters."""
    names: dict[str, str] = {}
    result = []
    for token in pattern.replace(",", " , ").replace("->", " -> ").split():
        if token in (",", "->", "..."):
            result.append(token)
        else:
            result.append(names.setdefault(token, chr(ord("a") + len(names))))
    return "".join(result)


def _einsum(ctx: Context, *tensors_and_pattern: Value) -> Value:
    *operands, pattern = tensors_and_pattern
    given = [ctx.as_tensor(operand) for operand in operands]
    if not isinstance(pattern, str):
        return ctx.opaque("an equation that is not known", given)
    return weights.einsum(ctx, _letters(pattern), given, "einops.einsum")


def _parse_shape(ctx: Context, x: Value, pattern: Value) -> Value:
    shape = x.shape if isinstance(x, Tensor) else None
    if shape is None or not isinstance(pattern, str):
        return ctx.unknown("the shape of a tensor is not known")
    return {name: size for name, size in zip(pattern.split(), shape, strict=False) if name != "_"}


def _pack(ctx: Context, tensors: Value, pattern: Value) -> Value:
    given = [ctx.as_tensor(item) for item in ctx.iterate(tensors)]
    if not isinstance(pattern, str) or any(x.shape is None for x in given):
        return ctx.opaque("einops.pack of tensors that are not known", given), ctx.unknown("packed shapes")
    axis = pattern.split().index("*")
    behind = len(pattern.split()) - axis - 1
    inner: list[Shape] = []
    parts: list[Tensor] = []
    for x in given:
        shape = x.shape or ()
        middle = shape[axis : len(shape) - behind]
        inner.append(middle)
        parts.append(_viewed(ctx, x, (*shape[:axis], math.prod(middle), *shape[len(shape) - behind :]), "einops.pack"))
    first = parts[0].shape or ()
    total = sum((part.shape or ())[axis] for part in parts)
    attributes = {"axis": axis}
    whole = (*first[:axis], total, *first[axis + 1 :])
    packed = parts[0] if len(parts) == 1 else ctx.emit(Kind.CONCATENATE, parts, whole, attributes=attributes)
    return packed, inner


def _unpack(ctx: Context, tensor: Value, packed_shapes: Value, pattern: Value) -> Value:
    x = ctx.as_tensor(tensor)
    inner = [shape for shape in ctx.iterate(packed_shapes) if isinstance(shape, tuple)]
    if x.shape is None or not isinstance(pattern, str) or not inner:
        return ctx.unknown("einops.unpack of a tensor that is not known")
    axis = pattern.split().index("*")
    pieces = []
    start = 0
    for middle in inner:
        stop = start + math.prod(middle)
        cut = (*x.shape[:axis], stop - start, *x.shape[axis + 1 :])
        piece = x if cut == x.shape else reshaped(ctx, x, cut, "split", axis=axis, start=start, stop=stop)
        pieces.append(_viewed(ctx, piece, (*x.shape[:axis], *middle, *x.shape[axis + 1 :]), "einops.unpack"))
        start = stop
    return pieces


# Layers.


def _layer_init(ctx: Context, self: Instance, pattern: Value, *reduction: Value, **axes_lengths: Value) -> None:
    self.attrs["pattern"] = pattern
    if reduction or "reduction" in axes_lengths:
        self.attrs["reduction"] = reduction[0] if reduction else axes_lengths.pop("reduction")
    self.attrs["axes_lengths"] = axes_lengths


def _layer_forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
    x = _tensor(ctx, input)
    attrs = self.attrs
    result = apply_pattern(ctx, x, attrs["pattern"], attrs["axes_lengths"], attrs.get("reduction"), self.cls.name)
    if result is not x and result.node.layer is None:
        result.node.layer = self
    return result


_NAMES: dict[str, Value] = {
    "rearrange": Native("einops.rearrange", _rearrange),
    "reduce": Native("einops.reduce", _reduce),
    "repeat": Native("einops.repeat", _repeat),
    "einsum": Native("einops.einsum", _einsum),
    "pack": Native("einops.pack", _pack),
    "unpack": Native("einops.unpack", _unpack),
    "parse_shape": Native("einops.parse_shape", _parse_shape),
    "asnumpy": Native("einops.asnumpy", lambda ctx, tensor: tensor),
}
_LAYERS = {"torch": "torch.nn.Module", "keras": "keras.layers.Layer", "tensorflow": "keras.layers.Layer"}


def lookup(name: str) -> Value:
    """The value that `einops.<...>` stands for, or MISSING."""
    inner = name.removeprefix("einops.").removeprefix("einops.")
    if inner.startswith("layers."):
        _, framework, layer = (*inner.split("."), "", "")[:3]
        if framework in _LAYERS and layer in ("Rearrange", "Reduce"):
            key = f"layers.{framework}.{layer}"
            if key not in _NAMES:
                methods: dict[str, Value] = {"__init__": _layer_init, "forward": _layer_forward, "call": _layer_forward}
                _NAMES[key] = framework_class(f"einops.{key}", (_LAYERS[framework],), methods)
            return _NAMES[key]
        return MISSING
    return _NAMES.get(inner, MISSING)
