"""Gradients that add up over all iterations of a training loop."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._order import concerns, parameters_of, repeats, steps
from gradlint.findings import Remedy
from gradlint.network import Event, EventKind, TrainingLoop
from gradlint.subjects import Aside, Problem, TrainingSubject


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for steps whose gradients nothing in the loop ever sets back to zero."""
    loop = subject.loop
    if not loop.complete:
        return
    for optimizer, step in steps(loop):
        held = parameters_of(step)
        passes = [
            event
            for event in loop.events_of(EventKind.BACKWARD)
            if concerns(event, held) and event.details.get("accumulates", True)
        ]
        if not passes or _zeroed(loop, held):
            continue
        before = _last_before(loop, passes, step)
        if not repeats(loop, before) or not repeats(loop, step):
            continue
        name = "optimizer" if optimizer is not None else "model"
        where = before.origin
        if where is not None:
            yield Problem(
                "the gradients of all iterations add up: nothing in this loop sets them back to zero, so that step k "
                "uses the sum of k gradients",
                where,
                label="adds to the gradients of the iterations before",
                remedies=(Remedy(f"{name}.zero_grad() in each iteration, before this"),),
                related=(Aside(step.origin, "this step uses the sum"),) if step.origin is not None else (),
                network=subject.networks[0].network.name if len(subject.networks) == 1 else "",
            )


def _last_before(loop: TrainingLoop, passes: list[Event], step: Event) -> Event:
    """The backward pass whose gradients a step uses: of several networks' passes, the last one before the step."""
    position = loop.events.index(step)
    return next((event for event in reversed(passes) if loop.events.index(event) < position), passes[-1])


def _zeroed(loop: TrainingLoop, held: frozenset[int] | None) -> bool:
    return any(concerns(event, held) for event in loop.events_of(EventKind.ZERO_GRAD))
