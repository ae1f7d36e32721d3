"""Sums, products and concatenations of tensors, forward and back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradlint.network import Kind, Node
from gradlint.propagation.context import Context
from gradlint.propagation.dead import RECTIFIERS
from gradlint.propagation.geometry import broadcast, entries, normalized
from gradlint.propagation.quadrature import cumulative
from gradlint.propagation.signal import NONE, Gradient, Latent, Signal, ln, strength

# Parts of a concatenation that are kept apart.
_MOST_PARTS = 256
_VALUES = frozenset({Kind.PARAMETER, Kind.CONSTANT})


def add(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A weighted sum of tensors; different tensors share no more than their means."""
    coefficients = node.attributes.get("coefficients") or (1.0,) * len(inputs)
    shift = float(node.attributes.get("constant", 0.0) or 0.0)
    channel = _leading(node, inputs)
    parts = _spread_out(node, inputs, channel)
    if len(inputs) > 1 and len(set(node.inputs)) < len(inputs):
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
        None,
        (),
        0.0,
        skew,
    )


def _repeated(
    node: Node, parts: Sequence[Signal], coefficients: Sequence[float]
) -> tuple[Sequence[Signal], tuple[float, ...]]:
    """The operands with those that are one and the same tensor put together."""
    totals: dict[Node, float] = {}
    kept: dict[Node, Signal] = {}
    for operand, part, a in zip(node.inputs, parts, coefficients, strict=True):
        totals[operand] = totals.get(operand, 0.0) + a
        kept[operand] = part
    return list(kept.values()), tuple(totals.values())


def _leading(node: Node, inputs: Sequence[Signal]) -> int:
    """The channel axis of a combination: that of its largest operand."""
    first, shape = node.inputs[0], node.shape
    if len(inputs) == 1 or (shape is not None and first.shape == shape and first.kind not in _VALUES):
        return inputs[0].channel
    sizes = [entries(n) if n.kind not in _VALUES else 0 for n in node.inputs]
    return inputs[sizes.index(max(sizes))].channel


def _spread_out(node: Node, inputs: Sequence[Signal], channel: int) -> Sequence[Signal]:
    """The operands as they are after broadcasting: repeated entries are equal."""
    shape = node.shape
    spread: list[Signal] | None = None
    for i, operand in enumerate(node.inputs):
        if operand.shape != shape:
            spread = spread or list(inputs)
            spread[i] = inputs[i].repeated(*broadcast(operand.shape, shape, channel))
    return inputs if spread is None else spread


