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
    expressions: dict[int, _Expression] = {}
    found: dict[int, Composite] = {}
    for node in network.nodes:
        expression = _expression(node, expressions)
        expressions[id(node)] = expression or _Expression(node, _VARIABLE)
        joins = node.kind in (Kind.ADD, Kind.MULTIPLY) and sum(n.kind is not Kind.CONSTANT for n in node.inputs) > 1
        if expression is not None and joins and expression.tree != _VARIABLE:
            found[id(node)] = Composite(expression.root, composite(expression.tree))
    return found


def _expression(node: Node, known: Mapping[int, _Expression]) -> _Expression | None:
    """The node as a function of one earlier one; None where it is not."""
    if node.kind is Kind.RESHAPE and node.get("operation") in ("identity", "cast") and node.inputs:
        return known[id(node.inputs[0])]
    if node.kind is Kind.ACTIVATION:
        key = key_of(node)
        if key is None:
            return None
        inner = known[id(node.inputs[0])]
        return _limited(inner.root, ("f", key, inner.tree))
    if node.kind not in (Kind.ADD, Kind.MULTIPLY) or not node.inputs:
        return None
    parts: list[Tree] = []
    roots: list[Node] = []
    for operand in node.inputs:
        value = operand.get("value") if operand.kind is Kind.CONSTANT else None
        if isinstance(value, (int, float)):
            parts.append(("c", float(value)))
            continue
        inner = known[id(operand)]
        roots.append(inner.root)
        parts.append(inner.tree)
    root = roots[0] if roots else None
    if root is None or any(other is not root for other in roots) or root.shape != node.shape or root.shape is None:
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
