"""From events to training loops: the ordered record of each loop that trains, with the networks that take part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gradlint.evaluation.values import Instance
from gradlint.network import (
    Event,
    EventKind,
    Framework,
    Kind,
    Network,
    Node,
    Optimizer,
    Parameter,
    TrainingLoop,
    topological,
)

_BY_HAND = frozenset({EventKind.BACKWARD, EventKind.STEP})
_BY_METHOD = frozenset({EventKind.FIT, EventKind.COMPILE})

Networks = tuple[tuple[Instance, Network], ...]


def training_loops(events: list[Event], networks: Networks) -> tuple[TrainingLoop, ...]:
    """The training loops in the events of one file, in order.

    A loop is an outermost `for` or `while` in which something is optimized, a call of `fit`, or, where steps
    are taken outside any loop, everything that happens outside loops (which is then not complete). A model that
    is compiled and never fit in this file is an incomplete loop, too: its loss and its optimizer are known.
    """
    loops: list[TrainingLoop] = []
    outside: list[Event] = []
    index = 0
    while index < len(events):
        event = events[index]
        if event.kind is EventKind.LOOP_START:
            end = _end_of(events, index)
            inside = events[index : end + 1]
            if any(item.kind in _BY_HAND for item in inside):
                own = [item for item in inside if item.kind is not EventKind.FIT]
                loops.append(_loop(own, networks, complete=True))
            index = end + 1
            continue
        if event.kind not in _BY_METHOD:
            outside.append(event)
        index += 1
    if any(item.kind in _BY_HAND for item in outside):
        loops.append(_loop(outside, networks, complete=False))
    loops.extend(_by_method(events, networks))
    return tuple(loops)


def _by_method(events: list[Event], networks: Networks) -> Iterator[TrainingLoop]:
    """The loops that a framework runs: one for each call of `fit`, and for each `compile` that none follows."""
    compiled: dict[int, Event] = {}
    fitted: set[int] = set()
    for event in events:
        model = id(event.details.get("model"))
        if event.kind is EventKind.COMPILE:
            if model in compiled and model not in fitted:
                yield _loop([compiled[model]], networks, complete=False)
            compiled[model] = event
            fitted.discard(model)
        elif event.kind is EventKind.FIT:
            fitted.add(model)
            yield _loop([compiled[model], event] if model in compiled else [event], networks, complete=True)
    for model, event in compiled.items():
        if model not in fitted:
            yield _loop([event], networks, complete=False)


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


def _loop(events: Sequence[Event], networks: Networks, *, complete: bool) -> TrainingLoop:
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
    keras = any(event.kind in _BY_METHOD for event in events)
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
        objectives=tuple(_objectives(events, networks)),
    )


def _objectives(events: Iterable[Event], networks: Networks) -> Iterator[Node]:
    """What is minimized: tensors that `backward` is called on, and the losses that a model was compiled with."""
    last = None
    for event in events:
        if event.kind is EventKind.BACKWARD and event.node is not None:
            yield event.node
        elif event.kind in _BY_METHOD and not event.details.get("custom"):
            last = event
    if last is not None:
        known = tuple(last.details.get("objectives", ()))
        network = next((network for instance, network in networks if instance is last.details.get("model")), None)
        yield from known or (_compiled(last, network) if network is not None else ())


def _compiled(event: Event, network: Network) -> Iterator[Node]:
    """The losses of a model whose outputs were not known when it was compiled, on the outputs of its network."""
    losses = list(event.details.get("losses", {}).values())
    if len(losses) == 1:
        losses *= len(network.outputs)
    for loss, output in zip(losses, network.outputs, strict=False):
        attributes = {"function": loss.function, "from_logits": loss.from_logits, "reduction": loss.reduction}
        origin = loss.origin or event.origin
        yield Node(Kind.LOSS, (output,), (), attributes, class_name=f"keras.losses.{loss.name}", origin=origin)


def _parameters_behind(node: Node) -> list[Parameter]:
    return [parameter for source in topological((node,)) for parameter in source.parameters.values()]
