"""Gradient statistics going back: one rule for each kind of node, from its output to its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gradlint.network import Kind, Node
from gradlint.propagation import attention, matmul, normalization, pooling, recurrent
from gradlint.propagation.context import Context, NotModelled, Weights, describe
from gradlint.propagation.dead import RECTIFIERS
from gradlint.propagation.finite_width import after_function, after_weights
from gradlint.propagation.forward import correlation, dropout_rate, fan_in
from gradlint.propagation.functions import Key, key_of
from gradlint.propagation.geometry import axis_size, broadcast, entries, taps
from gradlint.propagation.moments import Moments, moments
from gradlint.propagation.quadrature import cumulative
from gradlint.propagation.signal import Gradient, Signal

Rule = Callable[[Node, Gradient, Context], list[Gradient]]
NONE = Gradient(-math.inf)


def linear(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """W^T g: the squared L2 norm grows by fan-in times weight variance."""
    return [_transposed(node, gradient, float(fan_in(node)), context)]


def convolution(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """The same with the taps that fall inside the input."""
    return [_transposed(node, gradient, fan_in(node) * taps(node), context)]


def _transposed(node: Node, gradient: Gradient, fan: float, context: Context) -> Gradient:
    weights: Weights = context.weights(node, fan)
    if weights.family == "identity":
        return gradient.times(weights.gain**2)
    factor = fan * weights.variance
    units = 0.0
    if weights.mean:
        outputs = entries(node) * fan_in(node) / max(entries(node.inputs[0]), 1) if node.shape else 1.0
        width = _units_out(node) or max(outputs, 1.0)
        pull = fan * weights.mean**2 * (1.0 + (width - 1.0) * max(gradient.units, 0.0))
        units = pull / (factor + pull) if factor + pull > 0.0 else 0.0
        factor += pull
    moved = gradient.times(factor)._replace(units=units)
    if not weights.mean and node.shape is not None:
        moved = along_signal(node, gradient, moved, factor, context)
    return after_weights(node, moved, weights, context)


def along_signal(node: Node, gradient: Gradient, moved: Gradient, factor: float, context: Context) -> Gradient:
    """Correct the gradient's component along the signal, which is not random: (W^T g) x = g (W x).

    Of a random vector that component is 1 / n of the squared norm; here it is what the inner product
    of gradient and signal, the same before and after the weights, makes it.
    """
    source = node.inputs[0]
    before, after = context.signal(source), context.signal(node)
    norm = strength(source, before)
    if norm <= 0.0 or factor <= 0.0 or after.square <= 0.0:
        return moved
    positions = max(entries(source) / max((source.shape or (1,))[0], 1) / axis_size(source.shape, before.channel), 1.0)
    alike = max(gradient.positions * before.positions / before.square, 0.0)
    random = factor / fan_in(node) * (1.0 + (positions - 1.0) * alike) / positions
    # A bias has its share of the product as well.
    work = gradient.work * min(factor * before.square / after.square, 1.0)
    total = max(factor - random, 0.0) + work * work / norm
    return moved._replace(log=moved.log + math.log(total / factor), work=work / math.sqrt(total))


def strength(node: Node, signal: Signal) -> float:
    """Squared L2 norm of the signal of one sample."""
    return entries(node) / max((node.shape or (1,))[0], 1) * signal.square


def _units_out(node: Node) -> float:
    value = node.get("out_features", node.get("out_channels"))
    return float(value) if isinstance(value, (int, float)) else 0.0


def activation(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """phi'(z) g, where pooling may have chosen the entries."""
    signal = context.signal(node.inputs[0])
    special = attention.SOFTMAX_LIKE_BACK.get(node.get("function"))
    if special is not None:
        return [special(node, signal, gradient)]
    key = key_of(node)
    if key is None:
        raise NotModelled(f"the derivative of {describe(node)} is not known")
    return [through_function(node, node.inputs[0], key, gradient, context)]


