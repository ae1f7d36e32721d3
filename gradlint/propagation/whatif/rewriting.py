"""Making a new network from an old one, node by node; the old one stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gradlint.network import Distribution, Kind, Network, Node, Parameter

# A rule gets an old node and its copy over new inputs, and says what takes its place (None: the copy).
Rule = Callable[["Rewriting", Node, Node], Node | None]


class Rewriting:
    """One pass over a network: copies every node, and lets a rule replace or extend it.

    `users` maps the identity of an old node to the old nodes that use it.
    """

    def __init__(self, network: Network, rule: Rule) -> None:
        self.network = network
        self.nodes: list[Node] = []
        self.copies: dict[int, Node] = {}
        self.users: dict[int, list[Node]] = {}
        self._parameters: dict[int, Parameter] = {}
        self._replaced = False
        self._leading: frozenset[int] | None = None
        self._added: list[Parameter] = []
        for node in network.nodes:
            for operand in node.inputs:
                self.users.setdefault(id(operand), []).append(node)
        for node in network.nodes:
            copy = self._copy(node)
            other = rule(self, node, copy)
            self._replaced = self._replaced or other is not None
            self.copies[id(node)] = other or copy

    def result(self) -> Network:
        """The new network; nodes that nothing uses any more are gone."""
        outputs = tuple(self.copies[id(node)] for node in self.network.outputs)
        needed: set[int] = set()
        stack = list(outputs)
        while stack:
            node = stack.pop()
            if id(node) not in needed:
                needed.add(id(node))
                stack.extend(node.inputs)
        nodes = tuple(node for node in self.nodes if id(node) in needed)
        used_before = {id(p) for node in self.network.nodes for p in node.parameters.values()}
        used = {id(p) for node in nodes for p in node.parameters.values()}
        kept = [(p, self._parameters.get(id(p), p)) for p in self.network.parameters]
        parameters = tuple(new for old, new in kept if id(new) in used or id(old) not in used_before)
        return replace(
            self.network,
            nodes=nodes,
            inputs=tuple(self.copies[id(node)] for node in self.network.inputs),
            outputs=outputs,
            parameters=parameters + tuple(self._added),
        )

    def changed(self) -> bool:
        """Whether anything is other than it was."""
        return self._replaced or any(_differ(node, self.copies[id(node)]) for node in self.network.nodes)

    def _copy(self, node: Node) -> Node:
        copies = self.copies
        copy = Node(
            node.kind,
            tuple([copies[id(operand)] for operand in node.inputs]),
            node.shape,
            node.attributes,
            {role: self.parameter(p) for role, p in node.parameters.items()} if node.parameters else {},
            node.class_name,
            node.name,
            node.origin,
            node.layer,
            len(self.nodes),
            node.gradients_off,
        )
        self.nodes.append(copy)
        return copy

    def parameter(self, old: Parameter) -> Parameter:
        """The copy of a parameter, one for all nodes that share it."""
        if id(old) not in self._parameters:
            self._parameters[id(old)] = replace(old, history=list(old.history))
        return self._parameters[id(old)]

    def replaced(self, old: Parameter, new: Parameter) -> Parameter:
        """Let a parameter of another shape take the place of an old one, in all nodes that share it."""
        known = self._parameters.get(id(old))
        if known is None or known.shape != new.shape:
            self._parameters[id(old)] = new
        return self._parameters[id(old)]

    def add(
        self,
        kind: Kind,
        inputs: tuple[Node, ...],
        attributes: Mapping[str, Any],
        like: Node,
        parameters: Mapping[str, Parameter] | None = None,
    ) -> Node:
        """Append a node with the shape and the origin of `like`."""
        node = Node(kind, inputs, like.shape, attributes, parameters or {}, origin=like.origin, order=len(self.nodes))
        self.nodes.append(node)
        self._added.extend((parameters or {}).values())
        return node

    def adopt(self, parameter: Parameter) -> Parameter:
        """Make a parameter one of the new network's."""
        self._added.append(parameter)
        return parameter

    def initialize(self, node: Node, role: str, distribution: Distribution) -> None:
        """Give a parameter of a copied node another distribution."""
        if role in node.parameters:
            node.parameters[role].distribution = distribution

    def leads_to_weights(self, node: Node) -> bool:
        """Whether a weighted layer comes after an old node."""
        if self._leading is None:
            found: set[int] = set()
            for later in reversed(self.network.nodes):
                if later.weighted or id(later) in found:
                    found.update(id(operand) for operand in later.inputs)
            self._leading = frozenset(found)
        return id(node) in self._leading


def _differ(old: Node, new: Node) -> bool:
    """Whether a node computes something else than before, or from other weights."""
    if old.kind is not new.kind or len(old.inputs) != len(new.inputs) or old.attributes != new.attributes:
        return True
    if old.parameters.keys() != new.parameters.keys():
        return True
    return any(
        parameter.shape != new.parameters[role].shape
        or (
            parameter.distribution is not new.parameters[role].distribution
            and _drawn(parameter.distribution) != _drawn(new.parameters[role].distribution)
        )
        for role, parameter in old.parameters.items()
    )


def _drawn(distribution: Distribution) -> tuple[object, ...]:
    """What says how entries are drawn, whoever wrote it and how."""
    parts = tuple((window, part.family, part.mean, part.std) for window, part in distribution.parts)
    return distribution.family, distribution.mean, distribution.std, parts
