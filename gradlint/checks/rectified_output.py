"""A rectifier as the last step before the loss."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._flow import source_of
from gradlint.checks._losses import BINARY, SIGMOIDS, Use, function_of, network_with, place, uses, words
from gradlint.findings import Confidence, Remedy, Severity
from gradlint.network import Node
from gradlint.subjects import Aside, Problem, TrainingSubject

_RECTIFIERS = frozenset({"relu", "relu6"})
_PROBABILITIES = frozenset({"softmax", "log_softmax"}) | SIGMOIDS
_CLASSIFICATION = BINARY | {"cross_entropy", "focal_cross_entropy", "nll"}
_REGRESSION = frozenset({"mse", "l1", "huber", "smooth_l1", "log_cosh"})


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look for a rectifier at the output, also behind the softmax or sigmoid that makes it a probability."""
    for use in uses(subject.loop):
        output = use.output
        if function_of(output) in _PROBABILITIES:
            output = source_of(output.inputs[0])
        if function_of(output) not in _RECTIFIERS:
            continue
        if use.function in _CLASSIFICATION:
            yield _problem(subject, use, output)
        elif use.function in _REGRESSION and output is use.output:
            yield _regression(subject, use, output)


def _problem(subject: TrainingSubject, use: Use, output: Node) -> Problem:
    rectifier = function_of(output)
    clipped = "the probability" if use.takes_probabilities and output is use.output else "the scores"
    return Problem(
        f"{rectifier} cuts {clipped} off at 0 before {use.name}: for about half of the samples the score of the true "
        "class starts at exactly 0, where it gets no gradient",
        place(output, use.loss),
        label="no gradient passes where this is 0",
        remedies=(_without(subject, rectifier),),
        related=_related(use),
        network=_name(subject, output),
    )


def _regression(subject: TrainingSubject, use: Use, output: Node) -> Problem:
    rectifier = function_of(output)
    return Problem(
        f"{rectifier} is the last step before {use.name}: no negative value can be predicted, and a sample whose "
        "output is 0 gets no gradient",
        place(output, use.loss),
        label="no gradient passes where this is 0",
        remedies=(
            _without(subject, rectifier),
            Remedy(words(subject, "torch.nn.Softplus()", 'activation="softplus"') + ", where the target is positive"),
        ),
        related=_related(use),
        severity=Severity.WARNING,
        confidence=Confidence.MEDIUM,
        network=_name(subject, output),
    )


def _without(subject: TrainingSubject, rectifier: str) -> Remedy:
    return Remedy(words(subject, f"end in the linear layer, without {rectifier}", "activation=None in the last layer"))


def _related(use: Use) -> tuple[Aside, ...]:
    return (Aside(use.loss.origin, "the loss that gets it"),) if use.loss.origin is not None else ()


def _name(subject: TrainingSubject, output: Node) -> str:
    network = network_with(subject, output)
    return network.network.name if network is not None else ""
