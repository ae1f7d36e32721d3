"""From events to training loops: the ordered record of each loop that trains, with the networks that take part."""

from __future__ import annotations

from gradlint.evaluation.values import Instance
from gradlint.network import Event, EventKind, Framework, Network, Node, Optimizer, Parameter, TrainingLoop, topological

_TRAINS = frozenset({EventKind.BACKWARD, EventKind.STEP, EventKind.FIT})


def training_loops(events: list[Event], networks: tuple[tuple[Instance, Network], ...]) -> tuple[TrainingLoop, ...]:
    """The training loops in the events of one file, in order.

    A loop is an outermost `for` or `while` in which something is optimized, a call of `fit`, or, where steps
    are taken outside any loop, everything that happens outside loops (which is then not complete).
    """
    loops: list[TrainingLoop] = []
    outside: list[Event] = []
    index = 0
    compiled = [event for event in events if event.kind is EventKind.COMPILE]
    while index < len(events):
        event = events[index]
        if event.kind is EventKind.LOOP_START:
            end = _end_of(events, index)
            inside = events[index : end + 1]
            if any(item.kind is EventKind.FIT for item in inside):
                outside.extend(item for item in inside if item.kind not in (EventKind.LOOP_START, EventKind.LOOP_END))
            elif any(item.kind in _TRAINS for item in inside):
                loops.append(_loop(inside, networks, complete=True))
            index = end + 1
            continue
        if event.kind is EventKind.FIT:
            model = event.details.get("model")
            before = [item for item in compiled if item.details.get("model") is model and _before(events, item, event)]
            loops.append(_loop([*before[-1:], event], networks, complete=True))
        else:
            outside.append(event)
        index += 1
    if any(item.kind in (EventKind.BACKWARD, EventKind.STEP) for item in outside):
        loops.append(_loop(outside, networks, complete=False))
    return tuple(loops)


def _before(events: list[Event], first: Event, second: Event) -> bool:
    return events.index(first) < events.index(second)


def _end_of(events: list[Event], start: int) -> int:
    depth = 0
    for index in range(start, len(events)):
        if events[index].kind is EventKind.LOOP_START:
            depth += 1
        elif events[index].kind is EventKind.LOOP_END:
            depth -= 1
            if depth == 0:
                return index
    return len(events) - 1


def _loop(events: list[Event], networks: tuple[tuple[Instance, Network], ...], *, complete: bool) -> TrainingLoop:
    optimizers: list[Optimizer] = []
    trained: set[int] = set()
    models: set[int] = set()
    for event in events:
        if event.optimizer is not None and event.optimizer not in optimizers:
            optimizers.append(event.optimizer)
            trained.update(id(parameter) for parameter in event.optimizer.parameters or ())
        if event.kind is EventKind.BACKWARD and event.node is not None:
            trained.update(id(parameter) for parameter in _parameters_behind(event.node))
        if event.details.get("model") is not None:
            models.add(id(event.details["model"]))
    taking_part = tuple(
        network
        for instance, network in networks
        if id(instance) in models or any(id(parameter) in trained for parameter in network.parameters)
    )
    keras = any(event.kind in (EventKind.FIT, EventKind.COMPILE) for event in events)
    framework = taking_part[0].framework if taking_part else Framework.KERAS if keras else Framework.TORCH
    escaped = any(event.kind is EventKind.ESCAPE for event in events)
    options = next((event.details for event in events if event.kind is EventKind.FIT), {})
    return TrainingLoop(
        framework=framework,
        events=tuple(events),
        optimizers=tuple(optimizers),
        networks=taking_part,
        origin=events[0].origin,
        complete=complete and not escaped,
        options=options,
    )


def _parameters_behind(node: Node) -> list[Parameter]:
    return [parameter for source in topological((node,)) for parameter in source.parameters.values()]
