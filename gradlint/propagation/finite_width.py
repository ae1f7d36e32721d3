"""How far a typical network of finite width lies below the mean: variance of the log of the squared norm.

Hanin and Nica 2020 (*Products of many large random matrices*): for one input, every layer adds
(3 kappa - 1) / width to the variance, kappa = E[phi'^4] / E[phi'^2]^2. Gradients of many samples and
positions fluctuate less the more directions they span: with cosines c between them the sum of squares has
the share E[c^2] of that variance, which grows by 1 / width a layer as directions are lost.
"""

from __future__ import annotations

from gradlint.network import Kind, Node
from gradlint.propagation.context import Context, Weights
from gradlint.propagation.geometry import extent


def alike(places: float, overlap: float, local: float, batch: float) -> float:
    """E[cos^2] between the gradients of two random samples and positions of a batch, in `places` of one sample."""
    within = (1.0 + (places - 1.0) * local) / places
    return (within + (batch - 1.0) * overlap) / batch


def of_weights(node: Node, weights: Weights, overlap: float, local: float, width: int, context: Context) -> float:
    """What one random matrix of weights over `width` units adds to the spread."""
    if weights.family == "orthogonal" and node.kind is Kind.LINEAR:
        return 0.0
    places = extent(node.shape, context.signals[node].channel).places
    return 2.0 * alike(places, overlap, local, context.settings.batch) / width


def after_function(node: Node, spread: float, overlap: float, local: float, kappa: float, context: Context) -> float:
    """The spread with what the random slopes of one layer of activations contribute."""
    if node.shape is None:
        return spread
    _, width, places, _ = extent(node.shape, context.signals[node].channel)
    if width <= 1:
        return spread
    share = alike(places, overlap, local, context.settings.batch)
    # Of n units the kurtosis cannot be seen to be more than n, however heavy the tail.
    return spread + share * 3.0 * ((kappa if kappa < width else width) - 1.0) / width