def through_function(node: Node, source: Node, key: Key, gradient: Gradient, context: Context) -> Gradient:
    """The gradient behind an elementwise function of `source`, before it."""
    signal = context.signal(source)
    mean, variance = gradient.selected or (signal.mean, signal.variance)
    result = moments(key, mean, variance)
    if signal.skew and gradient.selected is None:
        result = result.skewed(signal.skew)
    if result.chi <= 0.0:
        return NONE
    if result.chi == 1.0 and result.kappa == 1.0:
        return gradient

    def carried(covariance: float) -> float:
        rho = correlation(signal, covariance, signal.variance)
        return min(result.slope_pair(rho) / result.chi, 1.0)

    samples, positions = carried(signal.samples), carried(signal.positions)
    luck = min(gradient.luck, max(1.0 / result.chi, 1.0))
    moved = gradient.times(result.chi * luck)._replace(
        samples=gradient.samples * samples,
        positions=gradient.positions * positions,
        units=gradient.units * carried(signal.units),
        overlap=gradient.overlap * samples * samples,
        local=gradient.local * positions * positions,
        work=_work(gradient.work, result) / math.sqrt(luck),
        rectified=result.chi if node.get("function") in RECTIFIERS else 0.0,
    )
    return after_function(node, moved, result.kappa, context)


def _work(work: float, result: Moments) -> float:
    """The inner product of gradient and signal before an activation; what it loses is made up at random."""
    if result.square <= 0.0:
        return 0.0
    passed = work * result.pull / result.square
    noise = max(result.lever - result.pull * result.pull / result.square, 0.0)
    return math.copysign(math.sqrt((passed * passed + noise) / result.chi), passed)


