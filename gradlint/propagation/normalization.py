"""Batch, layer, group, instance, root-mean-square and L2 normalization, forward and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from gradlint.network import Node
from gradlint.propagation.context import Context, bias_of, is_zero, scale_of
from gradlint.propagation.geometry import axes_of, axis_size, entries
from gradlint.propagation.signal import Gradient, Signal

EPSILON = 1e-5
# Of fewer than five entries the mean of an inverse variance says nothing of a typical one.
_LARGEST_SHARE = 0.2
_LEAST_KEPT = 1e-6


class Group(NamedTuple):
    """What is averaged over: units of one sample, positions, and samples; how many of each."""

    units: float
    positions: float
    samples: float

    @property
    def size(self) -> float:
        """Number of entries."""
        return self.units * self.positions * self.samples


def group(node: Node, signal: Signal, context: Context) -> Group:
    """The entries that one mean and one variance are taken over."""
    source = node.inputs[0]
    shape, kind = source.shape, node.get("type", "batch")
    if shape is None:
        return Group(1.0, 1.0, context.settings.batch) if kind == "batch" else Group(64.0, 1.0, 1.0)
    rank = len(shape)
    channel = signal.channel
    given = node.get("channel_axis")
    if given is not None and kind in ("batch", "group", "instance"):
        channel = given % rank
    units = axis_size(shape, channel)
    positions = max(entries(source) / max(shape[0], 1) / units, 1.0)
    if kind == "batch":
        return Group(1.0, positions, float(context.settings.batch))
    if kind == "instance":
        return Group(1.0, positions, 1.0)
    if kind == "group":
        return Group(max(units / max(int(node.get("groups", 1) or 1), 1), 1.0), positions, 1.0)
    axes = axes_of(node.get("axes", -1), rank)
    within = float(units) if channel in axes else 1.0
    total = math.prod(axis_size(shape, axis) for axis in axes)
    return Group(within, max(total / within, 1.0), 1.0)


def common_part(signal: Signal, over: Group) -> float:
    """E[mean^2] of the entries in a group: what subtracting the mean takes away."""
    n, p, b = over
    within = _over_units(signal, signal.square, signal.units, n)
    between = _over_units(signal, signal.positions, signal.elsewhere(signal.positions), n)
    if b == 1.0:
        return (within + (p - 1.0) * between) / p
    return (within + (p - 1.0) * between + (b - 1.0) * _other_samples(signal, over)) / (p * b)


def _over_units(signal: Signal, own: float, other: float, units: float) -> float:
    return (own + (units - 1.0) * other) / units


def _other_samples(signal: Signal, over: Group) -> float:
    """The covariance of an entry with all of another sample's entries in the group, times their positions."""
    n, p, _ = over
    here = _over_units(signal, signal.samples, signal.elsewhere(signal.samples), n)
    there = _over_units(signal, signal.apart, signal.elsewhere(signal.apart), n)
    return here + (p - 1.0) * there


