"""Weights that start at zero and are right: output layers and the last layers of residual branches.

With them gradients are exactly zero at the first step (Zhang et al. 2019, *Fixup*; Goyal et al. 2017), and
only there. A prediction looks past them, by standing in a layer of unit gain.
"""

from __future__ import annotations

from typing import NamedTuple

from gradlint.network import Kind, Network, Node
from gradlint.propagation.context import is_zero

_ROLES = ("weight", "value")


class Zeros(NamedTuple):
    """Nodes whose weights are zero, by what they are; zero layers that other layers build on are neither."""

    outputs: frozenset[Node]
    branches: frozenset[Node]


def zeros_of(network: Network) -> Zeros:
    """Find the layers that start at zero on purpose."""
    found = [node for node in network.nodes if node.parameters and _starts_at_zero(node)]
    users: dict[Node, list[Node]] = {}
    for node in network.nodes if found else ():
        for operand in node.inputs:
            users.setdefault(operand, []).append(node)
    outputs: set[Node] = set()
    branches: set[Node] = set()
    for node in found:
        role = _role(node, users)
        if role == "branch":
            branches.add(node)
        elif role == "output":
            outputs.add(node)
    return Zeros(frozenset(outputs), frozenset(branches))


def _starts_at_zero(node: Node) -> bool:
    parameter = next((node.parameters[role] for role in _ROLES if role in node.parameters), None)
    return parameter is not None and is_zero(parameter.distribution)


def _role(node: Node, users: dict[Node, list[Node]]) -> str:
    """What becomes of the output of a zero layer: it is added to something, is the output, or is built on."""
    seen: set[Node] = set()
    stack = [node]
    role = "output"
    while stack:
        current = stack.pop()
        for user in users.get(current, []):
            if user in seen:
                continue
            seen.add(user)
            if user.kind in (Kind.ADD, Kind.CONCATENATE) and len(user.inputs) > 1:
                role = "branch"
            elif user.weighted:
                return "built on"
            else:
                stack.append(user)
    return role
