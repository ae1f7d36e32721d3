"""Parameters that the loss reaches and no optimizer holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.checks._flow import flow, is_unknown, parameters_behind
from gradlint.claims import Claim, ClaimKind, Step
from gradlint.findings import Confidence, Remedy
from gradlint.network import EventKind, Optimizer, Parameter, TrainingLoop
from gradlint.subjects import Aside, NetworkSubject, Problem, TrainingSubject

_STEPS = (EventKind.STEP, EventKind.FIT)


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Compare what the gradients of a loop reach with what its optimizers step."""
    loops = {id(loop): loop for member in subject.networks for loop in member.loops} | {id(subject.loop): subject.loop}
    optimizers = _optimizers(loops.values())
    own = _optimizers([subject.loop])
    if not own or optimizers is None or not subject.loop.objectives:
        return
    objectives = [objective for loop in loops.values() for objective in loop.objectives]
    if any(is_unknown(objective) for objective in objectives):
        return
    behind = parameters_behind(*objectives)
    held = {id(parameter) for optimizer in optimizers for parameter in optimizer.parameters or ()}
    for optimizer in own:
        if behind and not any(id(parameter) in behind for parameter in optimizer.parameters or ()):
            if not behind.keys() <= held and not _used(loops.values(), optimizer):
                yield from _unrelated(subject, optimizer)
            return
    reached = {
        id(p): p
        for objective in subject.loop.objectives
        for node in flow(objective).reached
        for p in node.parameters.values()
    }
    missing = {key: p for key, p in reached.items() if p.trainable and key not in held and not _copied(p, held)}
    if missing and _trains_a_network(subject, held):
        yield from _missing(subject, own[0], missing, held)


def _optimizers(loops: Iterable[TrainingLoop]) -> list[Optimizer] | None:
    """The optimizers that step in these loops; None where one of them, or what it holds, is not known."""
    found: dict[int, Optimizer] = {}
    for loop in loops:
        for event in loop.events_of(*_STEPS):
            if event.optimizer is None or event.optimizer.parameters is None:
                return None
            found[id(event.optimizer)] = event.optimizer
    return list(found.values())


def _used(loops: Iterable[TrainingLoop], optimizer: Optimizer) -> bool:
    """Whether what an optimizer holds is used in some other way than in the loss, as by a learned optimizer."""
    passes = [event for loop in loops for event in loop.events_of(EventKind.FORWARD) if event.details.get("grad")]
    behind = parameters_behind(*(event.node for event in passes if event.node is not None))
    return any(id(parameter) in behind for parameter in optimizer.parameters or ())


def _copied(parameter: Parameter, held: set[int]) -> bool:
    """Whether a parameter was copied from one that is trained: a target network follows by copying."""
    source = parameter.copy_of
    while source is not None:
        if id(source) in held:
            return True
        source = source.copy_of
    return False


def _trains_a_network(subject: TrainingSubject, held: set[int]) -> bool:
    """Whether weights are optimized at all, and not an image or another input of a network."""
    return any(id(p) in held for member in subject.networks for p in member.network.parameters)


def _unrelated(subject: TrainingSubject, optimizer: Optimizer) -> Iterator[Problem]:
    if optimizer.origin is not None and optimizer.parameters and subject.networks:
        yield Problem(
            f"{optimizer.name} holds {len(optimizer.parameters)} parameters, and none of them takes part in the loss: "
            "its steps change nothing",
            optimizer.origin,
            label="other parameters than those that are trained",
            remedies=(Remedy("build the optimizer from the parameters of the network that the loss is computed with"),),
            confidence=None if subject.loop.complete else Confidence.MEDIUM,
            claims=tuple(
                Claim(ClaimKind.BLOCKED, parameters=optimizer.parameters, objective=objective)
                for objective in subject.loop.objectives[:1]
            ),
        )


def _missing(
    subject: TrainingSubject, optimizer: Optimizer, missing: dict[int, Parameter], held: set[int]
) -> Iterator[Problem]:
    owned = {id(p) for member in subject.networks for p in member.network.parameters}
    stale = [p for p in optimizer.parameters or () if id(p) not in owned]
    for member in subject.networks:
        lost = [p for p in member.network.parameters if id(p) in missing]
        if not lost or member.network.pretrained:
            continue
        partly = any(id(p) in held for p in member.network.parameters)
        if partly and stale:
            yield _problem(subject, optimizer, member, lost, "replaced after the optimizer was built", None)
        elif partly:
            yield _problem(subject, optimizer, member, lost, "", Confidence.MEDIUM)
        else:
            confidence = None if subject.loop.complete else Confidence.MEDIUM
            yield _problem(subject, optimizer, member, lost, "", confidence)
    loose = [p for key, p in missing.items() if key not in owned and p.origin is not None]
    if loose and optimizer.origin is not None:
        yield Problem(
            f"{_counted(loose)} of the loss {'are' if len(loose) > 1 else 'is'} held by no optimizer",
            optimizer.origin,
            label="does not hold them",
            remedies=(Remedy("add them to the parameters of this optimizer"),),
            related=(Aside(loose[0].origin, "made here"),) if loose[0].origin is not None else (),
            confidence=None if subject.loop.complete else Confidence.MEDIUM,
        )


def _problem(
    subject: TrainingSubject,
    optimizer: Optimizer,
    member: NetworkSubject,
    lost: list[Parameter],
    why: str,
    confidence: Confidence | None,
) -> Problem:
    network = member.network
    assert optimizer.origin is not None
    total = sum(p.size for p in lost if p.size is not None)
    all_lost = len(lost) == sum(p.trainable for p in network.parameters)
    what = f"`{network.name}`" if all_lost else f"{_counted(lost)} of `{network.name}`"
    cause = f" ({why})" if why else ""
    step = Step(optimizer.name, optimizer.learning_rate or 0.01, optimizer.options, optimizer.parameters)
    origin = network.origin if all_lost else lost[0].origin
    return Problem(
        f"no optimizer holds {what}{cause}: {total:,} weights that the loss reaches stay as they were initialized",
        optimizer.origin,
        label="does not hold them",
        remedies=(
            Remedy("build the optimizer after the network is complete" if why else "add them to the optimizer"),
            Remedy("requires_grad_(False) on them, if they are to stay") if not why else Remedy("add_param_group(...)"),
        ),
        related=(Aside(origin, "made here"),) if origin is not None else (),
        confidence=confidence,
        network=network.name,
        claims=(Claim(ClaimKind.UNTRAINED, parameters=tuple(lost), step=step),),
    )


def _counted(parameters: list[Parameter]) -> str:
    return f"{len(parameters)} parameter tensors" if len(parameters) > 1 else "a parameter"
