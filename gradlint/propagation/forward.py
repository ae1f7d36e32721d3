"""Signal statistics going forward: one rule for each kind of node."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from gradlint.network import Kind, Node
from gradlint.propagation import attention, matmul, normalization, pooling, recurrent
from gradlint.propagation.context import Context, NotModelled, Weights, bias_of, describe
from gradlint.propagation.functions import Key, key_of
from gradlint.propagation.geometry import axis_size, broadcast, entries, normalized, taps, taps_together
from gradlint.propagation.moments import Moments, moments
from gradlint.propagation.signal import Latent, Signal

Rule = Callable[[Node, Sequence[Signal], Context], Signal]


def pixels(nodes: Sequence[Node]) -> frozenset[int]:
    """Identities of the inputs that are taken as pixels from 0 to 255: those that are scaled by 1/255 or so."""
    return frozenset(
        id(node.inputs[0])
        for node in nodes
        if len(node.inputs) == 1 and node.inputs[0].kind is Kind.INPUT and 0.0 < abs(_factor(node)) < _PIXEL_SCALE
    )


def _factor(node: Node) -> float:
    """The number that a node multiplies its one input by; 1 where it does something else."""
    if node.kind is Kind.MULTIPLY:
        value = node.get("constant")
    elif node.kind is Kind.ADD:
        value = next(iter(node.get("coefficients") or ()), None)
    else:
        value = None
    return float(value) if isinstance(value, (int, float)) else 1.0


def source(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Inputs are standard normal, independent between samples, positions and units; pixels are uniform."""
    rank = len(node.shape) if node.shape is not None else 2
    channel = 1 if rank == 4 else rank - 1
    if id(node) in context.pixels:
        common = (_PIXELS / 2.0) ** 2
        square = common + _PIXELS**2 / 12.0
        return Signal(_PIXELS / 2.0, square, common, common, common, common, channel)
    return Signal(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, channel, overlap=1.0 / axis_size(node.shape, channel))


