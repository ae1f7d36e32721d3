"""The same network on smaller images, for networks that would take too long on images of the size they are given.

The gradient at a layer of a convolutional network depends little on the size of the image.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

from gradlint.probe.network_spec import NetworkSpec, NodeSpec

Sizes = tuple[int, ...]


class Fixed(Exception):
    """The network needs images of the size that it was given."""


def image_side(network: NetworkSpec) -> int | None:
    """The longest side of the images that the network takes; None if it takes none."""
    sides = [
        max(shape[axis] or 0 for axis in _spatial(network, p)) for p in network.inputs if (shape := _image(network, p))
    ]
    return max(sides, default=None)


def resized(network: NetworkSpec, side: int) -> NetworkSpec | None:
    """The network with its images scaled to `side`, and all shapes behind them; None where that cannot be."""
    if any(node.shape is None or None in node.shape for node in network.nodes):
        return None
    old = [tuple(size or 0 for size in node.shape or ()) for node in network.nodes]
    new: list[Sizes] = []
    try:
        for position, node in enumerate(network.nodes):
            new.append(_shape(network, position, node, old, new, side))
    except Fixed:
        return None
    nodes = tuple(dataclasses.replace(node, shape=shape) for node, shape in zip(network.nodes, new, strict=True))
    return dataclasses.replace(network, nodes=nodes)


def _image(network: NetworkSpec, position: int) -> tuple[int | None, ...] | None:
    shape = network.nodes[position].shape
    return shape if shape is not None and len(shape) in (4, 5) else None


def _spatial(network: NetworkSpec, position: int) -> tuple[int, ...]:
    """The spatial axes of an image, as the first convolution that takes it has them."""
    rank = len(network.nodes[position].shape or ())
    reached = {position}
    for index, node in enumerate(network.nodes):
        if reached.intersection(node.inputs):
            reached.add(index)
            if node.kind == "convolution":
                last = node.get("channel_axis", 1) in (-1, rank - 1)
                return tuple(range(1, rank - 1)) if last else tuple(range(2, rank))
    return tuple(range(2, rank))


def _shape(
    network: NetworkSpec, position: int, node: NodeSpec, old: Sequence[Sizes], new: Sequence[Sizes], side: int
) -> Sizes:
    mine = old[position]
    if node.kind == "input":
        if _image(network, position) is None:
            return mine
        axes = _spatial(network, position)
        longest = max(mine[axis] for axis in axes)
        return tuple(max(1, size * side // longest) if axis in axes else size for axis, size in enumerate(mine))
    before, after = [old[source] for source in node.inputs], [new[source] for source in node.inputs]
    if before == after:
        return mine
    return _RULES.get(node.kind, _refuse)(node, mine, before, after)


Rule = Callable[[NodeSpec, Sizes, Sequence[Sizes], Sequence[Sizes]], Sizes]


def _refuse(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    raise Fixed


def _same(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    """Each axis that is as long as the input's stays so; the others do not depend on it."""
    if len(mine) != len(before[0]):
        raise Fixed
    return tuple(
        now if size == was else _only(size, was, now) for size, was, now in zip(mine, before[0], after[0], strict=True)
    )


def _only(size: int, was: int, now: int) -> int:
    if was != now:
        raise Fixed
    return size


def _broadcast(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    result = [1] * len(mine)
    for shape in after:
        for axis, size in enumerate(shape, len(mine) - len(shape)):
            if 1 not in (size, result[axis]) and size != result[axis]:
                raise Fixed
            result[axis] = max(size, result[axis])
    return tuple(result)


def _concatenate(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    if node.get("stacked", False):
        raise Fixed
    axis = int(node.get("axis", 0)) % len(mine)
    others = {tuple(size for i, size in enumerate(shape) if i != axis) for shape in after}
    if len(others) != 1:
        raise Fixed
    shape = list(after[0])
    shape[axis] = sum(part[axis] for part in after)
    return tuple(shape)


def _windows(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    """Convolutions and pooling windows: each spatial axis by the arithmetic of its window."""
    rank = len(mine)
    last = node.get("channel_axis", 1) in (-1, rank - 1)
    axes = node.get("axes") or (tuple(range(1, rank - 1)) if last else tuple(range(2, rank)))
    shape = list(mine)
    for place, axis in enumerate(int(axis) % rank for axis in axes):
        if before[0][axis] != after[0][axis]:
            shape[axis] = _window(node, place, mine[axis], before[0][axis], after[0][axis])
    return tuple(shape)


def _window(node: NodeSpec, place: int, size: int, was: int, now: int) -> int:
    kernel, stride, dilation = (_setting(node, key, place) for key in ("kernel_size", "stride", "dilation"))
    if node.kind == "pooling" and node.get("stride") is None:
        stride = kernel
    if node.get("transposed", False):
        return (now - was) * stride + size
    pads = node.get("padding") or ()
    pad = pads[place] if isinstance(pads, tuple) and len(pads) > place else pads or 0
    total = sum(pad) if isinstance(pad, tuple) else 2 * int(pad)
    for rounded in (math.floor, math.ceil):
        if rounded((was + total - dilation * (kernel - 1) - 1) / stride) + 1 == size:
            result = rounded((now + total - dilation * (kernel - 1) - 1) / stride) + 1
            if result < 1:
                raise Fixed
            return result
    raise Fixed


def _setting(node: NodeSpec, key: str, place: int) -> int:
    value = node.get(key, 1)
    return int(value[place] if isinstance(value, tuple) else value)


def _pooling(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    if node.get("output_size") is not None:
        return mine
    if node.get("global", False) or node.get("kernel_size") is None:
        gone = {int(axis) % len(before[0]) for axis in node.get("axes") or range(2, len(before[0]))}
        if any(was != now for axis, (was, now) in enumerate(zip(before[0], after[0], strict=True)) if axis not in gone):
            raise Fixed
        return mine
    return _windows(node, mine, before, after)


def _reshape(node: NodeSpec, mine: Sizes, before: Sequence[Sizes], after: Sequence[Sizes]) -> Sizes:
    operation = node.get("operation", "view")
    if operation in ("identity", "cast", "flip", "roll"):
        return _same(node, mine, before, after)
    if operation == "pad" and len(mine) == len(before[0]):
        return tuple(size + now - was for size, was, now in zip(mine, before[0], after[0], strict=True))
    if operation == "interpolate" and len(mine) == len(before[0]):
        return tuple(max(1, size * now // was) for size, was, now in zip(mine, before[0], after[0], strict=True))
    raise Fixed


_RULES: Mapping[str, Rule] = {
    "convolution": _windows,
    "pooling": _pooling,
    "activation": _same,
    "normalization": _same,
    "dropout": _same,
    "stop": _same,
    "add": _broadcast,
    "multiply": _broadcast,
    "concatenate": _concatenate,
    "reshape": _reshape,
}
