"""Questions about the shape of a network: what follows a layer, which activations are hidden, what is a gate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from gradlint.network import Kind, Network, Node
from gradlint.network.activations import SOFTMAX_LIKE

PASSING = frozenset({Kind.NORMALIZATION, Kind.DROPOUT, Kind.RESHAPE, Kind.POOLING})
"""What stands between a layer and the activation that belongs to it."""
MATRICES = frozenset({Kind.LINEAR, Kind.CONVOLUTION})
_PLAIN_SOFTMAX = frozenset({"softmax", "softmin"})
_GATED = frozenset({Kind.MULTIPLY, Kind.MATMUL})


class Structure:
    """The nodes of a network with their users. All answers are in the order in which the nodes run."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.users: dict[Node, list[Node]] = {}
        for node in network.nodes:
            for operand in node.inputs:
                self.users.setdefault(operand, []).append(node)

    def users_of(self, node: Node) -> list[Node]:
        """The nodes that take in the output of `node`."""
        return self.users.get(node, [])

    @cached_property
    def before_weights(self) -> frozenset[Node]:
        """The nodes that a layer with weights comes after."""
        found: set[Node] = set()
        for node in reversed(self.network.nodes):
            if node.weighted or node in found:
                found.update(operand for operand in node.inputs)
        return frozenset(found)

    @cached_property
    def after_weights(self) -> frozenset[Node]:
        """The nodes that come after a layer with weights."""
        found: set[Node] = set()
        for node in self.network.nodes:
            if any(operand.weighted or operand in found for operand in node.inputs):
                found.add(node)
        return frozenset(found)

    @cached_property
    def hidden(self) -> tuple[Node, ...]:
        """Activations between layers with weights that are neither gates nor softmaxes."""
        return tuple(
            node
            for node in self.network.nodes
            if node.kind is Kind.ACTIVATION
            and node.get("function") not in SOFTMAX_LIKE
            and node in self.before_weights
            and node in self.after_weights
            and not self.is_gate(node)
        )

    @cached_property
    def softmaxes(self) -> tuple[Node, ...]:
        """Softmaxes between layers with weights that choose nothing: no attention, routing, gate or output."""
        outputs = set(self.network.outputs)
        return tuple(
            node
            for node in self.network.nodes
            if node.kind is Kind.ACTIVATION
            and node.get("function") in _PLAIN_SOFTMAX
            and node not in outputs
            and self.layer_of(node) is not None
            and self._only_feeds_layers(node)
        )

    def _only_feeds_layers(self, node: Node) -> bool:
        users = self.users_of(node)
        return bool(users) and all(
            # Attention weights may be mixed by a layer before they are used (talking heads).
            (user.kind in MATRICES and user.weighted and not self.is_gate(user))
            or (user.kind in PASSING and self._only_feeds_layers(user))
            for user in users
        )

    def is_gate(self, node: Node) -> bool:
        """Whether everything that uses `node` multiplies something by it, or by a function of it.

        The gradient then has another way. Gates are such, sums of gates, and normalizations that are written by hand.
        """
        users = self.users_of(node)
        if not users:
            return False
        for user in users:
            passes = user.kind in PASSING or user.kind in (Kind.ACTIVATION, Kind.ADD, Kind.CONCATENATE)
            if user.kind not in _GATED and not (passes and self.is_gate(user)):
                return False
        return True

    def layer_of(self, activation: Node) -> Node | None:
        """The layer with weights whose output `activation` takes, through normalization and the like."""
        node = activation.inputs[0] if activation.inputs else None
        while node is not None and node.kind in PASSING:
            node = node.inputs[0] if node.inputs else None
        return node if node is not None and node.weighted else None

    def activation_of(self, layer: Node) -> Node | None:
        """The activation that takes the output of `layer`, or None for a linear layer."""
        for node in self.onwards(layer):
            if node.kind is Kind.ACTIVATION:
                return node
            if node.kind not in PASSING:
                return None
        return None

    def onwards(self, node: Node) -> Iterator[Node]:
        """The first user of `node`, the first user of that, and so on."""
        users = self.users_of(node)
        while users:
            yield users[0]
            users = self.users_of(users[0])

    def normalized_before(self, activation: Node) -> bool:
        """Whether there is a normalization between an activation and its layer."""
        node = activation.inputs[0]
        while node.kind in PASSING and node.inputs:
            if node.kind is Kind.NORMALIZATION:
                return True
            node = node.inputs[0]
        return False

    @cached_property
    def additions(self) -> tuple[Node, ...]:
        """Skip connections: sums of two tensors of one shape that both come after weights."""
        return tuple(
            node
            for node in self.network.nodes
            if node.kind is Kind.ADD and sum(n.weighted or n in self.after_weights for n in node.inputs) > 1
        )

    @cached_property
    def normalizations(self) -> tuple[Node, ...]:
        """Normalizations on the way to a layer with weights."""
        return tuple(
            node for node in self.network.nodes if node.kind is Kind.NORMALIZATION and node in self.before_weights
        )
