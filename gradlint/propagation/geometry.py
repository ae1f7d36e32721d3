"""Sizes that the statistics need: units, positions, kernel taps inside the input, pooling windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gradlint.network import Node, Shape


class Extent(NamedTuple):
    """Sizes of a tensor: entries, units along its channel axis, places in space or time and entries of one sample."""

    entries: int
    units: int
    places: float
    of_sample: float


@lru_cache(maxsize=8192)
def extent(shape: Shape | None, channel: int) -> Extent:
    """The sizes of a tensor with its units along the axis `channel`; ones where they are unknown."""
    units = axis_size(shape, channel)
    if not shape:
        return Extent(1, units, 1.0, 1.0)
    total = math.prod(shape)
    of_sample = total / max(shape[0], 1)
    return Extent(total, units, max(of_sample / units, 1.0), of_sample)


def entries(node: Node) -> int:
    """Number of entries of the output; 1 where the shape is unknown."""
    return math.prod(node.shape) if node.shape is not None else 1


def axis_size(shape: Shape | None, axis: int) -> int:
    """Length of an axis; 1 where the shape or the axis is unknown."""
    if shape is None or not -len(shape) <= axis < len(shape):
        return 1
    return max(shape[axis], 1)


def normalized(axis: int, rank: int) -> int:
    """The axis counted from the front."""
    return axis + rank if axis < 0 else axis


def axes_of(value: Any, rank: int) -> tuple[int, ...]:
    """Axes as a tuple counted from the front; all but the batch axis where none are given."""
    if value is None:
        return tuple(range(1, rank))
    if isinstance(value, int):
        value = (value,)
    return tuple(sorted({normalized(int(axis), rank) for axis in value}))


def as_tuple(value: Any, length: int) -> tuple[int, ...]:
    """A setting that may be one number for all spatial axes."""
    if isinstance(value, int):
        return (value,) * length
    values = tuple(int(v) for v in value)
    return values if len(values) == length else (values[0],) * length


def padding_pairs(value: Any, length: int) -> tuple[tuple[int, int], ...]:
    """(before, after) for every spatial axis, from any of the ways of writing it."""
    if isinstance(value, int):
        return ((value, value),) * length
    pairs = tuple((int(p), int(p)) if isinstance(p, int) else (int(p[0]), int(p[1])) for p in value)
    return pairs if len(pairs) == length else (pairs[0] if pairs else (0, 0),) * length


def spatial_axes(shape: Shape, channel_axis: int) -> tuple[int, ...]:
    """The axes that are neither batch nor channel."""
    channel = normalized(channel_axis, len(shape))
    return tuple(axis for axis in range(1, len(shape)) if axis != channel)


@lru_cache(maxsize=4096)
def pairs_along(length: int, kernel: int, stride: int, dilation: int, before: int, outputs: int) -> int:
    """Number of (output, tap) pairs whose tap falls on a real entry of an axis of this length."""
    total = 0
    for tap in range(kernel):
        offset = tap * dilation - before
        first = max(0, -(offset // stride))
        last = min(outputs - 1, (length - 1 - offset) // stride)
        total += max(last - first + 1, 0)
    return total


@lru_cache(maxsize=4096)
def _together(length: int, kernel: int, stride: int, dilation: int, before: int, outputs: int) -> float:
    """Mean over pairs of outputs of the number of taps that are inside the input at both."""
    total = 0.0
    for tap in range(kernel):
        total += (pairs_along(length, 1, stride, 1, before - tap * dilation, outputs) / outputs) ** 2
    return total


class Kernel(NamedTuple):
    """What the taps of a convolution need: its settings, the shapes of its input and output."""

    size: int | tuple[int, ...]
    stride: Any
    dilation: Any
    padding: Any
    transposed: bool
    mode: str
    channel_axis: int
    source: Shape | None
    target: Shape | None


class Taps(NamedTuple):
    """Kernel taps that fall inside the input of a convolution.

    `inside` is their average number per output position: padding with zeros takes taps away at the edges; for a
    transposed convolution it is the number of input positions that reach an output position. `together` is the share
    of the taps inside at one position that are so at another one as well: 1 but for padding with zeros, where much of
    the input is edge.
    """

    inside: float
    together: float


def taps(node: Node) -> Taps:
    """The kernel taps of a convolution that fall inside its input."""
    known = node.attributes.get
    settings = (
        known("kernel_size", ()),
        known("stride", 1),
        known("dilation", 1),
        known("padding", 0),
        bool(known("transposed", False)),
        known("padding_mode", "zeros"),
        known("channel_axis", 1),
        node.inputs[0].shape if node.inputs else None,
        node.shape,
    )
    try:
        return _taps(settings)
    except TypeError:  # settings in lists cannot be looked up
        return _taps.__wrapped__(settings)


@lru_cache(maxsize=4096)
def _taps(settings: tuple[Any, ...]) -> Taps:
    kernel = Kernel(*settings)
    return Taps(_inside(kernel), _shared(kernel))


def _inside(kernel: Kernel) -> float:
    sizes = (kernel.size,) if isinstance(kernel.size, int) else tuple(kernel.size)
    rank = len(sizes)
    full = float(math.prod(sizes))
    stride = as_tuple(kernel.stride, rank)
    source, target, transposed = kernel.source, kernel.target, kernel.transposed
    if source is None or target is None or not len(source) == len(target) == rank + 2:
        return full / math.prod(stride) if transposed else full
    if not transposed and kernel.mode != "zeros":
        return full
    dilation = as_tuple(kernel.dilation, rank)
    pads = padding_pairs(kernel.padding, rank)
    axes = spatial_axes(target, kernel.channel_axis)
    average = 1.0
    for axis, k, s, d, (before, _) in zip(axes, sizes, stride, dilation, pads, strict=True):
        small, large = (source[axis], target[axis]) if transposed else (target[axis], source[axis])
        pairs = pairs_along(large, k, s, d, before, small)
        average *= pairs / max(target[axis], 1)
    return average


def _shared(kernel: Kernel) -> float:
    source, target = kernel.source, kernel.target
    sizes = (kernel.size,) if isinstance(kernel.size, int) else tuple(kernel.size)
    rank = len(sizes)
    plain = not kernel.transposed and kernel.mode == "zeros"
    if not plain or source is None or target is None or not len(source) == len(target) == rank + 2:
        return 1.0
    stride, dilation = as_tuple(kernel.stride, rank), as_tuple(kernel.dilation, rank)
    pads = padding_pairs(kernel.padding, rank)
    shared = own = 1.0
    positions = 1
    for axis, k, s, d, (before, _) in zip(
        spatial_axes(target, kernel.channel_axis), sizes, stride, dilation, pads, strict=True
    ):
        outputs = max(target[axis], 1)
        positions *= outputs
        shared *= _together(source[axis], k, s, d, before, outputs)
        own *= pairs_along(source[axis], k, s, d, before, outputs) / outputs
    if positions < 2 or own <= 0.0:
        return 1.0
    return max((positions * shared / own - 1.0) / (positions - 1.0), 0.0)


@lru_cache(maxsize=4096)
def _adaptive(source: int, target: int) -> tuple[float, float]:
    window = math.ceil(source / target) if source % target else source // target
    return float(window), source / target


def windows(node: Node) -> tuple[float, float]:
    """Cells in a pooling window, and windows that cover an input cell, on average."""
    source, target = node.inputs[0].shape, node.shape
    if node.get("global"):
        if source is None:
            return 1.0, 1.0
        return float(math.prod(source[axis] for axis in axes_of(node.get("axes"), len(source)))), 1.0
    if node.get("output_size") is not None or node.get("kernel_size") is None:
        if source is None or target is None or len(source) != len(target):
            return 1.0, 1.0
        cells = cover = 1.0
        for long, short in zip(source[1:], target[1:], strict=True):
            if long != short and short > 0:
                window, stride = _adaptive(long, short)
                cells *= window
                cover *= window / stride
        return cells, cover
    kernel = node.get("kernel_size")
    kernel = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    cells = float(math.prod(kernel))
    stride = node.get("stride")
    steps = math.prod(as_tuple(kernel if stride is None else stride, len(kernel)))
    if source is not None and target is not None and len(source) == len(target):
        # The true number of windows per cell, edges included.
        return cells, cells * math.prod(target) / max(math.prod(source), 1)
    return cells, cells / max(steps, 1)


def broadcast(source: Sequence[int] | None, target: Sequence[int] | None, channel: int) -> tuple[int, int]:
    """How many times an operand is repeated along the units and along the other axes, but for the batch."""
    if source is None or target is None or source == target:
        return 1, 1
    offset = len(target) - len(source)
    units = others = 1
    for axis, length in enumerate(target):
        own = source[axis - offset] if axis >= offset else 1
        if own == 1 and length > 1 and axis > 0:
            if axis == channel:
                units *= length
            else:
                others *= length
    return units, others
