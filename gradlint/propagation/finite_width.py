"""How far a typical network of finite width lies below the mean: variance of the log of the squared norm.

Hanin and Nica 2020 (*Products of many large random matrices*): for one input, every layer adds
(3 kappa - 1) / width to the variance, kappa = E[phi'^4] / E[phi'^2]^2. Gradients of many samples and
positions fluctuate less the more directions they span: with cosines c between them the sum of squares has
the share E[c^2] of that variance, which grows by 1 / width a layer as directions are lost.
"""

from __future__ import annotations

from gradlint.network import Kind, Node
from gradlint.propagation.context import Context, Weights
from gradlint.propagation.geometry import axis_size, entries
from gradlint.propagation.signal import Gradient


def alike(node: Node, gradient: Gradient, context: Context) -> float:
    """E[cos^2] between the gradients of two random samples and positions of a batch."""
    channel = context.signal(node).channel
    width = axis_size(node.shape, channel)
    batch = float(context.settings.batch)
    positions = 1.0
    if node.shape is not None:
        positions = max(entries(node) / max(node.shape[0], 1) / width, 1.0)
    within = (1.0 + (positions - 1.0) * gradient.local) / positions
    return (within + (batch - 1.0) * gradient.overlap) / batch


def after_weights(node: Node, gradient: Gradient, weights: Weights, context: Context) -> Gradient:
    """Add what one random weight matrix contributes."""
    source = node.inputs[0]
    width = float(axis_size(source.shape, context.signal(source).channel)) if source.shape is not None else 0.0
    if width <= 1.0:
        return gradient
    overlap = gradient.overlap + (1.0 - gradient.overlap) / width
    local = gradient.local + (1.0 - gradient.local) / width
    if weights.family == "orthogonal" and node.kind is Kind.LINEAR:
        return gradient._replace(overlap=overlap, local=local)
    share = alike(node, gradient, context)
    return gradient._replace(spread=gradient.spread + 2.0 * share / width, overlap=overlap, local=local)


def after_function(node: Node, gradient: Gradient, kappa: float, context: Context) -> Gradient:
    """Add what the random slopes of one layer of activations contribute."""
    width = float(axis_size(node.shape, context.signal(node).channel)) if node.shape is not None else 0.0
    if width <= 1.0:
        return gradient
    share = alike(node, gradient, context)
    # Of n units the kurtosis cannot be seen to be more than n, however heavy the tail.
    return gradient._replace(spread=gradient.spread + share * 3.0 * (min(kappa, width) - 1.0) / width)
