"""The learning rates of a training loop, and whether a schedule may raise them."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.network import EventKind, Optimizer, TrainingLoop

_DECAYING = frozenset(
    {
        *("StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "PolynomialLR"),
        *("ReduceLROnPlateau", "ConstantLR"),
    }
)
_BY_CALLBACK = frozenset({"LearningRateScheduler", "unknown"})


def rates(loop: TrainingLoop) -> Iterator[tuple[Optimizer, float | None]]:
    """Each optimizer of a loop with its learning rate at its first step; None where that is not known."""
    seen: set[int] = set()
    for event in loop.events_of(EventKind.STEP, EventKind.FIT, EventKind.COMPILE):
        optimizer = event.optimizer
        if optimizer is not None and id(optimizer) not in seen:
            seen.add(id(optimizer))
            yield optimizer, event.details.get("learning_rate", optimizer.learning_rate)


def may_rise(loop: TrainingLoop) -> bool:
    """Whether a schedule may warm the learning rate up, or set it anew; one that only lowers it does not count."""
    schedulers = {event.details.get("scheduler") for event in loop.events_of(EventKind.SCHEDULE)}
    callbacks = {name for event in loop.events_of(EventKind.FIT) for name in event.details.get("callbacks", ())}
    by_optimizer = any("schedule" in optimizer.options for optimizer in loop.optimizers)
    return not schedulers <= _DECAYING or not callbacks.isdisjoint(_BY_CALLBACK) or by_optimizer