def normalized(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Through a normalization layer."""
    return [normalization.backward(node, gradient, context)]


def pooled(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Through a pooling layer or a reduction."""
    return [pooling.backward(node, gradient, context)]


def dropout(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Kept entries grow by 1 / (1 - rate), others are zero."""
    rate = dropout_rate(node)
    if not rate or node.get("type") == "alpha":
        return [gradient]
    whole = node.get("type") in ("path", "channel")
    return [
        gradient.times(1.0 / (1.0 - rate))._replace(
            positions=gradient.positions if whole else gradient.positions * (1.0 - rate)
        )
    ]


def _gathered(node: Node, operand: Node, gradient: Gradient, channel: int, own: tuple[float, float]) -> float:
    """Growth of the squared norm when the gradients of a broadcast operand's copies are added up.

    `own` are the correlations of what multiplies the gradient, along the units and along the rest.
    """
    units, others = broadcast(operand.shape, node.shape, channel)
    factor = 1.0
    if units > 1:
        factor *= 1.0 + (units - 1.0) * max(gradient.units * own[0], 0.0)
    if others > 1:
        factor *= 1.0 + (others - 1.0) * max(gradient.positions * own[1], 0.0)
    return factor


def add(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Every summand has the gradient of the sum."""
    coefficients = node.get("coefficients") or (1.0,) * len(node.inputs)
    channel = context.signal(node).channel
    total = context.signal(node)
    totals: dict[int, float] = {}
    for operand, a in zip(node.inputs, coefficients, strict=True):
        totals[id(operand)] = totals.get(id(operand), 0.0) + a
    results: list[Gradient] = []
    for operand in node.inputs:
        a = totals.pop(id(operand), 0.0)
        if not a:
            results.append(NONE)
            continue
        factor = a * a * _gathered(node, operand, gradient, channel, (1.0, 1.0))
        part = context.signal(operand)
        share = a * (a * part.square + part.mean * (total.mean - a * part.mean)) / total.square if total.square else 0.0
        luck = _luck(operand, node, gradient.rectified, context) if gradient.rectified else 1.0
        results.append(gradient.times(factor)._replace(work=gradient.work * share / math.sqrt(factor), luck=luck))
    return results


def _luck(operand: Node, node: Node, passed: float, context: Context) -> float:
    """How much likelier a unit is to be active before a skip connection, given that it is active behind it.

    A rectified stream is a random walk held back at zero: units far from zero stay active over many blocks.
    A unit at zero gets away with the probability that what is added is positive.
    """
    if operand.kind is not Kind.ACTIVATION or operand.get("function") not in RECTIFIERS:
        return 1.0
    before, stream, total = (context.signal(n) for n in (operand.inputs[0], operand, node))
    key = key_of(operand)
    if key is None:
        return 1.0
    active = moments(key, before.mean, before.variance).skewed(before.skew).chi
    added = max(total.variance - stream.variance, 0.0)
    if active <= 0.0 or added <= 0.0:
        return 1.0
    escaping = cumulative((total.mean - stream.mean) / math.sqrt(added))
    return max((1.0 - (1.0 - active) * escaping / passed) / active, 1.0)


def multiply(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Every factor has the gradient times the product of the others."""
    constant = node.get("constant")
    k = float(constant) ** 2 if isinstance(constant, (int, float)) else 1.0
    channel = context.signal(node).channel
    results = []
    for i, operand in enumerate(node.inputs):
        square, units, others = k, 1.0, 1.0
        for j, other in enumerate(node.inputs):
            if i != j:
                signal = context.signal(other)
                square *= signal.square
                if signal.square > 0.0:
                    wide, long = broadcast(other.shape, node.shape, channel)
                    units *= 1.0 if wide > 1 else signal.units / signal.square
                    others *= 1.0 if long > 1 else signal.positions / signal.square
        factor = square * _gathered(node, operand, gradient, channel, (units, others))
        results.append(
            gradient.times(factor)._replace(positions=gradient.positions * others, units=gradient.units * units)
        )
    return results


def concatenate(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Each part has its share of the gradient."""
    total = float(sum(entries(n) for n in node.inputs)) or 1.0
    shares = [entries(n) / total for n in node.inputs]
    mixed = context.signal(node).mixed
    if not gradient.shares or len(gradient.shares) != len(mixed):
        return [
            _part(gradient, share, node, operand, context) for share, operand in zip(shares, node.inputs, strict=True)
        ]
    results, start = [], 0
    for operand in node.inputs:
        width = len(context.signal(operand).mixed) or 1
        part = gradient.shares[start : start + width]
        start += width
        share = sum(part)
        inner = tuple([p / share for p in part]) if width > 1 and share > 0.0 else ()
        results.append(_part(gradient, share, node, operand, context)._replace(shares=inner))
    return results


def _part(gradient: Gradient, share: float, node: Node, operand: Node, context: Context) -> Gradient:
    whole = strength(node, context.signal(node))
    own = strength(operand, context.signal(operand)) / whole if whole > 0.0 else 0.0
    part = gradient.times(share)
    return part._replace(work=part.work * own, selected=gradient.selected)


def reshape(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Entries go back to where they came from; copies are added up, padding is cut off."""
    source, operation = node.inputs[0], node.get("operation", "view")
    first = gradient
    if source.shape is not None and node.shape is not None:
        old, new = entries(source), entries(node)
        if operation == "pad" and new:
            first = gradient.times(min(old / new, 1.0))
        elif operation == "expand":
            first = gradient.times(_gathered(node, source, gradient, context.signal(node).channel, (1.0, 1.0)))
        elif operation == "interpolate" and new > old:
            copies = new / max(old, 1)
            first = gradient.times(1.0 + (copies - 1.0) * max(gradient.positions, 0.0))
        elif operation == "view" and context.signal(node).channel != context.signal(source).channel:
            first = gradient._replace(selected=None, shares=())
    return [first] + [NONE] * (len(node.inputs) - 1)


def same(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """The first input has the gradient of the output."""
    return [gradient] + [NONE] * (len(node.inputs) - 1)


def nothing(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """No gradient goes further."""
    return [NONE] * len(node.inputs)


RULES: Mapping[Kind, Rule] = {
    Kind.INPUT: nothing,
    Kind.PARAMETER: nothing,
    Kind.CONSTANT: nothing,
    Kind.LINEAR: linear,
    Kind.CONVOLUTION: convolution,
    Kind.EMBEDDING: nothing,
    Kind.RECURRENT: recurrent.backward,
    Kind.ATTENTION: attention.backward,
    Kind.ACTIVATION: activation,
    Kind.NORMALIZATION: normalized,
    Kind.POOLING: pooled,
    Kind.DROPOUT: dropout,
    Kind.RESHAPE: reshape,
    Kind.ADD: add,
    Kind.CONCATENATE: concatenate,
    Kind.MULTIPLY: multiply,
    Kind.MATMUL: matmul.backward,
    Kind.STOP: nothing,
    Kind.LOSS: same,
    Kind.OPAQUE: nothing,
}
