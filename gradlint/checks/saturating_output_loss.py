"""A squared error on the output of a sigmoid, tanh or softmax."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradlint.checks._losses import SIGMOIDS, SQUARED, Use, function_of, network_with, place, uses, words
from gradlint.findings import Confidence, Remedy
from gradlint.network import EventKind, Kind, Network
from gradlint.subjects import Aside, Problem, TrainingSubject

_BOUNDED = SIGMOIDS | {"tanh", "softmax"}
_ACCURACY = ("accuracy", "acc", "auc", "precision", "recall", "f1")
_SCORE = 5.0
"""The score of a sample that the network is wrong about, for the number in the message."""


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at what each squared error is applied to; a reconstruction of the input is left alone."""
    for use in uses(subject.loop):
        function = function_of(use.output)
        if use.function not in SQUARED or function not in _BOUNDED:
            continue
        member = network_with(subject, use.output)
        network = member.network if member is not None else None
        if _reconstructs(use, network):
            continue
        yield Problem(
            f"{use.name} on the output of {function}: a sample that is wrong by a score of {_SCORE:g} gets a gradient "
            f"of {_gradient(function):.2g}, and less the more it is wrong; cross-entropy gives it {_fair():.2g}",
            place(use.output, use.loss),
            label="flat where the prediction is far off",
            remedies=_remedies(subject, function),
            related=(Aside(use.loss.origin, "the squared error"),) if use.loss.origin else (),
            confidence=Confidence.HIGH if _classifies(subject) else None,
            network=network.name if network is not None else "",
        )


def _gradient(function: str) -> float:
    """dL/dz of the squared error at z = 5 for a target at the other end."""
    p = 1 / (1 + math.exp(-_SCORE))
    if function == "tanh":
        return 2 * (math.tanh(_SCORE) + 1) * (1 - math.tanh(_SCORE) ** 2)
    return 2 * p * p * (1 - p)


def _fair() -> float:
    return 1 / (1 + math.exp(-_SCORE))


def _classifies(subject: TrainingSubject) -> bool:
    """Whether the loop itself counts right and wrong answers."""
    names = [
        name.lower() for event in subject.loop.events_of(EventKind.COMPILE) for name in event.details.get("metrics", ())
    ]
    return any(word in name for name in names for word in _ACCURACY)


def _reconstructs(use: Use, network: Network | None) -> bool:
    """Whether the output is an image, or as large as an input: then the target is data between 0 and 1."""
    before = use.output.inputs[0]
    if before.kind is not Kind.LINEAR:
        return True
    sizes = {node.get("in_features") for node in network.nodes if node.kind is Kind.LINEAR} if network else set()
    return before.get("out_features") in sizes and before.get("out_features") != 1


def _remedies(subject: TrainingSubject, function: str) -> tuple[Remedy, ...]:
    if function == "softmax":
        change = words(
            subject, "torch.nn.CrossEntropyLoss on the scores, without softmax", 'loss="categorical_crossentropy"'
        )
    elif function == "tanh":
        change = words(
            subject,
            "labels 0 and 1 with torch.nn.BCEWithLogitsLoss, without tanh",
            'labels 0 and 1 with activation="sigmoid" and loss="binary_crossentropy"',
        )
    else:
        change = words(
            subject, "torch.nn.BCEWithLogitsLoss on the scores, without sigmoid", 'loss="binary_crossentropy"'
        )
    linear = words(subject, "a linear output", "activation=None in the last layer")
    return (Remedy(f"{change}, to classify"), Remedy(f"{linear}, to predict a quantity"))
