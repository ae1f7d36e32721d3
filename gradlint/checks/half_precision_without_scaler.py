"""Training in float16 without scaling the loss."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.findings import Remedy
from gradlint.network import Event, EventKind, Kind, Node, TrainingLoop
from gradlint.subjects import Aside, Problem, TrainingSubject

_HALF = "float16"
_SMALLEST = 6e-08
"""The smallest number of float16 above zero, 2^-24."""
_SCALED_BY_HAND = 32.0
"""A factor of the loss from which it counts as scaled on purpose."""
_SCALER = (
    "torch.amp.GradScaler: scaler.scale(loss).backward(), scaler.step(optimizer), scaler.update()",
    "bfloat16, whose range is that of float32",
)


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for backward passes through float16 whose loss nothing scaled."""
    for event in subject.loop.events_of(EventKind.BACKWARD):
        if event.details.get("scaled") or event.origin is None or _scaled_by_hand(event):
            continue
        if event.details.get("half"):
            yield _problem(
                subject,
                event,
                f"the weights are in float16 while they are trained: gradients below {_SMALLEST:.0e} become 0, steps "
                "smaller than 1/2048 of a weight are lost, and so is Adam's epsilon of 1e-08",
                "weights in float32, with torch.autocast for the forward pass",
            )
        elif (forward := _half_forward(subject.loop, event)) is not None:
            yield _problem(
                subject,
                event,
                f"the forward pass runs in float16 and the loss is not scaled: gradients below {_SMALLEST:.0e} become "
                "0 on the way back",
                _SCALER[0],
                forward,
            )


def _scaled_by_hand(event: Event) -> bool:
    node = event.node
    factor = node.get("constant") if node is not None and node.kind is Kind.MULTIPLY else None
    return isinstance(factor, float) and factor >= _SCALED_BY_HAND


def _half_forward(loop: TrainingLoop, backward: Event) -> Event | None:
    """What this gradient goes back through that was computed in float16."""
    forward = [
        event
        for event in loop.events_of(EventKind.FORWARD, EventKind.LOSS)
        if event.details.get("autocast") == _HALF and (backward.conditional or not event.conditional)
    ]
    if not forward or backward.node is None:
        return None
    behind = _understood(backward.node)
    return next((event for event in forward if event.node is not None and id(event.node) in behind), None)


def _understood(loss: Node) -> frozenset[int]:
    """Identities of the nodes that a loss is made of, without what lies behind code that may have scaled it."""
    seen: set[int] = set()
    stack = [loss]
    while stack:
        node = stack.pop()
        if id(node) not in seen and node.kind is not Kind.OPAQUE:
            seen.add(id(node))
            stack.extend(node.inputs)
    return frozenset(seen)


def _problem(
    subject: TrainingSubject, event: Event, message: str, remedy: str, forward: Event | None = None
) -> Problem:
    assert event.origin is not None
    related = (Aside(forward.origin, "computed in float16"),) if forward is not None and forward.origin else ()
    return Problem(
        message,
        event.origin,
        label="not scaled",
        remedies=(Remedy(remedy), Remedy(_SCALER[1])),
        related=related,
        network=subject.networks[0].network.name if len(subject.networks) == 1 else "",
    )
