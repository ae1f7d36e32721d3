"""Softmax or sigmoid in front of a loss that applies it itself."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradlint.checks._losses import (
    SIGMOIDS,
    Use,
    classes_of,
    counterpart,
    function_of,
    network_with,
    place,
    uses,
    words,
)
from gradlint.claims import Claim, ClaimKind, Loss
from gradlint.findings import Remedy
from gradlint.subjects import Aside, Problem, TrainingSubject


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at what each loss that takes logits is given."""
    for use in uses(subject.loop):
        activation = function_of(use.output)
        if use.takes_logits and (activation == "softmax" or activation in SIGMOIDS):
            yield _problem(subject, use, activation)


def _problem(subject: TrainingSubject, use: Use, activation: str) -> Problem:
    network = network_with(subject, use.output)
    node = counterpart(network.network, use.output) if network is not None else None
    loss = Loss(use.function, True)
    return Problem(
        f"{activation} is applied to the output and {use.name} applies {_own(use)} again: {_consequence(use)}",
        place(use.output, use.loss),
        label=f"{use.name} takes the scores before this",
        remedies=_remedies(subject, use, activation),
        related=(Aside(use.loss.origin, f"this loss applies {_own(use)} itself"),) if use.loss.origin else (),
        network=network.network.name if network is not None else "",
        claims=(Claim(ClaimKind.ATTENUATED, layer=node, loss=loss),) if node is not None else (),
    )


def _own(use: Use) -> str:
    return "softmax" if use.function == "cross_entropy" else "sigmoid"


def _consequence(use: Use) -> str:
    """How far the loss can fall: its logits lie between 0 and 1."""
    if _own(use) == "sigmoid":
        return f"no probability leaves [0.5, {1 / (1 + math.exp(-1)):.2f}]"
    classes = classes_of(use.output)
    if classes is None or classes < 2:
        return "its logits lie between 0 and 1, so the loss stays high and its gradient small"
    best = math.e / (math.e + classes - 1)
    return (
        f"with {classes} classes no probability passes {best:.2g} and the loss cannot fall below {-math.log(best):.2f}"
    )


def _remedies(subject: TrainingSubject, use: Use, activation: str) -> tuple[Remedy, ...]:
    drop = words(
        subject,
        f"leave {activation} out of the training path and apply it only to predict",
        f"leave {activation} out of the model and apply it only to predict",
    )
    change = words(
        subject,
        "torch.nn.functional.log_softmax with torch.nn.NLLLoss"
        if _own(use) == "softmax"
        else "torch.nn.BCELoss, which takes probabilities",
        "from_logits=False, since the model returns probabilities",
    )
    return (Remedy(drop), Remedy(change))