def multiply(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """A product of independent tensors, broadcast to one shape."""
    constant = node.attributes.get("constant")
    factor = 1.0 if constant is None else float(constant)
    channel = _leading(node, inputs)
    mean = square = samples = positions = apart = units = 1.0
    for part in inputs if node.attributes.get("outer") else _spread_out(node, inputs, channel):
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
    sizes = [entries(n) for n in node.inputs]
    total = float(sum(sizes)) or 1.0
    shares = [size / total for size in sizes]
    channel = _leading(node, inputs)
    rank = len(node.shape) if node.shape is not None else 2
    stacked = node.attributes.get("stacked")
    axis = normalized(node.attributes.get("axis", 0 if stacked else 1), rank)
    if stacked:
        channel = channel + 1 if axis <= channel else channel
    along = axis == channel
    mean = square = samples = positions = apart = units = blended = 0.0
    for share, s in zip(shares, inputs, strict=True):
        level = s.mean
        mean += share * level
        square += share * s.square
        samples += share * s.samples
        positions += share * s.positions
        apart += share * s.apart
        units += share * s.units
        blended += share * share * ((s.units if along else s.positions) - level * level)
    blended += mean * mean
    if along:
        mixed: list[tuple[float, Signal]] = []
        for share, s in zip(shares, inputs, strict=True):
            if s.mixed:
                mixed += [(share * inner, part) for inner, part in s.mixed]
            else:
                mixed.append((share, s.bare()))
        parts = tuple(mixed) if len(mixed) < _MOST_PARTS else ()
        latent = _common_latent(shares, inputs)
        return Signal(mean, square, samples, positions, apart, blended, channel, latent, parts)
    return Signal(mean, square, samples, blended, min(apart, blended), units, channel)


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


def gathered(node: Node, operand: Node, gradient: Gradient, channel: int, own: tuple[float, float]) -> float:
    """Growth of the squared norm when the gradients of a broadcast operand's copies are added up.

    `own` are the correlations of what multiplies the gradient, along the units and along the rest.
    """
    if operand.shape == node.shape:
        return 1.0
    units, others = broadcast(operand.shape, node.shape, channel)
    factor = 1.0
    if units > 1:
        factor *= 1.0 + (units - 1.0) * max(gradient.units * own[0], 0.0)
    if others > 1:
        factor *= 1.0 + (others - 1.0) * max(gradient.positions * own[1], 0.0)
    return factor


def add_back(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Every summand has the gradient of the sum."""
    coefficients = node.attributes.get("coefficients") or (1.0,) * len(node.inputs)
    signals = context.signals
    total = signals[node]
    totals: dict[Node, float] = {}
    for operand, a in zip(node.inputs, coefficients, strict=True):
        totals[operand] = totals.get(operand, 0.0) + a
    results: list[Gradient] = []
    for operand in node.inputs:
        a = totals.pop(operand, 0.0)
        if not a:
            results.append(NONE)
            continue
        factor = a * a
        if operand.shape != node.shape:
            factor *= gathered(node, operand, gradient, total.channel, (1.0, 1.0))
        part = signals[operand]
        share = a * (a * part.square + part.mean * (total.mean - a * part.mean)) / total.square if total.square else 0.0
        luck = _luck(operand, node, gradient.rectified, context) if gradient.rectified else 1.0
        results.append(
            Gradient(
                gradient.log + ln(factor),
                gradient.spread,
                gradient.samples,
                gradient.positions,
                gradient.units,
                gradient.overlap,
                gradient.local,
                gradient.work * share / math.sqrt(factor),
                0.0,
                luck,
                gradient.alike,
            )
        )
    return results


def _luck(operand: Node, node: Node, passed: float, context: Context) -> float:
    """How much likelier a unit is to be active before a skip connection, given that it is active behind it.

    A rectified stream is a random walk held back at zero: units far from zero stay active over many blocks.
    A unit at zero gets away with the probability that what is added is positive.
    """
    if operand.kind is not Kind.ACTIVATION or operand.get("function") not in RECTIFIERS:
        return 1.0
    through = context.passages.get(operand)
    if through is None:
        return 1.0
    active, stream, total = through.moments.chi, context.signals[operand], context.signals[node]
    added = max(total.variance - stream.variance, 0.0)
    if active <= 0.0 or added <= 0.0:
        return 1.0
    escaping = cumulative((total.mean - stream.mean) / math.sqrt(added))
    return max((1.0 - (1.0 - active) * escaping / passed) / active, 1.0)


def multiply_back(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Every factor has the gradient times the product of the others."""
    constant = node.attributes.get("constant")
    k = float(constant) ** 2 if isinstance(constant, (int, float)) else 1.0
    signals, shape, outer = context.signals, node.shape, node.attributes.get("outer")
    channel = signals[node].channel
    results = []
    for i, operand in enumerate(node.inputs):
        square, units, others = k, 1.0, 1.0
        for j, other in enumerate(node.inputs):
            if i != j:
                signal = signals[other]
                square *= signal.square
                if signal.square > 0.0:
                    wide, long = (1, 1) if other.shape == shape else broadcast(other.shape, shape, channel)
                    units *= 1.0 if wide > 1 else signal.units / signal.square
                    others *= 1.0 if long > 1 else signal.positions / signal.square
        if outer:
            factor = square * entries(node) / max(entries(operand), 1)
        else:
            factor = square * gathered(node, operand, gradient, channel, (units, others))
        positions, along = gradient.positions * others, gradient.units * units
        results.append(gradient.changed(factor, gradient.samples, positions, along, gradient.overlap, gradient.local))
    return results


def concatenate_back(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Each part has its share of the gradient."""
    signals = context.signals
    whole = strength(node, signals[node])
    mixed = signals[node].mixed
    if not gradient.shares or len(gradient.shares) != len(mixed):
        total = float(sum(entries(n) for n in node.inputs)) or 1.0
        return [_part(gradient, entries(n) / total, (), whole, n, signals[n]) for n in node.inputs]
    results, start = [], 0
    for operand in node.inputs:
        signal = signals[operand]
        width = len(signal.mixed) or 1
        part = gradient.shares[start : start + width]
        start += width
        share = part[0] if width == 1 else sum(part)
        inner = tuple([p / share for p in part]) if width > 1 and share > 0.0 else ()
        results.append(_part(gradient, share, inner, whole, operand, signal))
    return results


def _part(
    gradient: Gradient, share: float, inner: tuple[float, ...], whole: float, operand: Node, signal: Signal
) -> Gradient:
    """The gradient of one operand: `share` of the squared norm, of a signal that is `whole` in squared norm."""
    if share <= 0.0:
        return NONE
    own = strength(operand, signal) / whole if whole > 0.0 else 0.0
    return Gradient(
        gradient.log + math.log(share),
        gradient.spread,
        gradient.samples,
        gradient.positions,
        gradient.units,
        gradient.overlap,
        gradient.local,
        gradient.work / math.sqrt(share) * own,
        0.0,
        1.0,
        gradient.alike,
        gradient.selected,
        inner,
    )
