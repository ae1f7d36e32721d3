"""A deep transformer that normalizes after each addition and is trained without warm-up."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import ADAPTIVE, common_origin, is_moot
from gradlint.checks._rates import may_rise, rates
from gradlint.findings import Confidence, Remedy
from gradlint.network import EventKind, Framework, Kind, Network, Node
from gradlint.network.activations import SOFTMAX_LIKE
from gradlint.propagation.structure import Structure
from gradlint.subjects import Aside, NetworkSubject, Problem, TrainingSubject

_DEEP, _FEW = 24, 12
"""Normalized sums from which on training is known to fail: two for each block of an encoder.

Xiong et al. 2020, figure 2: six blocks reach a quarter of the quality without warm-up; Nguyen and Salazar 2019 and
Liu et al. 2020: twelve to eighteen diverge.
"""
_SMALL_RATE = 1e-4
"""A learning rate that may be used from the first step on, as for fine-tuning (Xiong et al. 2020, section 3.2)."""
_REMEDIES = {
    Framework.TORCH: "norm_first=True, which normalizes what goes into each block",
    Framework.KERAS: "x + block(LayerNormalization()(x)) in place of LayerNormalization()(x + block(x))",
}
_WARM_UP = Remedy("a learning rate that grows from zero over the first few thousand steps")


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for many sums that are normalized afterwards, and for a learning rate that starts at its height."""
    loop = subject.loop
    trains = loop.events_of(EventKind.STEP, EventKind.FIT)
    if not loop.complete or not trains or may_rise(loop):
        return
    high = [
        (optimizer, rate)
        for optimizer, rate in rates(loop)
        if optimizer.name in ADAPTIVE and not optimizer.shared and rate is not None and rate > _SMALL_RATE
    ]
    if high:
        optimizer, rate = high[0]
        started = (Aside(optimizer.origin, "starts at its full learning rate"),) if optimizer.origin else ()
        for member in subject.networks:
            yield from _problem(member, f"{optimizer.name} at a learning rate of {rate:g}", started)


def _problem(member: NetworkSubject, trained: str, started: tuple[Aside, ...]) -> Iterator[Problem]:
    network = member.network
    sums = _normalized_sums(network)
    where = common_origin(node.origin for node in sums)
    if len(sums) < _FEW or where is None or is_moot(network) or not network.complete or not network.depth_known:
        return
    yield Problem(
        f"{len(sums)} residual sums are normalized after the addition and trained with {trained} from the first step: "
        "without warm-up such a transformer diverges or does not learn, although its gradients start as they should",
        where,
        label="normalizes the sum of stream and branch",
        remedies=(Remedy(_REMEDIES[network.framework]), _WARM_UP),
        related=started,
        confidence=None if len(sums) >= _DEEP else Confidence.MEDIUM,
        network=network.name,
    )


def _normalized_sums(network: Network) -> tuple[Node, ...]:
    """Normalizations of the residual sums of a stream that goes from one to the next; none outside transformers."""
    if not any(_attends(node) for node in network.nodes):
        return ()
    structure = Structure(network)
    sums = {id(node) for node in structure.additions}
    after = [
        node for node in structure.normalizations if node.get("type") in ("layer", "rms") and id(node.inputs[0]) in sums
    ]
    streams = {id(node) for node in after if any(id(user) in sums for user in structure.users_of(node))}
    return tuple(
        node
        for node in after
        if id(node) in streams or any(id(operand) in streams for operand in node.inputs[0].inputs)
    )


def _attends(node: Node) -> bool:
    return node.kind is Kind.ATTENTION or (
        node.kind is Kind.ACTIVATION and node.get("function") in SOFTMAX_LIKE and bool(node.inputs)
    )
