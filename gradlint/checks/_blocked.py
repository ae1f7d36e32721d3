"""Parameters that an optimizer steps, and that a gradient would reach but for something on the way that stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gradlint.checks._flow import Flow, flow, is_unknown, parameters_behind, passes_gradient
from gradlint.claims import Claim, ClaimKind
from gradlint.network import EventKind, Kind, Node, Parameter, TrainingLoop, topological
from gradlint.subjects import NetworkSubject, TrainingSubject

DETACHING = frozenset({"detach", "data", "item", "tolist", "numpy", "tensor", "torch.tensor", "stop_gradient"})
"""Operations whose only effect on a gradient is that it ends."""
NO_GRADIENT = "no_grad"
"""What stops the gradient at a node that was computed where none is recorded."""


@dataclass(frozen=True, slots=True)
class Block:
    """The gradient of `objective` ends at `cut`, behind which `lost` lie: parameters that no loss trains.

    `total` is true when this objective reaches no parameter that is trained.
    """

    objective: Node
    cut: Node
    operation: str
    lost: tuple[Parameter, ...]
    total: bool


def blocks(subject: TrainingSubject, wanted: Callable[[str], bool]) -> Iterator[Block]:
    """What stops the gradients of a training loop, for the operations that are `wanted`.

    Each parameter is lost only once: detaching goes before the absence of gradients, and that before functions
    without a derivative. A tensor that is cut off on purpose to be the target of a loss, a log entry or the input
    of another part is no block: then the parameters behind it are reached on another way, belong to no optimizer,
    or nothing that is trained comes after the cut.
    """
    if any(is_unknown(objective) for objective in subject.loop.objectives):
        return
    flows = [(objective, flow(objective)) for objective in subject.loop.objectives]
    reached = _reached(subject)
    held = _held(subject.loop)
    found: list[tuple[int, Node, Node, bool, dict[int, Parameter]]] = []
    for objective, way in flows:
        behind = {
            key: parameter
            for key, parameter in parameters_behind(objective).items()
            if parameter.trainable and key not in reached and (held is None or key in held)
        }
        if not behind:
            continue  # nothing is lost: the cuts, which may be thousands, need not be looked at
        trained = any(p.trainable for node in way.reached for p in node.parameters.values())
        for end in way.cuts:
            lost = {key: parameter for key, parameter in parameters_behind(end).items() if key in behind}
            if not lost or operation_of(end) == "grad":
                continue
            if not trained or (held is not None and _trained_after(end, way)):
                cut = _first_cut(end, lost)
                found.append((_rank(cut), objective, cut, not trained, lost))
    explained: set[int] = set()
    for _, objective, cut, total, lost in sorted(found, key=lambda item: (item[0], -item[2].order)):
        remaining = tuple(parameter for key, parameter in lost.items() if key not in explained)
        if remaining:
            explained.update(lost)
            if wanted(operation_of(cut)):
                yield Block(objective, cut, operation_of(cut), remaining, total)


def _first_cut(end: Node, lost: dict[int, Parameter]) -> Node:
    """The first on the way from the parameters to `end` that stops all their gradients."""
    for node in topological((end,)):
        if not passes_gradient(node) and lost.keys() <= parameters_behind(node).keys():
            return node
    return end


def operation_of(cut: Node) -> str:
    """What stops the gradient at a node."""
    return str(cut.get("operation")) if cut.kind is Kind.STOP else NO_GRADIENT


def _rank(cut: Node) -> int:
    operation = operation_of(cut)
    return 0 if operation in DETACHING else 1 if operation == NO_GRADIENT else 2


def _reached(subject: TrainingSubject) -> set[int]:
    """Parameters that some loss reaches, in this loop or in another one that trains one of its networks."""
    loops = {id(loop): loop for member in subject.networks for loop in member.loops}
    loops[id(subject.loop)] = subject.loop
    return {key for loop in loops.values() for objective in loop.objectives for key in flow(objective).parameters}


def _held(loop: TrainingLoop) -> set[int] | None:
    """The parameters that the optimizers of a loop step; None where that is not known."""
    held: set[int] = set()
    for event in loop.events_of(EventKind.STEP, EventKind.FIT, EventKind.COMPILE):
        if event.optimizer is None or event.optimizer.parameters is None:
            return None
        held.update(id(parameter) for parameter in event.optimizer.parameters)
    return held or None


def _trained_after(cut: Node, way: Flow) -> bool:
    """Whether what was cut off goes through a layer that is trained, on its way to the loss."""
    after = {id(cut)}
    for node in sorted(way.reached, key=lambda node: node.order):
        if any(id(source) in after for source in node.inputs):
            if any(parameter.trainable for parameter in node.parameters.values()):
                return True
            after.add(id(node))
    return False


def owner(subject: TrainingSubject, block: Block) -> NetworkSubject | None:
    """The network that most of the lost parameters belong to."""
    lost = {id(parameter) for parameter in block.lost}

    def share(member: NetworkSubject) -> int:
        return sum(id(parameter) in lost for parameter in member.network.parameters)

    best = max(subject.networks, key=share, default=None)
    return best if best is not None and share(best) else None


def described(subject: TrainingSubject, block: Block) -> str:
    """How much is lost: "none of its 1,234 parameters", "12 of 34 parameter tensors of Net"."""
    member = owner(subject, block)
    if member is None:
        return f"{len(block.lost)} parameter tensors"
    trainable = [parameter for parameter in member.network.parameters if parameter.trainable]
    name = f"`{member.network.name}`"
    if len(block.lost) >= len(trainable):
        total = member.network.trainable_count
        return f"all {total:,} parameters of {name}" if total else f"all parameters of {name}"
    return f"{len(block.lost)} of the {len(trainable)} parameter tensors of {name}"


def claims(subject: TrainingSubject, block: Block) -> tuple[Claim, ...]:
    """What can be measured: that these parameters get no gradient on the way to the loss."""
    if not subject.networks:
        return ()
    return (Claim(ClaimKind.BLOCKED, parameters=block.lost, objective=block.objective),)
