"""Gradient statistics going back: one rule for each kind of node, from its output to its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gradlint.network import Kind, Node
from gradlint.propagation import attention, combining, matmul, normalization, pooling, recurrent, reshaping
from gradlint.propagation.context import Context, NotModelled, Weights, describe
from gradlint.propagation.dead import RECTIFIERS
from gradlint.propagation.finite_width import after_function, after_weights
from gradlint.propagation.forward import correlation, dropout_rate, fan_in
from gradlint.propagation.functions import Key, key_of
from gradlint.propagation.geometry import axis_size, entries, taps
from gradlint.propagation.moments import Moments, moments
from gradlint.propagation.signal import NONE, Gradient, strength

Rule = Callable[[Node, Gradient, Context], list[Gradient]]


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
        alike=gradient.alike * samples,
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
    Kind.RESHAPE: reshaping.backward,
    Kind.ADD: combining.add_back,
    Kind.CONCATENATE: combining.concatenate_back,
    Kind.MULTIPLY: combining.multiply_back,
    Kind.MATMUL: matmul.backward,
    Kind.STOP: nothing,
    Kind.LOSS: same,
    Kind.OPAQUE: nothing,
}