def parameter(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A tensor of parameters: the same for every sample."""
    value = node.parameters.get("value")
    if value is None or not value.distribution.known:
        raise NotModelled(f"the initial distribution of {describe(node)} is not known")
    mean, square = value.distribution.mean, value.distribution.mean_square
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
    return Signal(0.0, 1.0, 1.0, 0.0, 0.0, 0.0, rank - 1)


def fan_in(node: Node) -> int:
    """Input units that one output unit of a linear or convolution layer sees, per kernel tap."""
    if node.kind is Kind.LINEAR:
        known = node.get("in_features")
        return int(known) if known is not None else axis_size(node.inputs[0].shape, -1)
    channels = node.get("in_channels")
    if channels is None:
        channels = axis_size(node.inputs[0].shape, node.get("channel_axis", 1))
    return max(int(channels) // int(node.get("groups", 1) or 1), 1)


def weighted_sum(
    signal: Signal, weights: Weights, fan: float, bias: tuple[float, float], channel: int, together: float = 1.0
) -> Signal:
    """z_i = sum_j w_ij x_j + b_i over `fan` inputs: Poole et al. 2016, with weights of non-zero mean.

    `together` is the share of kernel taps that fall inside the input at both of two positions.
    """
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
        overlap=signal.overlap,
    )


def linear(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A dense layer on the last axis."""
    fan = fan_in(node)
    weights = context.weights(node, fan)
    channel = len(node.shape) - 1 if node.shape is not None else 1
    bias = bias_of(node.parameters.get("bias"))
    if weights.family == "identity":
        return _identity(inputs[0], weights.gain, bias, channel)
    return weighted_sum(inputs[0], weights, fan, bias, channel)


def convolution(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A convolution: the fan-in counts the taps that fall inside the input."""
    fan = fan_in(node) * taps(node)
    weights = context.weights(node, fan)
    rank = len(node.shape) if node.shape is not None else 4
    channel = normalized(node.get("channel_axis", 1), rank)
    bias = bias_of(node.parameters.get("bias"))
    if weights.family == "identity":
        return _identity(inputs[0], weights.gain, bias, channel)
    result = weighted_sum(inputs[0], weights, fan, bias, channel, taps_together(node))
    if node.inputs[0].kind is Kind.INPUT:
        # Patches of white noise have as many independent entries as the kernel covers.
        result = result._replace(overlap=result.overlap / taps(node))
    return result


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
    return apply(key, signal, axis_size(node.shape, signal.channel))


def apply(key: Key, signal: Signal, width: int) -> Signal:
    """The statistics of phi(x) over `width` units, for x of these statistics."""
    if key == IDENTITY:
        return signal
    variance = signal.variance
    result = moments(key, signal.mean, variance)
    if signal.skew:
        result = result.skewed(signal.skew)
    samples = _pair(result, signal, signal.samples, variance)
    positions = samples if signal.positions == signal.samples else _pair(result, signal, signal.positions, variance)
    gain = result.slope_pair(correlation(signal, signal.samples, variance))
    spread = result.square - samples
    kept = min((gain * (signal.square - signal.samples) / spread) ** 2, 1.0) if spread > 0.0 else 1.0
    return Signal(
        result.mean,
        result.square,
        samples,
        positions,
        positions if signal.apart == signal.positions else _pair(result, signal, signal.apart, variance),
        _pair(result, signal, signal.units, variance),
        signal.channel,
        Latent(key, signal.mean, signal.square, signal.positions),
        overlap=kept * signal.overlap + _LOST * (1.0 - kept) / width,
        skew=result.third,
    )


_PIXELS = 255.0
_PIXEL_SCALE = 0.02
IDENTITY: Key = ("linear", ())
# Of the 1 / width by which the covariances of pairs differ, the part that batch normalization feels: measured.
_LOST = 0.4
# Parts of a concatenation that are kept apart.
_MOST_PARTS = 256


def _pair(result: Moments, signal: Signal, covariance: float, variance: float) -> float:
    if covariance == signal.square or variance <= 0.0:
        return result.square
    return result.pair(correlation(signal, covariance, variance))


def correlation(signal: Signal, covariance: float, variance: float) -> float:
    """The correlation of two entries whose second moment is `covariance`."""
    rho = (covariance - signal.mean * signal.mean) / variance if variance > 0.0 else 1.0
    return min(max(rho, -1.0), 1.0) if abs(rho) > 1e-12 else 0.0


def composite(root: Node, key: Key, context: Context) -> Signal:
    """A written-out function of one tensor."""
    signal = context.signal(root)
    return apply(key, signal, axis_size(root.shape, signal.channel))


def dropout(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Dropout while training: entries grow by 1 / (1 - rate), what two entries share does not."""
    signal, rate = inputs[0], dropout_rate(node)
    if not rate or node.get("type") == "alpha":
        return signal
    square = signal.square / (1.0 - rate)
    whole = node.get("type") in ("path", "channel")
    positions = signal.positions / (1.0 - rate) if whole else signal.positions
    units = signal.units / (1.0 - rate) if node.get("type") == "path" else signal.units
    return signal._replace(square=square, positions=positions, units=units, latent=None)


def dropout_rate(node: Node) -> float:
    """The share of entries that are dropped; 0 where it is not known."""
    rate = node.get("rate", 0.0)
    return min(float(rate), 0.999) if isinstance(rate, (int, float)) and rate > 0 else 0.0


def add(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A weighted sum of tensors; different tensors share no more than their means."""
    coefficients = node.get("coefficients") or (1.0,) * len(inputs)
    shift = float(node.get("constant", 0.0) or 0.0)
    channel = _leading(node, inputs)
    parts = [_spread_out(node, n, s, channel) for n, s in zip(node.inputs, inputs, strict=True)]
    if len({id(n) for n in node.inputs}) < len(node.inputs):
        parts, coefficients = _repeated(node, parts, coefficients)
    mean = square = samples = positions = apart = units = skew = 0.0
    for part, a in zip(parts, coefficients, strict=True):
        cross = 2.0 * a * part.mean * mean
        f = a * a
        square += f * part.square + cross
        samples += f * part.samples + cross
        positions += f * part.positions + cross
        apart += f * part.apart + cross
        units += f * part.units + cross
        skew += f * a * part.skew
        mean += a * part.mean
    extra = shift * (2.0 * mean + shift)
    return Signal(
        mean + shift,
        square + extra,
        samples + extra,
        positions + extra,
        apart + extra,
        units + extra,
        channel,
        skew=skew,
    )


def _repeated(
    node: Node, parts: Sequence[Signal], coefficients: Sequence[float]
) -> tuple[list[Signal], tuple[float, ...]]:
    """The operands with those that are one and the same tensor put together."""
    totals: dict[int, float] = {}
    kept: dict[int, Signal] = {}
    for operand, part, a in zip(node.inputs, parts, coefficients, strict=True):
        totals[id(operand)] = totals.get(id(operand), 0.0) + a
        kept[id(operand)] = part
    return list(kept.values()), tuple(totals.values())


def _leading(node: Node, inputs: Sequence[Signal]) -> int:
    """The channel axis of a combination: that of its largest operand."""
    if len(inputs) == 1:
        return inputs[0].channel
    sizes = [entries(n) if n.kind not in (Kind.PARAMETER, Kind.CONSTANT) else 0 for n in node.inputs]
    return inputs[sizes.index(max(sizes))].channel


def _spread_out(node: Node, operand: Node, signal: Signal, channel: int) -> Signal:
    """An operand as it is after broadcasting: repeated entries are equal."""
    units, others = broadcast(operand.shape, node.shape, channel)
    if units > 1:
        signal = signal._replace(units=signal.square)
    if others > 1:
        signal = signal._replace(positions=signal.square, apart=signal.samples)
    return signal


def multiply(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A product of independent tensors, broadcast to one shape."""
    factor = float(node.get("constant", 1.0) if node.get("constant") is not None else 1.0)
    channel = _leading(node, inputs)
    mean = square = samples = positions = apart = units = 1.0
    for operand, signal in zip(node.inputs, inputs, strict=True):
        part = _spread_out(node, operand, signal, channel)
        mean *= part.mean
        square *= part.square
        samples *= part.samples
        positions *= part.positions
        apart *= part.apart
        units *= part.units
    result = Signal(mean, square, samples, positions, apart, units, channel)
    return result.scaled(factor) if factor != 1.0 else result


def concatenate(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Averages over the parts, each by its share of the entries."""
    sizes = [float(entries(n)) for n in node.inputs]
    total = sum(sizes) or 1.0
    shares = [size / total for size in sizes]
    channel = _leading(node, inputs)
    rank = len(node.shape) if node.shape is not None else 2
    if node.get("stacked"):
        axis = normalized(node.get("axis", 0), rank)
        channel = channel + 1 if axis <= channel else channel
    else:
        axis = normalized(node.get("axis", 1), rank)

    def average(values: list[float]) -> float:
        return sum(share * value for share, value in zip(shares, values, strict=True))

    mean = average([s.mean for s in inputs])
    square = average([s.square for s in inputs])
    samples = average([s.samples for s in inputs])
    within = [s.units if axis == channel else s.positions for s in inputs]
    blended = mean * mean + sum(
        share * share * (cov - s.mean * s.mean) for share, cov, s in zip(shares, within, inputs, strict=True)
    )
    if axis == channel:
        positions, apart = average([s.positions for s in inputs]), average([s.apart for s in inputs])
        parts = tuple(
            (share * inner, part)
            for (share, s) in zip(shares, inputs, strict=True)
            for (inner, part) in (s.mixed or ((1.0, s._replace(latent=None)),))
        )
        mixed = parts if len(parts) < _MOST_PARTS else ()
        return Signal(mean, square, samples, positions, apart, blended, channel, _common_latent(shares, inputs), mixed)
    units = average([s.units for s in inputs])
    return Signal(mean, square, samples, blended, min(average([s.apart for s in inputs]), blended), units, channel)


def _common_latent(shares: Sequence[float], inputs: Sequence[Signal]) -> Latent | None:
    """What is before the activation, where all parts come from the same one."""
    latents = [s.latent for s in inputs]
    first = latents[0]
    if first is None or any(other is None or other.key != first.key for other in latents):
        return None
    pairs = [(share, other) for share, other in zip(shares, latents, strict=True) if other is not None]
    return Latent(
        first.key,
        sum(share * other.mean for share, other in pairs),
        sum(share * other.square for share, other in pairs),
        sum(share * other.positions for share, other in pairs),
    )


def reshape(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Entries are moved, not changed; padding adds zeros."""
    signal = inputs[0]
    old, new = node.inputs[0].shape, node.shape
    if old is None or new is None:
        return signal
    operation = node.get("operation", "view")
    channel = moved_channel(node, signal.channel)
    if operation == "pad":
        share = math.prod(old) / max(math.prod(new), 1)
        return Signal(
            signal.mean * share,
            signal.square * share,
            signal.samples * share,
            signal.positions * share * share,
            signal.apart * share * share,
            signal.units * share,
            channel,
        )
    if operation == "expand":
        units, others = broadcast(old, new, channel)
        if units > 1:
            signal = signal._replace(units=signal.square)
        if others > 1:
            signal = signal._replace(positions=signal.square, apart=signal.samples)
    if channel == signal.channel and operation not in ("view", "slice", "split"):
        return signal
    return signal._replace(
        channel=channel, mixed=signal.mixed if axis_size(old, signal.channel) == axis_size(new, channel) else ()
    )


def moved_channel(node: Node, channel: int) -> int:
    """Where the axis of the units is after a reshape; the last one where that cannot be told."""
    old, new = node.inputs[0].shape, node.shape
    if old is None or new is None:
        return channel
    operation = node.get("operation", "view")
    if operation == "transpose":
        order = permutation(node, len(old))
        return order.index(channel) if channel in order else len(new) - 1
    if operation == "view" and old != new:
        if channel == len(old) - 1:
            return len(new) - 1
        # A leading run of equal axes stays where it is; what is behind it is folded together.
        if channel < len(new) and old[: channel + 1] == new[: channel + 1]:
            return channel
        return min(channel, len(new) - 1)
    return min(channel, len(new) - 1)


def permutation(node: Node, rank: int) -> tuple[int, ...]:
    """The order of axes that a transpose makes; two axes mean that they change places."""
    axes = node.get("axes")
    if axes is None:
        return (*range(rank - 2), rank - 1, rank - 2) if rank >= 2 else tuple(range(rank))
    axes = tuple(normalized(int(axis), rank) for axis in axes)
    if len(axes) == 2:
        order = list(range(rank))
        order[axes[0]], order[axes[1]] = axes[1], axes[0]
        return tuple(order)
    return axes


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
    Kind.RESHAPE: reshape,
    Kind.ADD: add,
    Kind.CONCATENATE: concatenate,
    Kind.MULTIPLY: multiply,
    Kind.MATMUL: matmul.forward,
    Kind.STOP: passed,
    Kind.LOSS: passed,
    Kind.OPAQUE: opaque,
}
