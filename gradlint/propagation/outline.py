"""What the passes need to know of a network before they start, found in one walk over its nodes."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gradlint.network import Kind, Network, Node
from gradlint.network.graph import WEIGHTED
from gradlint.propagation.dead import RECTIFIERS

_ACTIVATION, _INPUT = Kind.ACTIVATION, Kind.INPUT
_SCALING = frozenset({Kind.MULTIPLY, Kind.ADD})
_SELECTIVE = frozenset({Kind.STOP, Kind.EMBEDDING, Kind.LOSS, Kind.RESHAPE})
"""Nodes whose inputs are not all alike to a gradient."""
_ENDING = frozenset({Kind.STOP, Kind.EMBEDDING})
"""Those where it ends."""
_PIXEL_SCALE = 0.02


@dataclass(slots=True)
class Outline:
    """The nodes of a network by what they are to a propagation.

    `weighted` are the weighted layers, `leading` the nodes that are, or come after, one. `fixed` are those that depend
    on no input, `pixels` the inputs that are taken as pixels from 0 to 255: those that are scaled by 1/255 or so.
    `rectifiers` are the activations that can be dead. `open` says that gradients go from every node to all its inputs.
    """

    weighted: tuple[Node, ...]
    leading: AbstractSet[Node]
    fixed: AbstractSet[Node]
    pixels: AbstractSet[Node]
    rectifiers: tuple[Node, ...]
    open: bool


def outline(network: Network) -> Outline:
    """Walk over the nodes once."""
    weighted: list[Node] = []
    rectifiers: list[Node] = []
    leading: set[Node] = set()
    fixed: set[Node] = set()
    pixels: set[Node] = set()
    open_ = True
    for node in network.nodes:
        kind, operands = node.kind, node.inputs
        if kind in WEIGHTED and node.parameters:
            weighted.append(node)
            leading.add(node)
        elif not leading.isdisjoint(operands):
            leading.add(node)
        elif kind in _SCALING and _scales_pixels(node):
            pixels.add(operands[0])
        if not operands:
            if kind is not _INPUT:
                fixed.add(node)
        elif fixed and fixed.issuperset(operands):
            fixed.add(node)
        if kind is _ACTIVATION and node.attributes.get("function") in RECTIFIERS:
            rectifiers.append(node)
        if node.gradients_off is not None or kind in _ENDING or (len(operands) > 1 and carrying(node) is not operands):
            open_ = False
    return Outline(tuple(weighted), leading, fixed, pixels, tuple(rectifiers), open_)


def carrying(node: Node) -> tuple[Node, ...]:
    """The inputs that a gradient goes on to: not indices, masks and targets, nor what is behind a stop."""
    kind, operands = node.kind, node.inputs
    if kind not in _SELECTIVE:
        return operands
    if kind in _ENDING:
        return ()
    if len(operands) > 1 and (kind is Kind.LOSS or node.attributes.get("operation") != "where"):
        return operands[:1]
    return operands


def _scales_pixels(node: Node) -> bool:
    operands = node.inputs
    return len(operands) == 1 and operands[0].kind is _INPUT and 0.0 < abs(_factor(node)) < _PIXEL_SCALE


def _factor(node: Node) -> float:
    """The number that a node multiplies its one input by; 1 where it does something else."""
    if node.kind is Kind.MULTIPLY:
        value = node.get("constant")
    elif node.kind is Kind.ADD:
        value = next(iter(node.get("coefficients") or ()), None)
    else:
        value = None
    return float(value) if isinstance(value, (int, float)) else 1.0
