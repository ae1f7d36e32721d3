"""Raw scores, or probabilities, in front of a loss that takes probabilities, or their logarithms."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._losses import BINARY, CROSS_ENTROPY, Use, function_of, network_with, place, uses, words
from gradlint.findings import Remedy
from gradlint.network import Framework, Kind
from gradlint.subjects import Aside, Problem, TrainingSubject

_SCORES = frozenset({Kind.LINEAR, Kind.CONVOLUTION})


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at what each loss that does not normalize by itself is given."""
    for use in uses(subject.loop):
        found = _fault(use, subject.loop.framework)
        if found is not None:
            message, remedies = found
            member = network_with(subject, use.output)
            yield Problem(
                message,
                place(use.output, use.loss),
                label="goes into the loss as it is",
                remedies=tuple(Remedy(words(subject, *pair)) for pair in remedies),
                related=(Aside(use.loss.origin, "the loss that gets it"),) if use.loss.origin else (),
                network=member.network.name if member is not None else "",
            )


def _fault(use: Use, framework: Framework) -> tuple[str, list[tuple[str, str]]] | None:
    scores = use.output.kind in _SCORES and use.output.weighted
    logarithms = use.function == "nll" or (use.function == "kl_divergence" and framework is Framework.TORCH)
    if logarithms and scores:
        return _scores_as_logarithms(use)
    if logarithms and function_of(use.output) == "softmax":
        return (
            f"{use.name} takes log-probabilities and gets probabilities: the gradient of a sample whose class has "
            "probability 0.01 is 0.01 in place of 0.99",
            [("log_softmax in place of softmax", "log_softmax in place of softmax")],
        )
    if use.takes_probabilities and use.function in BINARY and (scores or function_of(use.output) == "tanh"):
        return _as_probabilities(use, "sigmoid", "BCEWithLogitsLoss")
    if use.takes_probabilities and use.function in CROSS_ENTROPY and scores:
        return _as_probabilities(use, "softmax", "CrossEntropyLoss")
    return None


def _scores_as_logarithms(use: Use) -> tuple[str, list[tuple[str, str]]]:
    return (
        f"{use.name} takes log-probabilities and gets raw scores: it is minus the score of the true class, which has "
        "no lower bound, and the other classes get no gradient",
        [
            ("torch.nn.CrossEntropyLoss, which takes raw scores", "categorical_crossentropy with from_logits=True"),
            ("torch.nn.LogSoftmax(dim=1) at the end of the network", "log_softmax at the end of the network"),
        ],
    )


def _as_probabilities(use: Use, activation: str, loss: str) -> tuple[str, list[tuple[str, str]]]:
    return (
        f"{use.name} takes probabilities and gets raw values: outside of [0, 1] it fails, or they are cut off and get "
        "no gradient",
        [
            (f"torch.nn.{loss}, which takes raw scores", "from_logits=True in the loss"),
            (f"{activation} at the end of the network", f'activation="{activation}" in the last layer'),
        ],
    )
