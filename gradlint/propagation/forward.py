"""Signal statistics going forward: one rule for each kind of node."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradlint.network import Distribution, Kind, Node
from gradlint.propagation import attention, combining, matmul, normalization, pooling, recurrent, reshaping
from gradlint.propagation.context import Context, Drawn, NotModelled, bias_of, describe, statistics
from gradlint.propagation.functions import Key, key_of
from gradlint.propagation.geometry import axis_size, taps
from gradlint.propagation.moments import Moments, moments
from gradlint.propagation.signal import Latent, Signal

Rule = Callable[[Node, Sequence[Signal], Context], Signal]

_LINEAR, _CONVOLUTION, _INPUT = Kind.LINEAR, Kind.CONVOLUTION, Kind.INPUT
_ALL = (1.0, 1.0)
"""Taps of what is no convolution."""


def source(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Inputs are standard normal, independent between samples, positions and units; pixels are uniform."""
    rank = len(node.shape) if node.shape is not None else 2
    channel = 1 if rank == 4 else rank - 1
    if node in context.outline.pixels:
        common = (_PIXELS / 2.0) ** 2
        square = common + _PIXELS**2 / 12.0
        return Signal(_PIXELS / 2.0, square, common, common, common, common, channel)
    return Signal(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, channel, overlap=1.0 / axis_size(node.shape, channel))


