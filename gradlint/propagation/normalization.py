"""Batch, layer, group, instance, root-mean-square and L2 normalization, forward and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gradlint.network import Node
from gradlint.propagation.context import Context, bias_of, is_zero, scale_of
from gradlint.propagation.geometry import axes_of, axis_size, extent
from gradlint.propagation.signal import Gradient, Signal, ln

EPSILON = 1e-5
# Of fewer than five entries the mean of an inverse variance says nothing of a typical one.
_LARGEST_SHARE = 0.2
_LEAST_KEPT = 1e-6
_UNCENTRED = ("rms", "l2")
_ALONG_CHANNELS = ("batch", "instance", "group")


@dataclass(slots=True, eq=False)
class Group:
    """What is averaged over: units of one sample, positions, and samples; how many of each."""

    units: float
    positions: float
    samples: float


@dataclass(slots=True)
class Division:
    """What one normalization does to the signal that goes into it.

    `over` is what is averaged over (`size` entries), `local` the correlation of two positions of the signal less the
    mean, `spread` the square of what it is divided by, and `result` the quotient; `pieces` are the share over the
    squared spread of each part of a concatenation, which are divided each on its own. `scale` are mean and mean square
    of the weights that the result is then multiplied by.
    """

    over: Group
    size: float
    local: float
    spread: float
    pieces: Sequence[float]
    result: Signal
    scale: tuple[float, float]


def division(node: Node, signal: Signal, context: Context) -> Division:
    """What a node does to the signal that goes into it: the same forward and back."""
    known = context.divisions.get(node)
    if known is not None:
        return known
    settings = node.attributes
    kind = settings.get("type", "batch")
    epsilon = float(settings.get("epsilon", EPSILON) or 0.0)
    over = group(node, signal, context)
    size = over.units * over.positions * over.samples
    middle = signal if kind in _UNCENTRED else _centred(signal, over)
    square = middle.square
    spread = square * size if kind == "l2" else (square if square > 0.0 else 0.0) + epsilon
    pieces: Sequence[float] = ()
    if kind == "batch" and signal.mixed:
        result, pieces = _parts(signal, over, epsilon, context)
    else:
        result = middle.scaled(1.0 / math.sqrt(spread) if spread > 0.0 else 0.0)
    local = middle.positions / square if square else 0.0
    scale = scale_of(node.parameters.get("weight"))
    found = Division(over, size, local if local > 0.0 else 0.0, spread, pieces, result, scale)
    context.divisions[node] = found
    return found


def _parts(signal: Signal, over: Group, epsilon: float, context: Context) -> tuple[Signal, Sequence[float]]:
    """Batch normalization after a concatenation divides each part by its own spread."""
    square = samples = positions = apart = 0.0
    pieces: list[float] = []
    for share, part in signal.mixed:
        middle = centred(part, over, context)
        own = middle.square
        spread = (own if own > 0.0 else 0.0) + epsilon
        piece = share / spread if spread > 0.0 else 0.0
        pieces.append(piece)
        square += own * piece
        samples += middle.samples * piece
        positions += middle.positions * piece
        apart += middle.apart * piece
    return Signal(0.0, square, samples, positions, apart, 0.0, signal.channel, None, (), signal.overlap), pieces


def group(node: Node, signal: Signal, context: Context) -> Group:
    """The entries that one mean and one variance are taken over."""
    source = node.inputs[0]
    settings = node.attributes
    shape, kind = source.shape, settings.get("type", "batch")
    batch = float(context.settings.batch)
    if shape is None:
        return Group(1.0, 1.0, batch) if kind == "batch" else Group(64.0, 1.0, 1.0)
    rank = len(shape)
    channel = signal.channel
    if kind in _ALONG_CHANNELS:
        given = settings.get("channel_axis")
        _, units, positions, _ = extent(shape, channel if given is None else given % rank)
        if kind == "batch":
            return Group(1.0, positions, batch)
        if kind == "instance":
            return Group(1.0, positions, 1.0)
        return Group(max(units / max(int(settings.get("groups", 1) or 1), 1), 1.0), positions, 1.0)
    units = axis_size(shape, channel)
    axes = axes_of(settings.get("axes", -1), rank)
    within = float(units) if channel in axes else 1.0
    total = math.prod(axis_size(shape, axis) for axis in axes)
    return Group(within, max(total / within, 1.0), 1.0)


def common_part(signal: Signal, over: Group) -> float:
    """E[mean^2] of the entries in a group: what subtracting the mean takes away."""
    n, p, b = over.units, over.positions, over.samples
    if n == 1.0:
        within = signal.square + (p - 1.0) * signal.positions
        if b == 1.0:
            return within / p
        return (within + (b - 1.0) * (signal.samples + (p - 1.0) * signal.apart)) / (p * b)
    within = (signal.square + (n - 1.0) * signal.units) / n
    between = _over_units(signal, signal.positions, n)
    if b == 1.0:
        return (within + (p - 1.0) * between) / p
    return (within + (p - 1.0) * between + (b - 1.0) * _other_samples(signal, over)) / (p * b)


def _over_units(signal: Signal, covariance: float, units: float) -> float:
    """The covariance of an entry with entries of so many units that differ in what `covariance` says besides."""
    if units == 1.0:
        return covariance
    return (covariance + (units - 1.0) * signal.elsewhere(covariance)) / units


def _other_samples(signal: Signal, over: Group) -> float:
    """The covariance of an entry with all of another sample's entries in the group, times their positions."""
    n, p = over.units, over.positions
    here = _over_units(signal, signal.samples, n)
    there = _over_units(signal, signal.apart, n)
    return here + (p - 1.0) * there


