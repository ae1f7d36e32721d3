"""Rectifier units that are zero for every input."""

from __future__ import annotations

import math

from gradlint.network import Kind, Network, Node
from gradlint.propagation.context import Context
from gradlint.propagation.quadrature import cumulative

# Rectifiers whose slope below zero is none, so that a unit can be dead.
RECTIFIERS = frozenset({"relu", "relu6", "threshold"})
# A unit counts as dead when zero lies this many standard deviations (over inputs) above its mean.
_DEVIATIONS = 3.0


def dead_shares(network: Network, context: Context) -> dict[int, float]:
    """The share of dead units behind each weighted layer that a rectifier follows, by identity of the layer.

    Over inputs, a unit is Gaussian around a mean of its own: the means have variance c - mean^2 over units,
    the values have variance q - c around them.
    """
    shares: dict[int, float] = {}
    if not any(node.kind is Kind.ACTIVATION and node.get("function") in RECTIFIERS for node in network.nodes):
        return shares
    varying: set[int] = set()
    for node in network.nodes:
        if node.kind is Kind.INPUT:
            varying.add(id(node))
        for source in node.inputs:
            if id(source) in varying:
                varying.add(id(node))
                break
        else:
            continue  # a function of constants, such as a table of positions, varies over its entries instead
        if node.kind is not Kind.ACTIVATION or node.get("function") not in RECTIFIERS or node.get("negative_slope"):
            continue
        layer = _layer_before(node)
        signal = context.signals.get(id(node.inputs[0]))
        if layer is None or signal is None:
            continue
        within = math.sqrt(max(signal.square - signal.samples, 0.0))
        between = math.sqrt(max(signal.samples - signal.mean**2, 0.0))
        distance = float(node.get("threshold", 0.0) or 0.0) - signal.mean - _DEVIATIONS * within
        if between > 0.0:
            shares[id(layer)] = cumulative(distance / between)
        else:
            shares[id(layer)] = 1.0 if distance > 0.0 else 0.0
    return shares


def _layer_before(node: Node) -> Node | None:
    while node.inputs:
        node = node.inputs[0]
        if node.weighted:
            return node
    return None
