"""Gradient clipping where there is no gradient yet, or where none is used any more."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._order import concerns, in_order, parameters_of, steps
from gradlint.findings import Remedy
from gradlint.network import Event, EventKind, TrainingLoop
from gradlint.subjects import Aside, Problem, TrainingSubject

_BY_FRAMEWORK = frozenset({"norm", "value"})
_NEXT = frozenset({EventKind.STEP, EventKind.BACKWARD, EventKind.ZERO_GRAD})


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at what happens to the gradients right after they are clipped: it has to be a step."""
    loop = subject.loop
    several = len(list(steps(loop))) > 1
    for clip in loop.events_of(EventKind.CLIP):
        clipped = parameters_of(clip)
        if clip.details.get("method") not in _BY_FRAMEWORK or (clipped is None and several):
            continue
        if not any(concerns(step, clipped) for _, step in steps(loop)):
            continue
        following = _next(loop, clip, clipped)
        if following is not None and following.details.get("unclipped"):
            yield _problem(
                subject,
                clip,
                "gives clipped copies of the gradients, and the step takes the gradients themselves",
                "what it returns is not used",
                Aside(following.origin, "this step uses them unclipped") if following.origin else None,
                "give what it returns to the step",
            )
        if following is None or following.kind is EventKind.STEP or (following.conditional and not clip.conditional):
            continue
        if following.kind is EventKind.BACKWARD and not _clipped_again(loop, following, clipped):
            yield _problem(
                subject,
                clip,
                "clips the gradients of the step before: those that backward() adds afterwards are used unclipped",
                "nothing is clipped for this step",
                Aside(following.origin, "the gradients are computed here") if following.origin else None,
            )
        elif following.kind is EventKind.ZERO_GRAD:
            step = next((step for _, step in steps(loop) if concerns(step, clipped)), None)
            yield _problem(
                subject,
                clip,
                "clips gradients that no step uses: they are set to zero before the next one",
                "clipped too late",
                Aside(step.origin, "this step used them unclipped") if step and step.origin else None,
            )


def _next(loop: TrainingLoop, clip: Event, clipped: frozenset[int] | None) -> Event | None:
    """What happens next to these gradients, in this iteration or else the next one."""
    events = in_order(loop)
    position = events.index(clip)
    for event in (*events[position + 1 :], *events[:position]):
        if event.kind in _NEXT and concerns(event, clipped):
            return event
    return None


def _clipped_again(loop: TrainingLoop, backward: Event, clipped: frozenset[int] | None) -> bool:
    """Whether the gradients that `backward` adds are clipped before they are used."""
    events = in_order(loop)
    for event in events[events.index(backward) + 1 :]:
        if event.kind is EventKind.STEP and concerns(event, clipped):
            return False
        if event.kind is EventKind.CLIP and concerns(event, clipped):
            return True
    return False


def _problem(
    subject: TrainingSubject,
    clip: Event,
    message: str,
    label: str,
    related: Aside | None,
    remedy: str = "clip between backward() and step()",
) -> Problem:
    assert clip.origin is not None
    return Problem(
        message,
        clip.origin,
        label=label,
        remedies=(Remedy(remedy),),
        related=(related,) if related is not None else (),
        network=subject.networks[0].network.name if len(subject.networks) == 1 else "",
    )
