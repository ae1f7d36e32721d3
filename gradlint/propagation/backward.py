"""Gradient statistics going back: one rule for each kind of node, from its output to its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gradlint.network import Kind, Node
from gradlint.propagation import attention, combining, matmul, normalization, pooling, recurrent, reshaping
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.dead import RECTIFIERS
from gradlint.propagation.finite_width import after_function, after_weights
from gradlint.propagation.forward import Passage, drawn, dropout_rate, passage
from gradlint.propagation.functions import Key, key_of
from gradlint.propagation.geometry import entries, extent
from gradlint.propagation.moments import Moments, moments
from gradlint.propagation.signal import NONE, Gradient, ln

Rule = Callable[[Node, Gradient, Context], list[Gradient]]


def transposed(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """W^T g: the squared L2 norm grows by weight variance times fan-in, of taps that fall inside the input."""
    found = context.drawn.get(node)
    if found is None or context.standing_in:
        found = drawn(node, context)
    weights, fan, inputs = found.weights, found.fan, found.units
    if weights.family == "identity":
        return [gradient.times(weights.gain**2)]
    factor = fan * weights.variance
    units = 0.0
    if weights.mean:
        outputs = entries(node) * inputs / max(entries(node.inputs[0]), 1) if node.shape else 1.0
        width = _units_out(node) or max(outputs, 1.0)
        pull = fan * weights.mean**2 * (1.0 + (width - 1.0) * max(gradient.units, 0.0))
        units = pull / (factor + pull) if factor + pull > 0.0 else 0.0
        factor += pull
    log, work = gradient.log + ln(factor), gradient.work / math.sqrt(factor) if factor > 0.0 else 0.0
    if not weights.mean and node.shape is not None and factor > 0.0:
        log, work = _along_signal(node, gradient, log, work, factor, inputs, context)
    spread, overlap, local = after_weights(node, gradient, weights, context)
    return [
        Gradient(
            log, spread, gradient.samples, gradient.positions, units, overlap, local, work, 0.0, 1.0, gradient.alike
        )
    ]


def _along_signal(
    node: Node, gradient: Gradient, log: float, work: float, factor: float, inputs: int, context: Context
) -> tuple[float, float]:
    """Correct the gradient's component along the signal, which is not random: (W^T g) x = g (W x).

    Of a random vector that component is 1 / n of the squared norm; here it is what the inner product
    of gradient and signal, the same before and after the weights, makes it.
    """
    source = node.inputs[0]
    before, after = context.signals[source], context.signals[node]
    _, _, places, of_sample = extent(source.shape, before.channel)
    norm = of_sample * before.square
    if norm <= 0.0 or after.square <= 0.0:
        return log, work
    random = factor / inputs
    if places > 1.0:
        alike = max(gradient.positions * before.positions / before.square, 0.0)
        random *= (1.0 + (places - 1.0) * alike) / places
    # A bias has its share of the product as well.
    work = gradient.work * min(factor * before.square / after.square, 1.0)
    total = max(factor - random, 0.0) + work * work / norm
    return log + math.log(total / factor), work / math.sqrt(total)


def _units_out(node: Node) -> float:
    value = node.get("out_features", node.get("out_channels"))
    return float(value) if isinstance(value, (int, float)) else 0.0


def activation(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """phi'(z) g, where pooling may have chosen the entries."""
    found = context.passages.get(node) if gradient.selected is None else None
    if found is not None:
        return [_through(node, found, gradient, context)]
    special = attention.SOFTMAX_LIKE_BACK.get(node.attributes.get("function", ""))
    if special is not None:
        return [special(node, context.signal(node.inputs[0]), gradient)]
    key = key_of(node)
    if key is None:
        raise NotModelled(f"the derivative of {describe(node)} is not known")
    return [through_function(node, node.inputs[0], key, gradient, context)]


def through_function(node: Node, source: Node, key: Key, gradient: Gradient, context: Context) -> Gradient:
    """The gradient behind an elementwise function of `source`, before it."""
    found = context.passages.get(node)
    if gradient.selected is not None or found is None:
        signal = context.signals[source]
        mean, variance = gradient.selected or (signal.mean, signal.variance)
        found = passage(moments(key, mean, variance), signal)
    return _through(node, found, gradient, context)


def _through(node: Node, found: Passage, gradient: Gradient, context: Context) -> Gradient:
    """The gradient before what becomes of it in `found`."""
    result, samples, positions = found.moments, found.samples, found.positions
    chi = result.chi
    if chi <= 0.0:
        return NONE
    if chi == 1.0 and result.kappa == 1.0:
        return gradient
    luck = 1.0 if gradient.luck == 1.0 else min(gradient.luck, max(1.0 / chi, 1.0))
    overlap, local = gradient.overlap * samples * samples, gradient.local * positions * positions
    return Gradient(
        gradient.log + math.log(chi * luck),
        after_function(node, gradient.spread, overlap, local, result.kappa, context),
        gradient.samples * samples,
        gradient.positions * positions,
        gradient.units * found.units,
        overlap,
        local,
        _work(gradient.work, result) / math.sqrt(luck),
        chi if node.attributes.get("function") in RECTIFIERS else 0.0,
        1.0,
        gradient.alike * samples,
    )


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
    positions = gradient.positions if whole else gradient.positions * (1.0 - rate)
    factor = 1.0 / (1.0 - rate)
    return [
        gradient.changed(factor, gradient.samples, positions, gradient.units, gradient.overlap, gradient.local),
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
    Kind.LINEAR: transposed,
    Kind.CONVOLUTION: transposed,
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