def parameter(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A tensor of parameters: the same for every sample."""
    value = node.parameters.get("value")
    if value is None or not value.distribution.known:
        raise NotModelled(f"the initial distribution of {describe(node)} is not known")
    mean, square = statistics(value)
    common = mean * mean
    rank = len(node.shape) if node.shape is not None else 2
    return Signal(mean, square, square, common, common, common, rank - 1)


def constant(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A constant: one number everywhere, or a table of unit scale."""
    value = node.get("value")
    rank = len(node.shape) if node.shape is not None else 2
    if isinstance(value, (int, float)):
        square = float(value) ** 2
        return Signal(float(value), square, square, square, square, square, rank - 1)
    drawn = node.get("distribution")
    if isinstance(drawn, Distribution) and drawn.known:
        common = drawn.mean * drawn.mean
        return Signal(drawn.mean, drawn.mean_square, drawn.mean_square, common, common, common, rank - 1)
    return Signal(0.0, 1.0, 1.0, 0.0, 0.0, 0.0, rank - 1)


def fan_in(node: Node) -> int:
    """Input units that one output unit of a linear or convolution layer sees, per kernel tap."""
    settings = node.attributes
    if node.kind is _LINEAR:
        known = settings.get("in_features")
        return int(known) if known is not None else axis_size(node.inputs[0].shape, -1)
    channels = settings.get("in_channels")
    if channels is None:
        channels = axis_size(node.inputs[0].shape, settings.get("channel_axis", 1))
    groups = settings.get("groups")
    return max(int(channels) // int(groups), 1) if groups else max(int(channels), 1)


def weighted_sum(signal: Signal, drawn_: Drawn, bias: tuple[float, float], channel: int, overlap: float) -> Signal:
    """z_i = sum_j w_ij x_j + b_i: Poole et al. 2016, with weights of non-zero mean."""
    weights, fan, together = drawn_.weights, drawn_.fan, drawn_.together
    gain = fan * weights.variance
    offset, offset_square = bias
    mean, shared = offset, offset * offset
    square, samples = gain * signal.square, gain * signal.samples
    positions, apart = gain * together * signal.positions, gain * together * signal.apart
    if weights.mean:
        pull = weights.mean * weights.mean * fan
        others = fan - 1.0
        common = pull * (signal.square + others * signal.units)
        cross = 2.0 * weights.mean * fan * signal.mean * offset
        square += common + cross
        samples += pull * (signal.samples + others * signal.elsewhere(signal.samples)) + cross
        positions += pull * (signal.positions + others * signal.elsewhere(signal.positions)) + cross
        apart += pull * (signal.apart + others * signal.elsewhere(signal.apart)) + cross
        shared += common + cross
        mean += weights.mean * fan * signal.mean
    return Signal(
        mean,
        square + offset_square,
        samples + offset_square,
        positions + offset_square,
        apart + offset_square,
        shared,
        channel,
        None,
        (),
        overlap,
    )


def drawn(node: Node, context: Context) -> Drawn:
    """The weighted sum that a linear or convolution layer is: the same forward and back."""
    standing_in = node in context.standing_in
    if not standing_in and (known := context.drawn.get(node)) is not None:
        return known
    units = fan_in(node)
    inside, together = taps(node) if node.kind is _CONVOLUTION else _ALL
    fan = units * inside
    found = Drawn(context.weights(node, fan), fan, units, together)
    if not standing_in:
        context.drawn[node] = found
    return found


def linear(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A dense layer on the last axis."""
    found = drawn(node, context)
    channel = len(node.shape) - 1 if node.shape is not None else 1
    bias = bias_of(node.parameters.get("bias"))
    if found.weights.family == "identity":
        return _identity(inputs[0], found.weights.gain, bias, channel)
    return weighted_sum(inputs[0], found, bias, channel, inputs[0].overlap)


def convolution(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A convolution: the fan-in counts the taps that fall inside the input."""
    found = drawn(node, context)
    channel = node.attributes.get("channel_axis", 1)
    if channel < 0:
        channel += len(node.shape) if node.shape is not None else 4
    bias = bias_of(node.parameters.get("bias"))
    if found.weights.family == "identity":
        return _identity(inputs[0], found.weights.gain, bias, channel)
    overlap = inputs[0].overlap
    if node.inputs[0].kind is _INPUT:
        # Patches of white noise have as many independent entries as the kernel covers.
        overlap = overlap * found.units / found.fan
    return weighted_sum(inputs[0], found, bias, channel, overlap)


def _identity(signal: Signal, gain: float, bias: tuple[float, float], channel: int) -> Signal:
    """Weights that are the identity matrix (or the Dirac kernel) times a gain."""
    passed = signal.scaled(gain)
    mean, square = bias
    cross = 2.0 * passed.mean * mean + square
    return Signal(
        passed.mean + mean,
        passed.square + cross,
        passed.samples + cross,
        passed.positions + cross,
        passed.apart + cross,
        passed.units + 2.0 * passed.mean * mean + mean * mean,
        channel,
    )


def embedding(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Rows of a table, chosen at random."""
    weights = context.weights(node, 1.0)
    common = weights.mean * weights.mean
    square = weights.variance + common
    rows = node.get("num_embeddings") or 0
    repeated = common + weights.variance / rows if rows else common
    channel = len(node.shape) - 1 if node.shape is not None else 2
    return Signal(weights.mean, square, repeated, repeated, repeated, common, channel)


def activation(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """An elementwise function, or one of the softmax family, or a gated linear unit."""
    signal = inputs[0]
    name = node.get("function")
    special = attention.SOFTMAX_LIKE.get(name)
    if special is not None:
        return special(node, signal)
    key = key_of(node)
    if key is None:
        raise NotModelled(f"the function {name!r} of {describe(node)} is not known")
    return apply(key, node, signal, axis_size(node.shape, signal.channel), context)


@dataclass(slots=True)
class Passage:
    """A signal through an elementwise function: the moments, and the correlations of the slopes.

    `samples`, `positions` and `units` are E[phi'(z) phi'(z')] over E[phi'(z)^2] of two entries that differ in these.
    """

    moments: Moments
    samples: float
    positions: float
    units: float


def apply(key: Key, node: Node, signal: Signal, width: int, context: Context) -> Signal:
    """The statistics of phi(x) over `width` units, for x of these statistics."""
    if key == IDENTITY:
        return signal
    mean, square, samples, positions = signal.mean, signal.square, signal.samples, signal.positions
    common = mean * mean
    variance = square - common
    result = moments(key, mean, variance if variance > 0.0 else 0.0)
    if signal.skew:
        result = result.skewed(signal.skew)
    if variance <= 0.0:
        variance = math.inf  # no two entries differ, whatever their covariance
    of_samples, along_samples = _pair(result, (samples - common) / variance)
    of_positions, along_positions = of_samples, along_samples
    if positions != samples:
        of_positions, along_positions = _pair(result, (positions - common) / variance)
    of_units, along_units = of_samples, along_samples
    if signal.units != samples:
        of_units, along_units = _pair(result, (signal.units - common) / variance)
    of_both = of_positions if signal.apart == positions else _pair(result, (signal.apart - common) / variance)[0]
    context.passages[node] = Passage(result, along_samples, along_positions, along_units)
    spread = result.square - of_samples
    kept = 1.0
    if spread > 0.0:
        gain = along_samples * result.chi * (square - samples) / spread
        kept = min(gain * gain, 1.0)
    return Signal(
        result.mean,
        result.square,
        of_samples,
        of_positions,
        of_both,
        of_units,
        signal.channel,
        Latent(key, mean, square, positions),
        (),
        kept * signal.overlap + _LOST * (1.0 - kept) / width,
        result.third,
    )


def _pair(result: Moments, correlation: float) -> tuple[float, float]:
    """E[phi phi'] of two entries of this correlation, and the correlation of their slopes."""
    value, slope = result.both(correlation)
    chi = result.chi
    if chi <= 0.0:
        return value, 0.0
    return value, slope / chi if slope < chi else 1.0


def passage(result: Moments, signal: Signal) -> Passage:
    """What becomes of a gradient on the way back through a function of these moments."""
    common = signal.mean * signal.mean
    variance = signal.variance or math.inf
    covariances = (signal.samples, signal.positions, signal.units)
    return Passage(result, *[_pair(result, (covariance - common) / variance)[1] for covariance in covariances])


_PIXELS = 255.0
IDENTITY: Key = ("linear", ())
# Of the 1 / width by which the covariances of pairs differ, the part that batch normalization feels: measured.
_LOST = 0.4


def composite(node: Node, root: Node, key: Key, context: Context) -> Signal:
    """A written-out function of one tensor."""
    signal = context.signal(root)
    return apply(key, node, signal, axis_size(root.shape, signal.channel), context)


def dropout(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Dropout while training: entries grow by 1 / (1 - rate), what two entries share does not."""
    signal, rate = inputs[0], dropout_rate(node)
    if not rate or node.get("type") == "alpha":
        return signal
    square = signal.square / (1.0 - rate)
    whole = node.get("type") in ("path", "channel")
    positions = signal.positions / (1.0 - rate) if whole else signal.positions
    units = signal.units / (1.0 - rate) if node.get("type") == "path" else signal.units
    return Signal(
        signal.mean,
        square,
        signal.samples,
        positions,
        signal.apart,
        units,
        signal.channel,
        None,
        signal.mixed,
        signal.overlap,
        signal.skew,
    )


def dropout_rate(node: Node) -> float:
    """The share of entries that are dropped; 0 where it is not known."""
    rate = node.get("rate", 0.0)
    return min(float(rate), 0.999) if isinstance(rate, (int, float)) and rate > 0 else 0.0


def passed(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Nothing happens to the signal."""
    return inputs[0]


def opaque(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Not understood: no statement is made about what comes out."""
    reason = node.get("reason") or describe(node)
    raise NotModelled(f"{reason}")


RULES: Mapping[Kind, Rule] = {
    Kind.INPUT: source,
    Kind.PARAMETER: parameter,
    Kind.CONSTANT: constant,
    Kind.LINEAR: linear,
    Kind.CONVOLUTION: convolution,
    Kind.EMBEDDING: embedding,
    Kind.RECURRENT: recurrent.forward,
    Kind.ATTENTION: attention.forward,
    Kind.ACTIVATION: activation,
    Kind.NORMALIZATION: normalization.forward,
    Kind.POOLING: pooling.forward,
    Kind.DROPOUT: dropout,
    Kind.RESHAPE: reshaping.forward,
    Kind.ADD: combining.add,
    Kind.CONCATENATE: combining.concatenate,
    Kind.MULTIPLY: combining.multiply,
    Kind.MATMUL: matmul.forward,
    Kind.STOP: passed,
    Kind.LOSS: passed,
    Kind.OPAQUE: opaque,
}
