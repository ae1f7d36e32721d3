"""How curved the loss is at initialization, and how large a step of gradient descent that allows.

The Gauss-Newton matrix of a mean squared error has the eigenvalues of the neural tangent kernel (Jacot et al.
2018; Karakida et al. 2019): the largest is, per output, what the gradients of two samples with respect to all
weights have in common. From a step of 2 / eigenvalue on the loss rises at first; a rectified network may still
find its way to a flatter place up to about six times that, and diverges beyond (Lewkowycz et al. 2020). That
holds for networks of plain layers; normalization makes weights scale-invariant, and a large step mends itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from gradlint.network import Kind, Network, Node
from gradlint.propagation.attention import SOFTMAX_LIKE
from gradlint.propagation.context import Context
from gradlint.propagation.forward import fan_in
from gradlint.propagation.geometry import axis_size, entries, taps
from gradlint.propagation.signal import Gradient

_PLAIN = frozenset(
    {
        Kind.INPUT, Kind.CONSTANT, Kind.LINEAR, Kind.CONVOLUTION, Kind.ACTIVATION, Kind.POOLING, Kind.DROPOUT,
        Kind.RESHAPE, Kind.ADD, Kind.CONCATENATE,
    }
)  # fmt: skip


def curvature(
    network: Network, outputs: Sequence[Node], gradients: Mapping[Node, Gradient], context: Context
) -> float | None:
    """Largest eigenvalue of the mean over samples of J^T J, J the derivative of the outputs by all weights.

    None where theory gives none: for networks with other than plain layers, several outputs, or outputs of
    more than one place.
    """
    if len(outputs) != 1 or outputs[0].shape is None or len(outputs[0].shape) != 2:
        return None
    if any(node.kind not in _PLAIN or node.get("function") in SOFTMAX_LIKE for node in network.nodes):
        return None
    seeds = math.log(entries(outputs[0]))
    total = 0.0
    for node in network.weighted:
        gradient = gradients.get(node)
        if gradient is None or node.shape is None:
            return None
        if gradient.log - seeds > math.log(1e300) or not node.parameters["weight"].trainable:
            continue
        total += math.exp(gradient.log - seeds) * _common(node, gradient, context)
    return total if math.isfinite(total) else None


def _common(node: Node, gradient: Gradient, context: Context) -> float:
    """What a layer's weight gradients of two samples have in common, over the squared gradient at its output."""
    source = context.signal(node.inputs[0])
    shape = node.shape or (1,)
    channel = context.signal(node).channel
    places = max(entries(node) / max(shape[0], 1) / axis_size(shape, channel), 1.0)
    fan = fan_in(node) * (taps(node).inside if node.kind is Kind.CONVOLUTION else 1.0)
    bias = 1.0 if "bias" in node.parameters else 0.0
    along = (places - 1.0) * max(gradient.positions, 0.0)
    same = fan * (source.square + along * source.positions) + bias * (1.0 + along)
    other = fan * (source.samples + along * source.apart) + bias * (1.0 + along)
    shared = gradient.alike * other
    # What differs between samples adds to it as in a random matrix (Marchenko and Pastur 1967).
    batch = float(context.settings.batch)
    edge = (1.0 + math.sqrt(batch * source.overlap)) ** 2 / batch
    return shared + edge * max(same - shared, 0.0)


def largest_learning_rate(curvature_: float, outputs: int, loss: str) -> float | None:
    """The step of plain gradient descent from which on the loss rises at first: 2 / eigenvalue.

    None for a loss without a known second derivative.

    `loss` as in a LOSS node, averaged over samples (and outputs, for a squared error). With momentum m it is
    1 + m times as large.
    """
    second = {"mse": 2.0 / outputs, "cross_entropy": 1.0 / outputs, "binary_cross_entropy_with_logits": 0.25 / outputs}
    if loss not in second or curvature_ <= 0.0:
        return None
    return 2.0 / (second[loss] * curvature_)
