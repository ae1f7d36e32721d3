"""Pooling and reductions over axes: average, sum, maximum, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from gradlint.network import Node
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.functions import Key
from gradlint.propagation.geometry import axes_of, axis_size, entries, windows
from gradlint.propagation.moments import moments
from gradlint.propagation.quadrature import cumulative, rule
from gradlint.propagation.signal import Gradient, Latent, Signal

_LINEAR: Key = ("linear", ())


@lru_cache(maxsize=512)
def maximum_of_normals(count: float) -> tuple[float, float]:
    """Mean and variance of the largest of `count` independent standard normal numbers."""
    nodes, weights, _ = rule(1)
    densities = [w * count * cumulative(t) ** (count - 1.0) for t, w in zip(nodes, weights, strict=True)]
    mass = sum(densities)
    mean = sum(d * t for d, t in zip(densities, nodes, strict=True)) / mass
    square = sum(d * t * t for d, t in zip(densities, nodes, strict=True)) / mass
    return mean, square - mean * mean


def cells(node: Node, signal: Signal) -> tuple[float, float, float]:
    """Units and positions in a window, and how many windows cover a cell."""
    size, cover = windows(node)
    shape = node.inputs[0].shape
    if node.get("global") and shape is not None and signal.channel in axes_of(node.get("axes"), len(shape)):
        units = float(axis_size(shape, signal.channel))
        return units, max(size / units, 1.0), 1.0
    return 1.0, size, cover


def selected(node: Node, signal: Signal) -> tuple[Latent, float, float]:
    """The Gaussian before the activation, and mean and variance of its largest value in a window."""
    latent = signal.latent or Latent(_LINEAR, signal.mean, signal.square, signal.positions)
    units, positions, _ = cells(node, signal)
    variance = max(latent.square - latent.mean**2, 0.0)
    shared = min(max(latent.positions - latent.mean**2, 0.0), variance) if units == 1.0 else 0.0
    level, spread = maximum_of_normals(max(units * positions, 1.0))
    own = variance - shared
    return latent, latent.mean + math.sqrt(own) * level, shared + own * spread


def output_channel(node: Node, channel: int) -> int:
    """Where the axis of the units is after axes have been dropped."""
    old, new = node.inputs[0].shape, node.shape
    if not node.get("global") or old is None or new is None or len(old) == len(new):
        return channel
    axes = axes_of(node.get("axes"), len(old))
    if channel in axes:
        return len(new) - 1
    return channel - sum(1 for axis in axes if axis < channel)


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Statistics of a mean, a sum, a maximum or a norm over a window."""
    signal = inputs[0]
    kind = node.get("type", "average")
    units, positions, _ = cells(node, signal)
    size = units * positions
    channel = output_channel(node, signal.channel)
    if kind == "max":
        return _largest(node, signal, channel)
    if kind in ("norm", "lp", "variance", "logsumexp"):
        return _positive(node, signal, size, channel)
    if kind not in ("average", "sum"):
        raise NotModelled(f"pooling of type {kind!r} at {describe(node)} is not known")
    square, samples = _mean_square(signal, units, positions)
    apart = signal.elsewhere(signal.positions)
    alone = node.get("global") and units == 1.0 and _positions_left(node, channel) <= 1
    result = Signal(
        signal.mean,
        square,
        samples,
        square if alone else min(signal.positions, square) if units == 1.0 else apart,
        samples if alone else min(signal.apart, samples),
        square if units > 1.0 else (signal.units + (positions - 1.0) * apart) / positions,
        channel,
    )
    return result.scaled(size) if kind == "sum" else result


def _mean_square(signal: Signal, units: float, positions: float) -> tuple[float, float]:
    within = signal.square + (units - 1.0) * signal.units
    between = signal.positions + (units - 1.0) * signal.elsewhere(signal.positions)
    square = (within + (positions - 1.0) * between) / (units * positions)
    here = signal.samples + (units - 1.0) * signal.elsewhere(signal.samples)
    there = signal.apart + (units - 1.0) * signal.elsewhere(signal.apart)
    return square, (here + (positions - 1.0) * there) / (units * positions)


