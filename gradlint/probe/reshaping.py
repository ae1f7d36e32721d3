"""Operations that move entries about without arithmetic, from their attributes and shapes. Runs in the child.

Where the graph does not say which entries are taken (an index that is not known), some that fit are taken: for
random weights and inputs, one entry is statistically as good as another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody uses
from torch import Tensor

from gradlint.probe.batching import permutation
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NodeSpec

Sizes = Sequence[int | None] | None


def reshape(inputs: Sequence[Tensor], node: NodeSpec, sizes: Sizes) -> Tensor:
    """The output of a RESHAPE node; `sizes` is the shape that it must have, None for a size that is not known.

    Raises:
        NotMeasurable: the shape that comes out is not known and the operation does not say it.
    """
    x, operation = inputs[0], node.get("operation", "view")
    if operation in ("identity", "cast", "roll") and fits(x, sizes):
        return x
    if operation == "transpose":
        return _transpose(x, node, sizes)
    if operation == "where":
        return _where(inputs, sizes) if len(inputs) > 1 else _masked(x, node)
    if operation in ("slice", "split"):
        return _slice(x, node, sizes)
    target = complete(sizes, x, operation, node)
    if operation == "expand" and _expands(x, target):
        return x.expand(target)
    if operation == "flip" and tuple(x.shape) == target:
        axes = node.get("axes", ())
        return x.flip(tuple((axes,) if isinstance(axes, int) else axes))
    if operation == "pad" and len(target) == x.dim():
        return _pad(x, node, target)
    if operation == "pixel_shuffle" and x.dim() > 2 and len(target) == x.dim():
        return _pixel_shuffle(x, target)
    if operation == "interpolate" and len(target) == x.dim():
        return _interpolate(x, node, target)
    if operation == "view" and x.numel() != math.prod(target):
        raise NotMeasurable(f"{tuple(x.shape)} cannot be viewed as {target}")
    return rearrange(x, target)


def rearrange(x: Tensor, target: Sequence[int]) -> Tensor:
    """`x` with another shape, by a view where the number of entries allows it, else by taking some entries."""
    if x.numel() == math.prod(target):
        return x.reshape(tuple(target))
    return resample(x, target) if len(target) == x.dim() else _take(x, target)


def fits(x: Tensor, sizes: Sizes) -> bool:
    """Whether `x` has this shape, as far as it is known."""
    return sizes is None or (
        len(sizes) == x.dim() and all(want in (None, size) for want, size in zip(sizes, x.shape, strict=True))
    )


def complete(sizes: Sizes, x: Tensor, operation: str, node: NodeSpec) -> tuple[int, ...]:
    """`sizes` with one size that is not known inferred from the number of entries, as a view does."""
    if sizes is not None:
        known = [size for size in sizes if size is not None]
        if len(known) == len(sizes):
            return tuple(known)
        if len(known) == len(sizes) - 1 and operation == "view" and x.numel() % max(1, math.prod(known)) == 0:
            missing = x.numel() // max(1, math.prod(known))
            return tuple(missing if size is None else size for size in sizes)
        if len(sizes) == x.dim() and operation != "view":
            return tuple(size if want is None else want for want, size in zip(sizes, x.shape, strict=True))
    raise NotMeasurable(f"the shape after `{node.label}` ({operation}) is not known")


def _transpose(x: Tensor, node: NodeSpec, sizes: Sizes) -> Tensor:
    order = permutation(node.attributes, x.dim())
    if order is None:
        raise NotMeasurable(f"the order of the axes after `{node.label}` is not known")
    y = x.permute(order)
    return y if fits(y, sizes) else y.reshape(complete(sizes, y, "view", node))


def _expands(x: Tensor, target: Sequence[int]) -> bool:
    """Whether `x` can be broadcast to `target`; a repetition may not."""
    behind = target[len(target) - x.dim() :] if x.dim() else ()
    return len(target) >= x.dim() and all(have in (1, want) for have, want in zip(x.shape, behind, strict=True))


def _where(inputs: Sequence[Tensor], sizes: Sizes) -> Tensor:
    """Every other entry from the first of the two last inputs, the rest from the second.

    If the second cannot be broadcast against the first, it overwrites a part of it: the first entry of the
    axis that it lacks, or nothing where there is no such axis.
    """
    first, second = inputs[-2], inputs[-1]
    if not _expands(second, first.shape) and not _expands(first, second.shape):
        for axis in range(first.dim()):
            if first.select(axis, 0).shape == second.shape:
                return torch.cat([second.unsqueeze(axis).to(first), first.narrow(axis, 1, first.shape[axis] - 1)], axis)
        return first
    shape = torch.broadcast_shapes(first.shape, second.shape)
    mask = torch.arange(math.prod(shape), device=first.device).reshape(shape) % 2 == 0
    y = torch.where(mask, first, second)
    return y if fits(y, sizes) else first.expand(shape)


def _masked(x: Tensor, node: NodeSpec) -> Tensor:
    """`x` with a number in the entries that a mask selects.

    Scores between all pairs of steps are masked where the second step comes later, as causal attention does;
    of other masks nothing is known, and they select nothing.
    """
    value = node.get("value")
    if value is None or x.dim() < 2 or x.shape[-1] != x.shape[-2]:
        return x
    later = torch.ones(x.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
    return x.masked_fill(later, float(value))


def _slice(x: Tensor, node: NodeSpec, sizes: Sizes) -> Tensor:
    axis, start, stop = (node.get(key) for key in ("axis", "start", "stop"))
    if axis is not None and start is not None and stop is not None and stop <= x.shape[axis]:
        y = x.narrow(axis, start, stop - start)
        if fits(y, sizes):
            return y
        if sizes is not None and y.numel() == math.prod(size or 0 for size in sizes):
            return y.reshape(tuple(size or 0 for size in sizes))
    return rearrange(x, complete(sizes, x, "slice", node))


def resample(x: Tensor, target: Sequence[int]) -> Tensor:
    """`x` with each axis stretched or shrunk to its size in `target`, by taking the nearest entries."""
    for axis, size in enumerate(target):
        have = x.shape[axis]
        if have == size:
            continue
        if have == 0:
            raise NotMeasurable("an axis without entries")
        if size < have:
            x = x.narrow(axis, 0, size)
        else:
            x = x.index_select(axis, torch.arange(size, device=x.device) * have // size)
    return x


def _take(x: Tensor, target: Sequence[int]) -> Tensor:
    """`x` indexed down (or up) to `target`: leading axes that agree stay, the first of the others is indexed."""
    while x.dim() > len(target):
        axis = next((i for i, size in enumerate(target) if x.shape[i] != size), len(target))
        x = x.select(axis, 0)
    while x.dim() < len(target):
        axis = next((i for i in range(x.dim()) if x.shape[i] != target[i]), x.dim())
        x = x.unsqueeze(axis)
    return resample(x, target)


_MODES = {"bilinear": ("linear", "bilinear", "trilinear"), "bicubic": ("linear", "bicubic", "trilinear")}
_MODES |= {"linear": _MODES["bilinear"], "trilinear": _MODES["bilinear"]}


def _interpolate(x: Tensor, node: NodeSpec, target: Sequence[int]) -> Tensor:
    """`x` with its spatial axes resized; which axes those are is told by the sizes that change."""
    channels_last = target[-1] == x.shape[-1] and tuple(target[1:-1]) != tuple(x.shape[1:-1]) and x.dim() > 3
    spatial = target[1:-1] if channels_last else target[2:]
    same_channels = channels_last or target[1] == x.shape[1]
    if not 1 <= len(spatial) <= 3 or not same_channels or target[0] != x.shape[0]:
        return resample(x, target)
    moved = x.movedim(-1, 1) if channels_last else x
    names = _MODES.get(str(node.get("mode", "nearest")))
    y = F.interpolate(moved, tuple(spatial), mode="nearest" if names is None else names[len(spatial) - 1])
    return y.movedim(1, -1) if channels_last else y


def _pad(x: Tensor, node: NodeSpec, target: Sequence[int]) -> Tensor:
    """Zeros around `x` up to `target`: as many before as after, one more behind where that is odd."""
    flat: list[int] = []
    for have, want in zip(reversed(x.shape), reversed(target), strict=True):
        flat += [(want - have) // 2, want - have - (want - have) // 2]
    pads = node.get("padding")
    if isinstance(pads, tuple) and len(pads) == x.dim() and all(isinstance(pair, tuple) for pair in pads):
        flat = [side for pair in reversed(pads) for side in pair]
    return F.pad(x, flat)


def _pixel_shuffle(x: Tensor, target: Sequence[int]) -> Tensor:
    """Channels to positions or back, with the channels before the two spatial axes or last."""
    if target[-1] >= x.shape[-1] and target[-3] * (target[-1] // x.shape[-1]) ** 2 == x.shape[-3]:
        return F.pixel_shuffle(x, target[-1] // x.shape[-1])
    if target[-1] < x.shape[-1] and target[-3] == x.shape[-3] * (x.shape[-1] // target[-1]) ** 2:
        return F.pixel_unshuffle(x, x.shape[-1] // target[-1])
    moved = _pixel_shuffle_first(x.movedim(-1, -3), target[-2] / x.shape[-2])
    return moved.movedim(-3, -1)


def _pixel_shuffle_first(x: Tensor, factor: float) -> Tensor:
    return F.pixel_shuffle(x, round(factor)) if factor >= 1 else F.pixel_unshuffle(x, round(1 / factor))
