"""Rectified units that are zero for every input from the start."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import doubtful, is_moot
from gradlint.checks._wording import function_names, layer_name
from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Confidence, Remedy
from gradlint.network import Framework, Kind, Node, Origin
from gradlint.propagation import LayerProfile
from gradlint.propagation.attribution import DEAD_SHARE
from gradlint.propagation.dead import RECTIFIERS
from gradlint.propagation.structure import Structure
from gradlint.subjects import NetworkSubject, Problem

_REMEDIES = {
    Framework.TORCH: "nn.init.zeros_(bias)",
    Framework.KERAS: 'bias_initializer="zeros"',
}


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Units whose mean lies so far below zero that no input lifts them above it get no gradient, ever."""
    network = subject.network
    if is_moot(network):
        return
    found: dict[int, list[tuple[Node, LayerProfile]]] = {}
    places: dict[int, Origin] = {}
    for layer in subject.profile.layers:
        activation = _rectifier(subject.structure, layer.node) if layer.dead >= DEAD_SHARE else None
        if activation is None:
            continue
        where = _low_bias(layer.node) or activation.origin
        if where is not None:
            found.setdefault(id(where.syntax), []).append((activation, layer))
            places.setdefault(id(where.syntax), where)
    for key, members in found.items():
        yield _problem(subject, places[key], members)


def _problem(subject: NetworkSubject, where: Origin, members: list[tuple[Node, LayerProfile]]) -> Problem:
    network = subject.network
    name = function_names((activation for activation, _ in members), "rectified")
    worst_activation, worst = max(members, key=lambda member: member[1].dead)
    low = _low_bias(worst.node) is not None
    behind = f"of {len(members)} layers" if len(members) > 1 else f"after {layer_name(worst.node, network)}"
    return Problem(
        f"{worst.dead:.0%} of the {name} units {behind} start at zero for every input, so that no gradient passes them",
        where,
        label="so far below zero that no input makes up for it" if low else "what comes in is hardly ever positive",
        remedies=(Remedy(_REMEDIES[network.framework]),) if low else (),
        confidence=Confidence.MEDIUM if doubtful(subject) else None,
        network=network.name,
        claims=(Claim(ClaimKind.DEAD, predicted=worst.dead, layer=worst_activation),),
    )


def _rectifier(structure: Structure, layer: Node) -> Node | None:
    """The rectifier that the output of a layer goes through before the next layer."""
    for node in structure.onwards(layer):
        if node.weighted:
            return None
        if node.kind is Kind.ACTIVATION and node.get("function") in RECTIFIERS:
            return node
    return None


def _low_bias(layer: Node) -> Origin | None:
    """Where the bias of a layer was given a negative value."""
    bias = layer.parameters.get("bias")
    if bias is None or not bias.distribution.known or not bias.distribution.mean < 0.0:
        return None
    return bias.distribution.origin or layer.origin