def _positions_left(node: Node, channel: int) -> float:
    if node.shape is None:
        return 1.0
    return entries(node) / max(node.shape[0], 1) / axis_size(node.shape, channel)


def _largest(node: Node, signal: Signal, channel: int) -> Signal:
    latent, mean, variance = selected(node, signal)
    result = moments(latent.key, mean, variance)
    before = signal.variance
    after = max(result.square - result.mean * result.mean, 0.0)

    def carried(covariance: float) -> float:
        share = (covariance - signal.mean * signal.mean) / before if before > 0.0 else 1.0
        return result.mean * result.mean + share * after

    return Signal(
        result.mean,
        result.square,
        carried(signal.samples),
        carried(signal.positions),
        carried(signal.apart),
        carried(signal.units),
        channel,
        Latent(latent.key, mean, mean * mean + variance, mean * mean),
    )


def _positive(node: Node, signal: Signal, size: float, channel: int) -> Signal:
    """Norms, variances and log-sum-exps of many entries hardly vary: their mean says it all."""
    kind = node.get("type")
    level = {
        "norm": math.sqrt(signal.square * size),
        "lp": math.sqrt(signal.square * size),
        "variance": max(signal.square - signal.units, 0.0),
        "logsumexp": math.log(size) + 0.5 * signal.variance,
    }[str(kind)]
    square = level * level
    return Signal(level, square, square, square, square, square, channel)


def backward(node: Node, gradient: Gradient, context: Context) -> Gradient:
    """The gradient on the cells of the windows."""
    signal = context.signal(node.inputs[0])
    units, positions, cover = cells(node, signal)
    size = units * positions
    kind = node.get("type", "average")
    if kind == "max":
        _, mean, variance = selected(node, signal)
        overlap = _same_maximum(node) if cover > 1.0 else 0.0
        shared = max(gradient.positions, 0.0)
        positions, local = gradient.positions / max(size, 1.0), gradient.local / max(size * size, 1.0)
        moved = gradient.changed(
            1.0 + overlap * shared, gradient.samples, positions, gradient.units, gradient.overlap, local
        )
        return moved.chosen(mean, variance)
    left = max(_positions_left(node, output_channel(node, signal.channel)), 1.0)
    before = left * positions
    together = (positions - 1.0) / (before - 1.0) if before > 1.0 else 1.0
    together = min(max(together, 0.0), 1.0)
    factor = (1.0 + max(gradient.positions, 0.0) * max(cover - 1.0, 0.0)) / size
    if kind == "sum":
        factor *= size * size
    elif kind in ("norm", "lp"):
        factor *= size
    elif kind == "variance":
        factor *= 4.0 * max(signal.square - signal.units, 0.0)
    return gradient.changed(
        factor,
        gradient.samples,
        together + (1.0 - together) * gradient.positions,
        1.0 if units > 1.0 else gradient.units,
        gradient.overlap,
        together + (1.0 - together) * gradient.local,
    )


def _same_maximum(node: Node) -> float:
    """Expected number of neighbouring windows that have the same largest cell (windows of kernel and stride)."""
    kernel, stride = node.get("kernel_size"), node.get("stride")
    if kernel is None:
        return 0.0
    sizes = (kernel,) if isinstance(kernel, int) else tuple(kernel)
    steps = sizes if stride is None else (stride,) * len(sizes) if isinstance(stride, int) else tuple(stride)
    total = float(math.prod(sizes))
    # Overlap of two windows shifted by i strides along each axis.
    counts = [1.0]
    for size, step in zip(sizes, steps, strict=True):
        line = [float(size)]
        for i in range(1, size):
            if size - i * step > 0:
                line += [float(size - i * step)] * 2
        counts = [a * b for a in counts for b in line]
    return sum(m / (2.0 * total - m) for m in counts[1:])
