"""Weights that start at one constant, so that the units of a layer are and stay the same unit."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import common_origin, initializer_origin, is_moot, ratio_claim
from gradlint.checks._wording import layer_name, listed
from gradlint.claims import Claim, ClaimKind, Step
from gradlint.findings import Confidence, Remedy
from gradlint.network import Framework, Kind, Node, Parameter
from gradlint.propagation.profile import EXPLODING, VANISHING
from gradlint.propagation.structure import PASSING, Structure
from gradlint.subjects import NetworkSubject, Problem

_REMEDIES = {
    Framework.TORCH: "nn.init.kaiming_normal_(weight) or nn.init.xavier_normal_(weight): random numbers",
    Framework.KERAS: 'kernel_initializer="he_normal" or "glorot_uniform": random numbers',
}
# What maps the same unit to the same unit: elementwise, or over all units alike.
_ALIKE = PASSING | {Kind.ACTIVATION}


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Layers with constant weights that only layers with constant weights build on: nothing tells their units apart."""
    network = subject.network
    if is_moot(network):
        return
    structure = subject.structure
    symmetric = [node for node in network.weighted if _constant(node) and _built_on_alike(structure, node)]
    where = common_origin(initializer_origin(node) for node in symmetric)
    if where is None:
        return
    first = symmetric[0]
    values = sorted({_value(node) for node in symmetric})
    zeros = all(value == 0.0 for value in values)
    dropped = any(node.kind is Kind.DROPOUT for layer in symmetric for node in structure.onwards(layer))
    by_bias = _random_biases(symmetric)
    if by_bias:
        consequence = "only the biases tell the units of a layer apart, which go on as hardly more than one"
    elif zeros:
        consequence = "no gradient reaches them, in this step or any other"
    else:
        consequence = "all units of a layer get the same gradient and stay the same unit"
    if by_bias and not zeros:
        claims = (ratio_claim(subject.profile),) if subject.profile.verdict in (VANISHING, EXPLODING) else ()
    else:
        claims = () if dropped else (_claim(first, zeros),)
    number = listed([f"{value:g}" for value in values])
    several = f"{len(symmetric)} layers, the first " if len(symmetric) > 1 else ""
    yield Problem(
        f"all weights of {several}{layer_name(first, network)}, and of what follows, start at {number}: {consequence}",
        where,
        label="the same number for every unit",
        remedies=(Remedy(_REMEDIES[network.framework]),),
        confidence=Confidence.MEDIUM if by_bias and not claims else None,
        network=network.name,
        claims=claims,
    )


def _claim(layer: Node, zeros: bool) -> Claim:
    weights = tuple(parameter for role, parameter in layer.parameters.items() if role.startswith("weight"))
    if zeros:
        return Claim(ClaimKind.UNTRAINED, parameters=weights, step=Step())
    return Claim(ClaimKind.SYMMETRIC, layer=layer)


def _constant(node: Node) -> bool:
    """Whether nothing in a layer with several units tells one from another."""
    if not node.weighted or node.kind is Kind.EMBEDDING:
        return False
    weights = [parameter for role, parameter in node.parameters.items() if role.startswith("weight")]
    if not weights or not all(_one_number(parameter) for parameter in weights):
        return False
    return _units(node) > 1 and any(parameter.trainable for parameter in weights)


def _one_number(parameter: Parameter) -> bool:
    distribution = parameter.distribution
    return (
        distribution.known and distribution.std == 0.0 and not distribution.parts and distribution.family != "identity"
    )


def _units(node: Node) -> int:
    for key in ("out_features", "out_channels", "hidden_size"):
        value = node.get(key)
        if isinstance(value, int):
            return value
    return 0


def _value(node: Node) -> float:
    return next(p.distribution.mean for role, p in node.parameters.items() if role.startswith("weight"))


def _built_on_alike(structure: Structure, layer: Node) -> bool:
    """Whether every layer that builds on this one has constant weights, too, and at least one does.

    What layers of zeros give is zero, and the same for all units whatever is done with it, unless something else joins
    it on the way: shifts and scales that start at zero leave what they act on, whose units differ.
    """
    passing = _ALIKE if _gives_something(layer) else frozenset(Kind)
    reached = 0
    stack, seen = [layer], {id(layer)}
    while stack:
        for user in structure.users_of(stack.pop()):
            if id(user) in seen:
                continue
            seen.add(id(user))
            if user.weighted:
                if not _same_for_all(user):
                    return False
                reached += 1
            elif user.kind in passing and all(_comes_from_alike(node) for node in user.inputs):
                stack.append(user)
            else:
                return False
    return reached > 0


def _comes_from_alike(node: Node) -> bool:
    """Whether nothing but layers that treat all their inputs alike, and constants, stand behind a tensor."""
    stack, seen = [node], {id(node)}
    while stack:
        node = stack.pop()
        if node.weighted:
            if not _same_for_all(node):
                return False
        elif node.inputs:
            new = [before for before in node.inputs if id(before) not in seen]
            seen.update(id(before) for before in new)
            stack.extend(new)
        elif node.kind is not Kind.CONSTANT:
            return False
    return True


def _gives_something(layer: Node) -> bool:
    return any(p.distribution.mean != 0.0 or p.distribution.std != 0.0 for p in layer.parameters.values())


def _random_biases(layers: list[Node]) -> bool:
    """Whether the biases of these layers differ from unit to unit."""
    biases = [p for layer in layers for role, p in layer.parameters.items() if role.startswith("bias")]
    return not all(_one_number(parameter) for parameter in biases)


def _same_for_all(node: Node) -> bool:
    """Whether a layer treats all its inputs alike."""
    weights = [parameter for role, parameter in node.parameters.items() if role.startswith("weight")]
    return bool(weights) and all(_one_number(parameter) for parameter in weights)
