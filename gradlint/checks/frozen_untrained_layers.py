"""Layers that are frozen at their random initialization, in front of others that are trained."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._losses import network_with, place, words
from gradlint.findings import Confidence, Remedy
from gradlint.network import Kind, Network, Node, Parameter, topological
from gradlint.subjects import NetworkSubject, Problem, TrainingSubject

_RANDOM = frozenset({"normal", "uniform", "truncated_normal", "orthogonal"})


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for frozen layers that nothing was loaded into and whose output a trained layer takes."""
    found: dict[int, tuple[NetworkSubject, list[Node]]] = {}
    for objective in subject.loop.objectives:
        nodes = topological((objective,))
        for node in nodes:
            if not _frozen(node) or _has_trained_branch(node, nodes) or not _feeds_trained(node, nodes):
                continue
            member = network_with(subject, node)
            if member is not None and not member.network.pretrained:
                layers = found.setdefault(id(member), (member, []))[1]
                if not any(_weight(other) is _weight(node) for other in layers):
                    layers.append(node)
    for member, layers in found.values():
        yield _problem(subject, member.network, layers)


def _weight(node: Node) -> Parameter | None:
    return node.parameters.get("weight") or node.parameters.get("weight_hh_l0")


def _frozen(node: Node) -> bool:
    weight = _weight(node)
    if weight is None or not node.weighted or any(parameter.trainable for parameter in node.parameters.values()):
        return False
    return weight.distribution.family in _RANDOM and not weight.distribution.explicit


def _feeds_trained(node: Node, nodes: tuple[Node, ...]) -> bool:
    """Whether a layer that is trained comes after a node."""
    after = {id(node)}
    for other in nodes:
        if any(id(source) in after for source in other.inputs):
            if other.weighted and any(parameter.trainable for parameter in other.parameters.values()):
                return True
            after.add(id(other))
    return False


def _has_trained_branch(node: Node, nodes: tuple[Node, ...]) -> bool:
    """Whether something trained is added to the output of a frozen layer, as an adapter of low rank is."""
    entry = node.inputs[0] if node.inputs else None
    for user in nodes:
        if user.kind is Kind.ADD and any(source is node for source in user.inputs):
            others = topological(tuple(source for source in user.inputs if source is not node))
            trained = any(parameter.trainable for other in others for parameter in other.parameters.values())
            if trained and any(_same(other, entry) for other in others):
                return True
    return False


def _same(first: Node, second: Node | None) -> bool:
    """Whether two nodes are one, or two uses of something that comes from outside."""
    return first is second or (second is not None and first.kind is second.kind is Kind.INPUT)


def _problem(subject: TrainingSubject, network: Network, layers: list[Node]) -> Problem:
    total = sum(p.size for node in layers for p in node.parameters.values() if p.size is not None)
    several = len(layers) > 1
    what = f"{len(layers)} layers" if several else "a layer"
    return Problem(
        f"{what} of `{network.name}` {'are' if several else 'is'} frozen at random initial weights: {total:,} weights "
        "are never trained, nothing trained is loaded into them, and the layers after them learn from noise",
        place(*layers),
        label="frozen, and never trained",
        remedies=(
            Remedy(words(subject, "load_state_dict(...) before freezing", "load_weights(...) before freezing")),
            Remedy(words(subject, "leave requires_grad as it is", "leave trainable as it is")),
        ),
        confidence=None if several else Confidence.MEDIUM,
        network=network.name,
    )
