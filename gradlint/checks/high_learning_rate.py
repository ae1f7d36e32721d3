"""A learning rate far out of its optimizer's range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.checks._losses import BINARY, uses
from gradlint.checks._rates import may_rise, rates
from gradlint.claims import Claim, ClaimKind, Loss, Step
from gradlint.findings import Confidence, Remedy
from gradlint.network import EventKind, Kind, Node, Optimizer, Parameter, TrainingLoop
from gradlint.subjects import NetworkSubject, Problem, TrainingSubject


@dataclass(frozen=True, slots=True)
class Range:
    """The learning rate from which an optimizer is looked at, what is usual, and how far its first step goes.

    `reach` is the size of the first step of a weight over the learning rate, for optimizers that divide the
    gradient by its own size; None for one that does not.
    """

    limit: float
    usual: str
    reach: float | None = None


_ADAPTIVE = Range(0.1, "1e-3", 1.0)
_RANGES = {
    **dict.fromkeys(("Adam", "AdamW", "NAdam", "Nadam", "RAdam", "Adamax"), _ADAPTIVE),
    "RMSprop": Range(0.1, "1e-3", 3.0),
    "Adagrad": Range(1.0, "1e-2", 1.0),
    "SGD": Range(1.0, "1e-2 to 1e-1"),
}
_HIDDEN = frozenset({Kind.LINEAR, Kind.CONVOLUTION, Kind.RECURRENT})
_SURELY_FAR = 10.0
"""The learning rate over (1 - momentum) from which plain SGD diverges within tens of steps on the usual losses:
measured for networks of one to three layers under squared error and cross-entropy."""
_STEPS = 10


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at the learning rate of each optimizer of a loop when it steps."""
    if may_rise(subject.loop):
        return
    for optimizer, rate in rates(subject.loop):
        known = _RANGES.get(optimizer.name)
        if known is None or rate is None or rate < known.limit or optimizer.origin is None or optimizer.shared:
            continue
        layers = [(member, node) for member in subject.networks for node in _held_layers(member, optimizer)]
        if len(layers) < 2:
            continue
        if known.reach is not None:
            yield from _adaptive(subject.loop, optimizer, rate, known, layers)
        elif not optimizer.clipping and not subject.loop.events_of(EventKind.CLIP):
            yield _plain(subject, optimizer, rate, known, layers[0][0])


def _held_layers(member: NetworkSubject, optimizer: Optimizer) -> Iterator[Node]:
    """The layers of a network whose weights the optimizer steps."""
    held = None if optimizer.parameters is None else {id(parameter) for parameter in optimizer.parameters}
    for node in member.network.weighted:
        weight = _weight(node)
        if node.kind in _HIDDEN and weight is not None and weight.trainable and (held is None or id(weight) in held):
            yield node


def _weight(node: Node) -> Parameter | None:
    return node.parameters.get("weight") or node.parameters.get("weight_hh_l0")


def _adaptive(
    loop: TrainingLoop, optimizer: Optimizer, rate: float, known: Range, layers: list[tuple[NetworkSubject, Node]]
) -> Iterator[Problem]:
    """Such an optimizer moves each weight by about its learning rate: that is compared with what the weights are."""
    assert known.reach is not None
    sizes = {
        id(node): (weight.distribution.std, member, node)
        for member, node in layers
        if (weight := _weight(node)) is not None and weight.distribution.std > 0 and not weight.assumed
    }
    swamped = {key: size for key, size in sizes.items() if known.reach * rate >= size[0]}
    if not swamped or 2 * len(swamped) < len(sizes):
        return
    std, member, node = min(swamped.values(), key=lambda size: size[0])
    name = f"`{node.name}`" if node.name else "a layer"
    step = Step(optimizer.name, rate, optimizer.options, optimizer.parameters)
    assert optimizer.origin is not None
    yield Problem(
        f"{optimizer.name} with learning rate {rate:g} moves each weight by about {known.reach * rate:g} in its first "
        f"step, and the weights of {name} start at a standard deviation of {std:.2g}: {known.reach * rate / std:.0f} "
        "times less",
        optimizer.origin,
        label=f"usual: {known.usual}",
        remedies=(Remedy(f"a learning rate of {known.usual}"),),
        network=member.network.name,
        claims=(Claim(ClaimKind.OVERSHOOT, predicted=rate, loss=_loss(loop), step=step, steps=1),),
    )


def _loss(loop: TrainingLoop) -> Loss:
    use = next((use for use in uses(loop)), None)
    return Loss(use.function, use.takes_logits) if use is not None else Loss()


def _plain(
    subject: TrainingSubject, optimizer: Optimizer, rate: float, known: Range, member: NetworkSubject
) -> Problem:
    momentum = optimizer.options.get("momentum")
    momentum = momentum if isinstance(momentum, (int, float)) and 0 < momentum < 1 else 0.0
    reach = rate / (1 - momentum)
    loss = next((use for use in uses(subject.loop)), None)
    far = reach >= _SURELY_FAR and (loss is None or loss.function not in BINARY)
    with_momentum = f" and momentum {momentum:g} (together {reach:.3g})" if momentum else ""
    step = Step(optimizer.name, rate, optimizer.options, optimizer.parameters)
    assert optimizer.origin is not None
    return Problem(
        f"{optimizer.name} with learning rate {rate:g}{with_momentum} overshoots: on most networks the loss grows "
        "from the first steps on",
        optimizer.origin,
        label=f"usual: {known.usual}",
        remedies=(Remedy(f"a learning rate of {known.usual}"),),
        confidence=None if far else Confidence.MEDIUM,
        network=member.network.name,
        claims=(Claim(ClaimKind.OVERSHOOT, predicted=rate, loss=_loss(subject.loop), step=step, steps=_STEPS),)
        if far
        else (),
    )
