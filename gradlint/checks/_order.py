"""What the events of a training loop do to which parameters, and what comes before what."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._flow import flow, is_unknown
from gradlint.network import Event, EventKind, Optimizer, TrainingLoop

_MARKS = frozenset({EventKind.LOOP_START, EventKind.LOOP_END})


def parameters_of(event: Event) -> frozenset[int] | None:
    """Identities of the parameters whose gradients an event computes, changes or uses; None where not known."""
    if event.kind is EventKind.BACKWARD:
        return None if event.node is None or is_unknown(event.node) else flow(event.node).parameters
    given = event.details.get("parameters")
    if given is None and event.optimizer is not None:
        given = event.optimizer.parameters
    # An optimizer that seems to hold nothing holds tensors that are not known to be parameters.
    return frozenset(id(parameter) for parameter in given) if given else None


def concerns(event: Event, parameters: frozenset[int] | None) -> bool:
    """Whether an event has to do with some of `parameters`; taken as true where either is not known."""
    own = parameters_of(event)
    return own is None or parameters is None or not own.isdisjoint(parameters)


def steps(loop: TrainingLoop) -> Iterator[tuple[Optimizer | None, Event]]:
    """The first step of each optimizer in a loop; None stands for steps that are written out by hand."""
    seen: set[int] = set()
    for event in loop.events_of(EventKind.STEP):
        if id(event.optimizer) not in seen:
            seen.add(id(event.optimizer))
            yield event.optimizer, event


def innermost(loop: TrainingLoop, event: Event) -> Event | None:
    """The LOOP_START of the innermost loop that `event` is in."""
    open_loops: list[Event] = []
    for other in loop.events:
        if other is event:
            return open_loops[-1] if open_loops else None
        if other.kind is EventKind.LOOP_START:
            open_loops.append(other)
        elif other.kind is EventKind.LOOP_END and open_loops:
            open_loops.pop()
    return None


def repeats(loop: TrainingLoop, event: Event) -> bool:
    """Whether an event happens again and again to the same networks."""
    start = innermost(loop, event)
    return start is not None and start.details.get("iterations") != 1 and not start.details.get("creates")


def in_order(loop: TrainingLoop) -> tuple[Event, ...]:
    """The events of one iteration without the marks of loops."""
    return tuple(event for event in loop.events if event.kind not in _MARKS)
