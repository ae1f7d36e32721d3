"""The losses that a training loop minimizes, and what they are applied to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.checks._flow import flow, source_of
from gradlint.network import Framework, Kind, Network, Node, Origin, TrainingLoop
from gradlint.subjects import NetworkSubject, TrainingSubject

SIGMOIDS = frozenset({"sigmoid", "hard_sigmoid"})
SQUARED = frozenset({"mse"})
CROSS_ENTROPY = frozenset({"cross_entropy", "focal_cross_entropy"})
BINARY = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits", "binary_focal_cross_entropy"})


@dataclass(frozen=True, slots=True)
class Use:
    """A loss and what it is applied to: `output` is what made the entries of the prediction."""

    loss: Node
    output: Node

    @property
    def function(self) -> str:
        """The canonical name of the loss."""
        return str(self.loss.get("function"))

    @property
    def takes_logits(self) -> bool:
        """Whether the loss applies softmax or sigmoid itself; false also where that is not known."""
        return self.loss.get("from_logits") is True

    @property
    def takes_probabilities(self) -> bool:
        """Whether the loss takes probabilities; false also where that is not known."""
        return self.loss.get("from_logits") is False

    @property
    def name(self) -> str:
        """What the source calls the loss."""
        return self.loss.class_name.rpartition(".")[2]


def uses(loop: TrainingLoop) -> Iterator[Use]:
    """The losses that the gradient of a training loop starts from, each with every alternative of its prediction."""
    seen: set[int] = set()
    for objective in loop.objectives:
        for node in flow(objective).reached:
            if node.kind is Kind.LOSS and node.inputs and id(node) not in seen:
                seen.add(id(node))
                yield Use(node, source_of(node.inputs[0]))


def function_of(node: Node) -> str:
    """The canonical name of an activation; empty for any other node."""
    return str(node.get("function")) if node.kind is Kind.ACTIVATION else ""


def classes_of(node: Node) -> int | None:
    """The number of entries along the axis that a softmax runs over, or the last one; None where not known."""
    if node.shape is not None:
        axis = node.get("axis", -1)
        if isinstance(axis, int) and -len(node.shape) <= axis < len(node.shape):
            return node.shape[axis]
    source = source_of(node.inputs[0]) if node.inputs else node
    size = source.get("out_features")
    return size if isinstance(size, int) else None


def network_with(subject: TrainingSubject, node: Node) -> NetworkSubject | None:
    """The network of a training loop that `node` is part of: that with its layer, or else the only one."""
    for member in subject.networks:
        if counterpart(member.network, node) is not None:
            return member
    return subject.networks[0] if len(subject.networks) == 1 else None


def counterpart(network: Network, node: Node) -> Node | None:
    """The node of a network that stands for the same operation as `node` of a training loop."""
    for other in network.nodes:
        if other is node:
            return other
        if other.kind is not node.kind or other.get("function") != node.get("function"):
            continue
        if node.layer is not None and other.layer is node.layer:
            return other
        if node.layer is None and _same_place(node, other):
            return other
    return None


def _same_place(first: Node, second: Node) -> bool:
    return first.origin is not None and second.origin is not None and first.origin.syntax is second.origin.syntax


def place(*nodes: Node) -> Origin:
    """Where the first of `nodes` whose place is known comes from."""
    return next(node.origin for node in nodes if node.origin is not None)


def words(subject: TrainingSubject, torch: str, keras: str) -> str:
    """The words of the framework of a training loop."""
    return {Framework.TORCH: torch, Framework.KERAS: keras}[subject.loop.framework]
