"""Recurrent networks, and others whose gradient explodes, that are trained without clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gradlint.checks._causes import first_layer
from gradlint.checks._wording import layer_name, listed, power
from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Confidence, Evidence, Remedy, Severity
from gradlint.network import EventKind, Framework, Kind, Node, Origin, TrainingLoop, topological
from gradlint.propagation.profile import EXPLODING
from gradlint.subjects import NetworkSubject, Problem, TrainingSubject

# A recurrent gradient that grows by half at each step is on the way to exploding; this many steps pass the bound.
_GROWTH = 1.5
_UNBOUNDED = frozenset({"relu", "leaky_relu", "elu", "linear", "gelu", "silu", "softplus"})
_CELLS = {"rnn": "simple recurrent", "lstm": "LSTM", "gru": "GRU"}
_REMEDIES = {
    Framework.TORCH: "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) between backward() and step()",
    Framework.KERAS: "clipnorm=1.0 (or global_clipnorm) as an argument of the optimizer",
}


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Nothing in the whole loop clips, neither code nor optimizer, and a network in it is one that needs it."""
    loop = subject.loop
    where = _step(loop)
    if not loop.complete or where is None or _clips(loop):
        return
    for member in subject.networks:
        yield from _recurrent(member, loop, where)
        yield from _exploding(member, loop, where)


def _clips(loop: TrainingLoop) -> bool:
    return bool(loop.events_of(EventKind.CLIP)) or any(optimizer.clipping for optimizer in loop.optimizers)


def _step(loop: TrainingLoop) -> Origin | None:
    """Where clipping would belong: the step that is taken, or where the model is compiled with its optimizer."""
    events = loop.events_of(EventKind.STEP) or loop.events_of(EventKind.COMPILE) or loop.events_of(EventKind.FIT)
    return events[0].origin if events else None


def _recurrent(member: NetworkSubject, loop: TrainingLoop, where: Origin) -> Iterator[Problem]:
    network = member.network
    longest = math.log10(member.bounds.exploding) / math.log10(_GROWTH)
    # A network may have no forward pass of its own, but a training step that makes one.
    nodes = network.nodes or topological(loop.objectives)
    cells = [
        node
        for node in nodes
        if node.kind is Kind.RECURRENT
        and any(parameter.trainable for parameter in node.parameters.values())
        and (_steps(nodes, node) or math.inf) > longest
    ]
    if not cells:
        return
    unbounded = [node for node in cells if node.get("cell") == "rnn" and node.get("activation") in _UNBOUNDED]
    first = (unbounded or cells)[0]
    kinds = listed(sorted({_CELLS.get(node.get("cell"), "recurrent") for node in cells}))
    steps = _steps(nodes, first)
    times = f"{steps} times" if steps else "once for every step of a sequence"
    message = (
        f"a network with {kinds} layers is trained without gradient clipping: the gradient passes "
        f"{layer_name(first, network)} {times}"
    )
    if unbounded:
        message += ", and nothing bounds what it grows to"
    yield Problem(
        message,
        where,
        label="this step uses the gradients however large they are",
        remedies=(Remedy(_REMEDIES[loop.framework]),),
        severity=Severity.ERROR if unbounded else None,
        network=network.name,
    )


def _steps(nodes: Sequence[Node], node: Node) -> int | None:
    """How often a recurrent layer runs on one sequence, where the source says it."""
    once = node.get("steps")
    calls = sum(other.layer is node.layer for other in nodes if other.kind is Kind.RECURRENT)
    calls = calls if node.layer is not None else 1
    if not isinstance(once, int) or any(_open(source) for source in topological((node,))):
        return None
    return once * calls


def _open(source: Node) -> bool:
    """Whether an input's length is not given by the source."""
    if source.kind is not Kind.INPUT:
        return False
    return bool(source.get("guessed")) or any(axis != 0 for axis in source.get("assumed") or ())


def _exploding(member: NetworkSubject, loop: TrainingLoop, where: Origin) -> Iterator[Problem]:
    profile = member.profile
    ratio = profile.log10_gradient_ratio
    if ratio is None or profile.verdict != EXPLODING or member.attribution is not None or not member.network.complete:
        return
    first = layer_name(first_layer(profile), member.network)
    yield Problem(
        f"a network whose gradient grows by {power(ratio)} on the way to {first} is trained without gradient clipping",
        where,
        label="this step uses the gradients however large they are",
        remedies=(Remedy(_REMEDIES[loop.framework]),),
        evidence=Evidence(predicted_log10=ratio),
        confidence=Confidence.MEDIUM if profile.assumptions else None,
        network=member.network.name,
        claims=(Claim(ClaimKind.EXPLODING, predicted=ratio),),
    )
