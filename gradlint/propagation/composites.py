"""Elementwise functions that are written out: x * sigmoid(x), 0.5 * x * (1 + tanh(...)), x / (1 + |x|).

Sums and products of functions of one tensor are not sums and products of independent ones; they are put
together to one function of that tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gradlint.network import Kind, Network, Node
from gradlint.propagation.functions import FORMS, Key, Tree, composite, key_of, size_of_tree

_LARGEST = 40
_VARIABLE: Tree = ("x",)


class Composite(NamedTuple):
    """A node that is a function of one earlier node."""

    root: Node
    key: Key


class _Expression(NamedTuple):
    root: Node
    tree: Tree


def composites(network: Network) -> Mapping[Node, Composite]:
    """The sums and products of functions of one tensor."""
    found: dict[Node, Composite] = {}
    expressions: dict[Node, _Expression] = {}
    roots: dict[Node, Node] = {}
    for node in [node for node in network.nodes if node.kind in _COMBINING]:
        root = _common_root(node, roots)
        if root is None:
            continue
        roots[node] = root
        if sum(n.kind is not Kind.CONSTANT for n in node.inputs) < 2:
            continue
        expression = _expression(node, expressions, roots)
        if expression.root is not node and expression.tree != _VARIABLE:
            found[node] = Composite(expression.root, composite(expression.tree))
    return found


_COMBINING = frozenset({Kind.ADD, Kind.MULTIPLY})
_ACTIVATION, _RESHAPE, _CONSTANT = Kind.ACTIVATION, Kind.RESHAPE, Kind.CONSTANT
_CARRYING = ("identity", "cast")
"""Reshapes that change nothing."""


def _is_function(node: Node) -> bool:
    """Whether a node is an elementwise function of its one input."""
    kind = node.kind
    if kind is _ACTIVATION:
        return node.attributes.get("function") in FORMS
    return kind is _RESHAPE and node.attributes.get("operation") in _CARRYING and bool(node.inputs)


def _root(node: Node, roots: Mapping[Node, Node]) -> Node:
    """What a node is a function of: where a chain of functions begins, or the node itself."""
    while True:
        if node in roots:
            return roots[node]
        if not _is_function(node):
            return node
        node = node.inputs[0]


def _common_root(node: Node, roots: Mapping[Node, Node]) -> Node | None:
    """The one tensor that a sum or product is a function of; None where it is that of none but itself."""
    common: Node | None = None
    for operand in node.inputs:
        if operand.kind is not _CONSTANT or _number(operand) is None:
            root = _root(operand, roots)
            if common is not None and root is not common:
                return None
            common = root
    return common if common is not None and common.shape is not None and common.shape == node.shape else None


def _number(node: Node) -> float | None:
    """The value of a constant that is one number everywhere."""
    value = node.attributes.get("value") if node.kind is Kind.CONSTANT else None
    return float(value) if isinstance(value, (int, float)) else None


def _expression(node: Node, known: dict[Node, _Expression], roots: Mapping[Node, Node]) -> _Expression:
    """The node as a function of its root, or of itself where that would be too long."""
    if node not in known:
        found = _written_out(node, known, roots) if node in roots or _is_function(node) else None
        known[node] = found or _Expression(node, _VARIABLE)
    return known[node]


def _written_out(node: Node, known: dict[Node, _Expression], roots: Mapping[Node, Node]) -> _Expression | None:
    if node.kind is Kind.RESHAPE:
        return _expression(node.inputs[0], known, roots)
    if node.kind is Kind.ACTIVATION:
        key = key_of(node)
        inner = _expression(node.inputs[0], known, roots)
        return _limited(inner.root, ("f", key, inner.tree))
    parts: list[Tree] = []
    common: set[Node] = set()
    root = node
    for operand in node.inputs:
        value = _number(operand)
        if value is not None:
            parts.append(("c", value))
            continue
        inner = _expression(operand, known, roots)
        root = inner.root
        common.add(root)
        parts.append(inner.tree)
    if len(common) != 1 or root.shape != node.shape or root.shape is None:
        return None
    if node.kind is Kind.MULTIPLY:
        constant = node.get("constant")
        if isinstance(constant, (int, float)) and constant != 1.0:
            parts.append(("c", float(constant)))
        return _limited(root, ("*", *parts))
    coefficients = node.get("coefficients") or (1.0,) * len(parts)
    terms = [p if a == 1.0 else ("*", ("c", float(a)), p) for a, p in zip(coefficients, parts, strict=True)]
    if node.get("constant"):
        terms.append(("c", float(node.get("constant"))))
    return _limited(root, ("+", *terms))


def _limited(root: Node, tree: Tree) -> _Expression | None:
    return _Expression(root, tree) if size_of_tree(tree) <= _LARGEST else None
