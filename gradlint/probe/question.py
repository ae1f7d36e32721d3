"""A claim about a network as plain data, which can be pickled, kept and asked in another process."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gradlint.claims import NEUTRAL, THRESHOLDS, Claim, ClaimKind, Loss, Step
from gradlint.network import Kind, Network, Node, Parameter, topological
from gradlint.probe.building import Build, builds
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import Index, NetworkSpec, describe
from gradlint.probe.request import StepRequest

_NO_PART = "what the finding speaks of is no part of the network that can be built"


@dataclass(frozen=True, slots=True)
class Question:
    """A claim whose layers and parameters are positions in the description of its network.

    `parameters` is None where the claim names none, which means all trainable ones. `builds` say what may build
    the real object. `obstacle` says why the claim cannot be measured, where that is known beforehand.
    """

    kind: ClaimKind
    network: NetworkSpec
    predicted: float | None = None
    threshold: float | None = None
    layer: int | None = None
    reference: int | None = None
    parameters: tuple[int, ...] | None = None
    loss: Loss = NEUTRAL
    step: StepRequest | None = None
    steps: int = 0
    inputs: str = "random"
    builds: tuple[Build, ...] = ()
    obstacle: str = ""

    @property
    def limit(self) -> float:
        """The number from which the claim holds.

        Raises:
            NotMeasurable: the claim says none, and its kind has no usual one.
        """
        limit = THRESHOLDS.get(self.kind) if self.threshold is None else self.threshold
        if limit is None:
            raise NotMeasurable("the claim names no number from which it holds")
        return limit

    @property
    def concerned(self) -> tuple[int, ...]:
        """The positions of the parameters concerned."""
        if self.parameters is not None:
            return self.parameters
        parameters = enumerate(self.network.parameters)
        return tuple(position for position, spec in parameters if spec.trainable and spec.registered)


def ask(network: Network, claim: Claim) -> Question:
    """The question whether `claim` is true of `network`."""
    if claim.objective is not None:
        network = _towards(network, claim.objective)
    held = () if claim.step is None else claim.step.parameters or ()
    spec, index = describe(network, (*claim.parameters, *held))
    layer, reference = index.node(claim.layer), index.node(claim.reference)
    missing = (claim.layer is not None and layer is None) or (claim.reference is not None and reference is None)
    used = {position for node in spec.nodes for position in node.parameters.values()}
    parameters = tuple(index.parameters[id(parameter)] for parameter in claim.parameters) or None
    if parameters is not None and not used.intersection(parameters):
        missing = not any(spec.parameters[position].registered for position in parameters)
    return Question(
        kind=claim.kind,
        network=spec,
        predicted=claim.predicted,
        threshold=claim.threshold,
        layer=layer,
        reference=reference,
        parameters=parameters,
        loss=claim.loss,
        step=None if claim.step is None else _step(claim.step, index),
        steps=claim.steps,
        inputs=claim.inputs,
        builds=builds(network),
        obstacle=_NO_PART if missing else "",
    )


def _towards(network: Network, objective: Node) -> Network:
    """The graph that leads to `objective`, with the parameters of the network."""
    nodes = topological((objective,))
    inputs = tuple(node for node in nodes if node.kind is Kind.INPUT)
    return dataclasses.replace(network, nodes=nodes, inputs=inputs, outputs=(objective,))


def questions(networks: Sequence[Network], claims: Iterable[Claim]) -> tuple[Question, ...]:
    """Each claim as a question about that one of `networks` which holds what it speaks of, else about the first."""
    return tuple(ask(_subject(networks, claim), claim) for claim in claims) if networks else ()


def _subject(networks: Sequence[Network], claim: Claim) -> Network:
    for network in networks:
        if claim.layer is not None and any(node is claim.layer for node in network.nodes):
            return network
        if claim.parameters and _holds(network, claim.parameters[0]):
            return network
    return networks[0]


def _holds(network: Network, parameter: Parameter) -> bool:
    own = any(candidate is parameter for candidate in network.parameters)
    return own or any(used is parameter for node in network.nodes for used in node.parameters.values())


def _step(step: Step, index: Index) -> StepRequest:
    held = None if step.parameters is None else tuple(index.parameters[id(p)] for p in step.parameters)
    options = {key: value for key, value in step.options.items() if isinstance(value, (int, float, str, tuple))}
    return StepRequest(step.optimizer, float(step.learning_rate), options, held)
