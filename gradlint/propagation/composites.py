"""Elementwise functions that are written out: x * sigmoid(x), 0.5 * x * (1 + tanh(...)), x / (1 + |x|).

Sums and products of functions of one tensor are not sums and products of independent ones; they are put
together to one function of that tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gradlint.network import Kind, Network, Node
from gradlint.propagation.functions import Key, Tree, composite, key_of, size_of_tree

_LARGEST = 40
_VARIABLE: Tree = ("x",)


class Composite(NamedTuple):
    """A node that is a function of one earlier node."""

    root: Node
    key: Key


class _Expression(NamedTuple):
    root: Node
    tree: Tree


def composites(network: Network) -> Mapping[int, Composite]:
    """The sums and products of functions of one tensor, by identity of the node."""
    found: dict[int, Composite] = {}
    expressions: dict[int, _Expression] = {}
    roots: dict[int, Node] = {}
    for node in network.nodes:
        root = _root(node, roots) if node.kind in _FUNCTIONS else None
        if root is None:
            continue
        roots[id(node)] = root
        joins = node.kind in _JOINING and sum(n.kind is not Kind.CONSTANT for n in node.inputs) > 1
        if joins:
            expression = _expression(node, expressions, roots)
            if expression.root is not node and expression.tree != _VARIABLE:
                found[id(node)] = Composite(expression.root, composite(expression.tree))
    return found


_JOINING = (Kind.ADD, Kind.MULTIPLY)
_CARRYING = ("identity", "cast")
_FUNCTIONS = frozenset({Kind.ACTIVATION, Kind.RESHAPE, Kind.ADD, Kind.MULTIPLY})
"""What can be a function of one tensor."""


def _root(node: Node, roots: Mapping[int, Node]) -> Node | None:
    """The one tensor that a node is a function of; None where it is that of none but itself."""
    kind = node.kind
    if kind is Kind.ACTIVATION:
        if key_of(node) is None:
            return None
    elif kind is Kind.RESHAPE:
        if node.attributes.get("operation") not in _CARRYING or not node.inputs:
            return None
    elif kind not in _JOINING or not node.inputs:
        return None
    else:
        return _common_root(node, roots)
    source = node.inputs[0]
    return roots.get(id(source), source)


def _common_root(node: Node, roots: Mapping[int, Node]) -> Node | None:
    common: Node | None = None
    for operand in node.inputs:
        if _number(operand) is None:
            root = roots.get(id(operand), operand)
            if common is not None and root is not common:
                return None
            common = root
    return common if common is not None and common.shape is not None and common.shape == node.shape else None


def _number(node: Node) -> float | None:
    """The value of a constant that is one number everywhere."""
    value = node.attributes.get("value") if node.kind is Kind.CONSTANT else None
    return float(value) if isinstance(value, (int, float)) else None


def _expression(node: Node, known: dict[int, _Expression], roots: Mapping[int, Node]) -> _Expression:
    """The node as a function of its root, or of itself where that would be too long."""
    if id(node) not in known:
        found = _written_out(node, known, roots) if id(node) in roots else None
        known[id(node)] = found or _Expression(node, _VARIABLE)
    return known[id(node)]


def _written_out(node: Node, known: dict[int, _Expression], roots: Mapping[int, Node]) -> _Expression | None:
    if node.kind is Kind.RESHAPE:
        return _expression(node.inputs[0], known, roots)
    if node.kind is Kind.ACTIVATION:
        key = key_of(node)
        inner = _expression(node.inputs[0], known, roots)
        return _limited(inner.root, ("f", key, inner.tree))
    parts: list[Tree] = []
    common: set[int] = set()
    root = node
    for operand in node.inputs:
        value = _number(operand)
        if value is not None:
            parts.append(("c", value))
            continue
        inner = _expression(operand, known, roots)
        root = inner.root
        common.add(id(root))
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