def centred(signal: Signal, over: Group, context: Context) -> Signal:
    """The signal less the mean of its group; kept, for the parts of a concatenation come again in the next one."""
    key = (signal, over.units, over.positions, over.samples)
    found = context.centred.get(key)
    if found is None:
        found = context.centred[key] = _centred(signal, over)
    return found


def _centred(signal: Signal, over: Group) -> Signal:
    n, p, b = over.units, over.positions, over.samples
    removed = common_part(signal, over)
    if b > 1.0:
        return Signal(
            0.0,
            signal.square - removed,
            signal.samples - removed,
            signal.positions - removed,
            signal.apart - removed,
            signal.units - signal.elsewhere(signal.apart),
            signal.channel,
            None,
            (),
            signal.overlap,
        )
    across = _other_samples(signal, over) / p
    along = removed if p > 1.0 else _over_units(signal, signal.positions, n)
    units = signal.units - (removed if n > 1.0 else signal.elsewhere(signal.samples))
    beyond = across if p > 1.0 else _over_units(signal, signal.apart, n)
    return Signal(
        0.0,
        signal.square - removed,
        signal.samples - across,
        signal.positions - along,
        signal.apart - beyond,
        units,
        signal.channel,
        None,
        (),
        signal.overlap,
    )


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Weight * (x - mean) / spread + bias."""
    signal = inputs[0]
    found = division(node, signal, context)
    return _affine(node, found.result, found.scale)


def _affine(node: Node, signal: Signal, drawn: tuple[float, float]) -> Signal:
    scale, scale_square = drawn
    shift, shift_square = bias_of(node.parameters.get("bias"))
    if scale_square == 1.0 and shift_square == 0.0:
        return signal
    cross = 2.0 * scale * shift * signal.mean + shift_square
    return Signal(
        scale * signal.mean + shift,
        scale_square * signal.square + cross,
        scale_square * signal.samples + cross,
        scale_square * signal.positions + cross,
        scale_square * signal.apart + cross,
        scale * scale * signal.units + 2.0 * scale * shift * signal.mean + shift * shift,
        signal.channel,
        overlap=signal.overlap,
    )


def backward(node: Node, gradient: Gradient, context: Context) -> Gradient:
    """The gradient divided by the spread, less its parts along the mean and along the signal.

    Yang et al. 2019 for batch normalization: over N entries the mean of 1 / spread^2 is (N - 1) / (N - 3)
    times the inverse of the mean, and gradients that have passed one batch normalization sum to zero over
    the batch already, so that the next takes less away. A weight of zero is looked past where it stands in.
    """
    signal = context.signal(node.inputs[0])
    found = division(node, signal, context)
    over, scale = found.over, found.scale[1]
    if node in context.standing_in and is_zero(node.parameters["weight"].distribution):
        scale = 1.0
    centre = node.attributes.get("type") not in _UNCENTRED
    along_mean, kept = _projection(found, gradient, centre)
    factor = kept * scale * _inverse_spread(signal, found, centre)
    shares: tuple[float, ...] = ()
    if found.pieces:
        total = sum(found.pieces)
        factor *= total
        shares = tuple([piece / total for piece in found.pieces]) if total else ()
    else:
        factor = factor / found.spread if found.spread > 0.0 else math.inf
    samples, positions, units = gradient.samples, gradient.positions, gradient.units
    n, p, b = over.units, over.positions, over.samples
    if along_mean:
        if b > 1.0:
            samples = max((samples - along_mean) / kept, -1.0)
        if b > 1.0 or p > 1.0:
            positions = max((positions - along_mean) / kept, -1.0)
        if n > 1.0:
            units = max((units - along_mean) / kept, -1.0)
    fluctuation = gradient.spread
    if b == 1.0 and found.size > 1.0 and signal.square > 0.0:
        # Where all samples give nearly the same signal, what one norm is off by all are.
        fluctuation += 2.0 * min(signal.samples / signal.square, 1.0) ** 2 / found.size
    return Gradient(
        gradient.log + ln(factor),
        fluctuation,
        samples,
        positions,
        units,
        gradient.overlap,
        gradient.local,
        # Scale does not matter to a normalization of one sample: gradient and signal are at right angles.
        math.sqrt(signal.square) if b > 1.0 and signal.square > 0.0 else 0.0,
        0.0,
        1.0,
        gradient.alike,
        None,
        shares,
    )


def _inverse_spread(signal: Signal, found: Division, centre: bool) -> float:
    """E[1 / s^2] E[s^2] for the variance s^2 of so many entries, chi-squared distributed.

    Samples that span few directions (`overlap`) count for less.
    """
    share = 1.0 / max(found.size - 1.0 if centre else found.size, 1.0)
    if found.over.samples > 1.0:
        share += 0.5 * (1.0 - share) * signal.overlap
    return 1.0 / (1.0 - 2.0 * min(share, _LARGEST_SHARE))


def _projection(found: Division, gradient: Gradient, centre: bool) -> tuple[float, float]:
    """The share of the squared gradient along the mean, and the share that both projections leave."""
    size = found.size
    n, p, b = found.over.units, found.over.positions, found.over.samples
    if size <= 1.0:
        return 0.0, 1.0
    along_signal = (1.0 + (p - 1.0) * gradient.positions * found.local) / size
    along_mean = 0.0
    if centre:
        along_mean = 1.0 + (n - 1.0) * gradient.units + (p - 1.0) * gradient.positions
        along_mean = max((along_mean + p * (b - 1.0) * gradient.samples) / size, 0.0)
        # The signal lies in what the mean leaves, and so may more of the gradient than at random.
        along_signal *= (1.0 - along_mean) / (1.0 - 1.0 / size)
    return along_mean, max(1.0 - along_mean - along_signal, _LEAST_KEPT)
