"""Gradients that are meant to add up over several batches, and are set to zero at each one."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._order import concerns, parameters_of, repeats, steps
from gradlint.findings import Confidence, Remedy
from gradlint.network import Event, EventKind, Kind
from gradlint.subjects import Aside, Problem, TrainingSubject


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for steps that are only taken now and then, of gradients that are set to zero every time."""
    loop = subject.loop
    for _, step in steps(loop):
        held = parameters_of(step)
        zeros = [event for event in loop.events_of(EventKind.ZERO_GRAD) if concerns(event, held)]
        passes = [event for event in loop.events_of(EventKind.BACKWARD) if concerns(event, held)]
        every_time = [event for event in zeros if not event.conditional]
        if not step.conditional or not passes or len(every_time) != len(zeros) or not every_time:
            continue
        zero, backward = every_time[0], passes[-1]
        if backward.conditional or zero.origin is None or not repeats(loop, zero) or not repeats(loop, backward):
            continue
        yield Problem(
            "gradients are set to zero at every batch, and the step is taken only now and then: it uses the last "
            "batch, and those before it are computed for nothing",
            zero.origin,
            label="throws away what was accumulated",
            remedies=(Remedy("zero_grad() right after step(), under the same condition"),),
            related=(Aside(step.origin, "the step, under a condition"),) if step.origin is not None else (),
            confidence=None if _divided(backward) else Confidence.MEDIUM,
            network=subject.networks[0].network.name if len(subject.networks) == 1 else "",
        )


def _divided(backward: Event) -> bool:
    """Whether the loss is divided by a number of batches, as accumulation wants it."""
    node = backward.node
    while node is not None and node.kind is Kind.MULTIPLY and len(node.inputs) == 1:
        if 0 < node.get("constant", 1.0) < 1:
            return True
        node = node.inputs[0]
    return False
