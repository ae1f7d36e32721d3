"""Gradient clipping while the gradients still carry the factor of the loss scaler."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._order import concerns, in_order, parameters_of
from gradlint.findings import Remedy
from gradlint.network import Event, EventKind
from gradlint.subjects import Aside, Problem, TrainingSubject

_USUAL_SCALE = 65536.0
"""What a scaler of torch starts from."""


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for clipping between a scaled backward pass and the unscaling."""
    scaled: list[Event] = []
    for event in in_order(subject.loop):
        if event.kind is EventKind.BACKWARD:
            scaled = [other for other in scaled if not concerns(other, parameters_of(event))]
            if event.details.get("scaled"):
                scaled.append(event)
        elif event.kind is EventKind.UNSCALE or (event.kind is EventKind.CLIP and event.details.get("unscales")):
            scaled = [other for other in scaled if not concerns(other, parameters_of(event))]
        elif event.kind is EventKind.CLIP and event.origin is not None:
            backward = next((other for other in scaled if concerns(other, parameters_of(event))), None)
            if backward is not None:
                yield _problem(subject, event, backward)


def _problem(subject: TrainingSubject, clip: Event, backward: Event) -> Problem:
    scale = backward.node.get("constant") if backward.node is not None else None
    scale = scale if isinstance(scale, float) and scale > 1 else _USUAL_SCALE
    limit = clip.details.get("limit")
    effect = (
        f"a limit of {limit:g} cuts the true gradients down to {limit / scale:.1e}"
        if isinstance(limit, (int, float))
        else f"the limit is {scale:,.0f} times smaller than it reads"
    )
    assert clip.origin is not None
    return Problem(
        f"the gradients are still multiplied by the scale of the loss, {scale:,.0f} at the start: {effect}",
        clip.origin,
        label="clips scaled gradients",
        remedies=(Remedy("scaler.unscale_(optimizer) before this line"),),
        related=(Aside(backward.origin, "the scaled gradients are computed here"),) if backward.origin else (),
        network=subject.networks[0].network.name if len(subject.networks) == 1 else "",
    )
