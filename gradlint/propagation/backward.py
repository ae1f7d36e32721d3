"""Gradient statistics going back: one rule for each kind of node, from its output to its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from gradlint.network import Kind, Node
from gradlint.propagation import attention, combining, matmul, normalization, pooling, recurrent, reshaping
from gradlint.propagation.context import Context, Drawn, NotModelled, describe
from gradlint.propagation.dead import RECTIFIERS
from gradlint.propagation.finite_width import after_function, of_weights
from gradlint.propagation.forward import Passage, drawn, dropout_rate, passage
from gradlint.propagation.functions import Key, key_of
from gradlint.propagation.geometry import Extent, entries, extent
from gradlint.propagation.moments import Moments, moments
from gradlint.propagation.signal import NONE, Gradient, ln

Rule = Callable[[Node, Gradient, Context], list[Gradient]]


def transposed(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """W^T g: the squared L2 norm grows by weight variance times fan-in, of taps that fall inside the input."""
    found = context.drawn.get(node)
    if found is None or context.standing_in:
        found = drawn(node, context)
    weights = found.weights
    if weights.family == "identity":
        return [gradient.times(weights.gain**2)]
    source = node.inputs[0]
    before = context.signals[source]
    place = extent(source.shape, before.channel)
    factor = found.fan * weights.variance
    if weights.mean:
        log, work, units = _pulled(node, gradient, found, factor)
    elif factor > 0.0:
        log, work = _along_signal(node, gradient, found, place, context)
        units = 0.0
    else:
        return [NONE]
    spread, overlap, local, width = gradient.spread, gradient.overlap, gradient.local, place.units
    if width > 1:
        spread += of_weights(node, weights, overlap, local, width, context)
        overlap += (1.0 - overlap) / width
        local += (1.0 - local) / width
    return [
        Gradient(
            log, spread, gradient.samples, gradient.positions, units, overlap, local, work, 0.0, 1.0, gradient.alike
        )
    ]


def convolved(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Through a convolution: to its input, and to a kernel that is computed and no parameter."""
    found = transposed(node, gradient, context)
    return found if len(node.inputs) == 1 else [*found, _to_kernel(node, gradient, context)]


def _to_kernel(node: Node, gradient: Gradient, context: Context) -> Gradient:
    """DK = sum of g x over samples and positions, of x that the kernel's taps meet: alike ones add up."""
    signal = context.signals[node.inputs[0]]
    layer = drawn(node, context)
    shape = node.shape or ()
    samples = float(shape[0]) - 1.0 if shape else 0.0
    places = extent(node.shape, node.get("channel_axis", 1)).places - 1.0
    alike, apart = max(gradient.samples, 0.0), max(gradient.positions, 0.0)
    together = signal.square + places * apart * signal.positions
    together += samples * alike * (signal.samples + places * apart * signal.apart)
    return gradient.changed(layer.fan * max(together, 0.0), 0.0, 0.0, 0.0, 0.0, 0.0)


def _pulled(node: Node, gradient: Gradient, found: Drawn, factor: float) -> tuple[float, float, float]:
    """`log`, `work` and `units` of a gradient before weights whose mean is not zero."""
    weights = found.weights
    outputs = entries(node) * found.units / max(entries(node.inputs[0]), 1) if node.shape else 1.0
    width = _units_out(node) or max(outputs, 1.0)
    pull = found.fan * weights.mean**2 * (1.0 + (width - 1.0) * max(gradient.units, 0.0))
    total = factor + pull
    if total <= 0.0:
        return -math.inf, 0.0, 0.0
    return gradient.log + ln(total), gradient.work / math.sqrt(total), pull / total


def _along_signal(node: Node, gradient: Gradient, found: Drawn, place: Extent, context: Context) -> tuple[float, float]:
    """`log` and `work` of a gradient before weights, its component along the signal apart: (W^T g) x = g (W x).

    Of a random vector that component is 1 / n of the squared norm; here it is what the inner product
    of gradient and signal, the same before and after the weights, makes it.
    """
    before, after = context.signals[node.inputs[0]], context.signals[node]
    factor = found.fan * found.weights.variance
    _, _, places, of_sample = place
    norm = of_sample * before.square
    if norm <= 0.0 or after.square <= 0.0 or node.shape is None:
        return gradient.log + math.log(factor), gradient.work / math.sqrt(factor)
    random = factor / found.units
    if places > 1.0:
        alike = gradient.positions * before.positions / before.square
        random *= (1.0 + (places - 1.0) * alike) / places if alike > 0.0 else 1.0 / places
    # A bias has its share of the product as well.
    work = gradient.work * min(factor * before.square / after.square, 1.0)
    total = (factor - random if factor > random else 0.0) + work * work / norm
    return gradient.log + math.log(total), work / math.sqrt(total)


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
    Kind.CONVOLUTION: convolved,
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
