"""State that one iteration hands to the next with its whole history."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.findings import Remedy
from gradlint.network import Event, EventKind, Kind, Node, TrainingLoop, topological
from gradlint.subjects import Aside, Problem, TrainingSubject


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Report backward passes whose gradient goes back into the iteration before."""
    for event in subject.loop.events_of(EventKind.BACKWARD):
        carried = event.details.get("carried")
        if isinstance(carried, Node) and event.origin is not None:
            yield _problem(subject, event, carried)


def _problem(subject: TrainingSubject, backward: Event, carried: Node) -> Problem:
    assert backward.origin is not None
    recurrent = any(node.kind is Kind.RECURRENT for node in topological((carried,)))
    what = "the hidden state" if recurrent else "a tensor"
    forward = _forward(subject.loop, carried)
    fate = (
        "each step goes back through all iterations before it, slower and with more memory each time"
        if backward.details.get("retain_graph")
        else "the second iteration fails, since that graph has been freed"
    )
    origin = forward.origin if forward is not None and forward.origin is not None else backward.origin
    return Problem(
        f"{what} of one iteration goes into the next with its history, and backward() with it: {fate}",
        origin,
        label="carries the graph of the iteration before",
        remedies=(Remedy("hidden = hidden.detach() at the start of each iteration (for an LSTM: both h and c)"),),
        related=(Aside(backward.origin, "goes back through all of them"),) if origin is not backward.origin else (),
        network=subject.networks[0].network.name if len(subject.networks) == 1 else "",
    )


def _forward(loop: TrainingLoop, carried: Node) -> Event | None:
    """The forward pass that made what is carried over."""
    for event in loop.events_of(EventKind.FORWARD):
        if event.node is not None and any(node is carried for node in topological((event.node,))):
            return event
    return None