def centred(signal: Signal, over: Group) -> Signal:
    """The signal less the mean of its group."""
    n, p, b = over
    removed = common_part(signal, over)
    if b > 1.0:
        across = along = removed
        units = signal.units - signal.elsewhere(signal.apart)
    else:
        across = _other_samples(signal, over) / p
        along = removed if p > 1.0 else _over_units(signal, signal.positions, signal.elsewhere(signal.positions), n)
        units = signal.units - (removed if n > 1.0 else signal.elsewhere(signal.samples))
    beyond = (
        along
        if b > 1.0
        else across
        if p > 1.0
        else _over_units(signal, signal.apart, signal.elsewhere(signal.apart), n)
    )
    return Signal(
        0.0,
        signal.square - removed,
        signal.samples - across,
        signal.positions - along,
        signal.apart - beyond,
        units,
        signal.channel,
        overlap=signal.overlap,
    )


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Weight * (x - mean) / spread + bias."""
    signal = inputs[0]
    spread = divisor(node, signal, context)
    if node.get("type") not in ("rms", "l2"):
        over = group(node, signal, context)
        if signal.mixed and node.get("type", "batch") == "batch":
            return _affine(node, _mixed(node, signal, over), over)
        signal = centred(signal, over)
    else:
        over = group(node, signal, context)
    factor = 1.0 / spread if spread > 0.0 else 0.0
    return _affine(node, signal.scaled(math.sqrt(factor)), over)


def _mixed(node: Node, signal: Signal, over: Group) -> Signal:
    """Batch normalization after a concatenation divides each part by its own spread."""
    epsilon = float(node.get("epsilon", EPSILON) or 0.0)
    square = samples = positions = apart = 0.0
    for share, part in signal.mixed:
        middle = centred(part, over)
        factor = share / (middle.square + epsilon) if middle.square + epsilon > 0 else 0.0
        square += middle.square * factor
        samples += middle.samples * factor
        positions += middle.positions * factor
        apart += middle.apart * factor
    return Signal(0.0, square, samples, positions, apart, 0.0, signal.channel, overlap=signal.overlap)


def _affine(node: Node, signal: Signal, over: Group) -> Signal:
    scale, scale_square = scale_of(node.parameters.get("weight"))
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


def divisor(node: Node, signal: Signal, context: Context) -> float:
    """The square of what the signal is divided by."""
    epsilon = float(node.get("epsilon", EPSILON) or 0.0)
    kind = node.get("type", "batch")
    if kind == "rms":
        return signal.square + epsilon
    over = group(node, signal, context)
    if kind == "l2":
        return signal.square * over.size
    return max(signal.square - common_part(signal, over), 0.0) + epsilon


def backward(node: Node, gradient: Gradient, context: Context) -> Gradient:
    """The gradient divided by the spread, less its parts along the mean and along the signal.

    Yang et al. 2019 for batch normalization: over N entries the mean of 1 / spread^2 is (N - 1) / (N - 3)
    times the inverse of the mean, and gradients that have passed one batch normalization sum to zero over
    the batch already, so that the next takes less away. A weight of zero is looked past where it stands in.
    """
    signal = context.signal(node.inputs[0])
    weight = node.parameters.get("weight")
    _, scale = scale_of(weight)
    if weight is not None and id(node) in context.standing_in and is_zero(weight.distribution):
        scale = 1.0
    over = group(node, signal, context)
    along_mean, kept = _projection(node, signal, gradient, over)
    factor = kept * scale * _inverse_spread(node, signal, over)
    shares: tuple[float, ...] = ()
    if signal.mixed and node.get("type", "batch") == "batch":
        epsilon = float(node.get("epsilon", EPSILON) or 0.0)
        pieces = [
            share / (max(part.square - common_part(part, over), 0.0) + epsilon or math.inf)
            for share, part in signal.mixed
        ]
        total = sum(pieces)
        factor *= total
        shares = tuple([piece / total for piece in pieces]) if total else ()
    else:
        spread = divisor(node, signal, context)
        factor = factor / spread if spread > 0.0 else math.inf
    samples, positions, units = gradient.samples, gradient.positions, gradient.units
    if along_mean:
        if over.samples > 1.0:
            samples = max((samples - along_mean) / kept, -1.0)
        if over.samples > 1.0 or over.positions > 1.0:
            positions = max((positions - along_mean) / kept, -1.0)
        if over.units > 1.0:
            units = max((units - along_mean) / kept, -1.0)
    fluctuation = gradient.spread
    if over.samples == 1.0 and over.size > 1.0 and signal.square > 0.0:
        # Where all samples give nearly the same signal, what one norm is off by all are.
        fluctuation += 2.0 * min(signal.samples / signal.square, 1.0) ** 2 / over.size
    return gradient.times(factor)._replace(
        spread=fluctuation,
        work=_remaining(signal, over),
        samples=samples,
        positions=positions,
        units=units,
        shares=shares,
    )


def _remaining(signal: Signal, over: Group) -> float:
    """Scale does not matter to a normalization of one sample: gradient and signal are at right angles."""
    return math.sqrt(max(signal.square, 0.0)) if over.samples > 1.0 else 0.0


def _inverse_spread(node: Node, signal: Signal, over: Group) -> float:
    """E[1 / s^2] E[s^2] for the variance s^2 of so many entries, chi-squared distributed.

    Samples that span few directions (`overlap`) count for less.
    """
    freedom = over.size if node.get("type") in ("rms", "l2") else over.size - 1.0
    share = 1.0 / max(freedom, 1.0)
    if over.samples > 1.0:
        share += 0.5 * (1.0 - share) * signal.overlap
    return 1.0 / (1.0 - 2.0 * min(share, _LARGEST_SHARE))


def _projection(node: Node, signal: Signal, gradient: Gradient, over: Group) -> tuple[float, float]:
    """The share of the squared gradient along the mean, and the share that both projections leave."""
    n, p, b = over
    if over.size <= 1.0:
        return 0.0, 1.0
    centre = node.get("type") not in ("rms", "l2")
    middle = centred(signal, over) if centre else signal
    local = max(middle.positions / middle.square, 0.0) if middle.square else 0.0
    along_signal = (1.0 + (p - 1.0) * gradient.positions * local) / over.size
    along_mean = 0.0
    if centre:
        along_mean = 1.0 + (n - 1.0) * gradient.units + (p - 1.0) * gradient.positions
        along_mean = max((along_mean + p * (b - 1.0) * gradient.samples) / over.size, 0.0)
        # The signal lies in what the mean leaves, and so may more of the gradient than at random.
        along_signal *= (1.0 - along_mean) / (1.0 - 1.0 / over.size)
    return along_mean, max(1.0 - along_mean - along_signal, _LEAST_KEPT)
