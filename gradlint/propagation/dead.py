"""Rectifier units that are zero for every input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gradlint.network import Node
from gradlint.propagation.quadrature import cumulative

if TYPE_CHECKING:
    from gradlint.propagation.context import Context
    from gradlint.propagation.outline import Outline

# Rectifiers whose slope below zero is none, so that a unit can be dead.
RECTIFIERS = frozenset({"relu", "relu6", "threshold"})
# A unit counts as dead when zero lies this many standard deviations (over inputs) above its mean.
_DEVIATIONS = 3.0


def dead_shares(outline: Outline, context: Context) -> dict[Node, float]:
    """The share of dead units behind each weighted layer that a rectifier follows.

    Over inputs, a unit is Gaussian around a mean of its own: the means have variance c - mean^2 over units,
    the values have variance q - c around them.
    """
    shares: dict[Node, float] = {}
    for node in outline.rectifiers:
        if node in outline.fixed or node.attributes.get("negative_slope"):
            continue  # a function of constants, such as a table of positions, varies over its entries instead
        layer = _layer_before(node)
        signal = context.signals.get(node.inputs[0])
        if layer is None or signal is None:
            continue
        within = math.sqrt(max(signal.square - signal.samples, 0.0))
        between = math.sqrt(max(signal.samples - signal.mean**2, 0.0))
        distance = float(node.get("threshold", 0.0) or 0.0) - signal.mean - _DEVIATIONS * within
        if between > 0.0:
            shares[layer] = cumulative(distance / between)
        else:
            shares[layer] = 1.0 if distance > 0.0 else 0.0
    return shares


def _layer_before(node: Node) -> Node | None:
    while node.inputs:
        node = node.inputs[0]
        if node.weighted:
            return node
    return None
