"""An LSTM or GRU whose forget bias lets go of the past sooner than its sequences end."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._losses import place
from gradlint.checks._recurrent import FAR, Reach, longer, reaches
from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Confidence
from gradlint.network import Distribution, Node
from gradlint.subjects import NetworkSubject, Problem

_DEFAULT_FAR = 10.0
"""Horizons in a sequence from which on even a default bias is mentioned: training lengthens the horizon itself."""


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Compare the gradient horizon of gated layers with the length of their sequences."""
    for reach in reaches(subject, "lstm", "gru"):
        chosen = reach.node.get("cell") == "lstm" and _no_forget_bias(reach.node)
        if reach.length is None or reach.length < (FAR if chosen else _DEFAULT_FAR) * reach.horizon:
            continue
        yield _problem(subject, reach, chosen)


def _no_forget_bias(node: Node) -> bool:
    """Whether the biases are constant, and nothing sets those of the forget gate above zero."""
    biases = [p.distribution for role, p in node.parameters.items() if role.startswith("bias") and _forward(role)]
    return bool(biases) and all(bias.family == "constant" for bias in biases) and sum(map(_largest, biases)) <= 0


def _forward(role: str) -> bool:
    return not role.endswith("_reverse")


def _largest(bias: Distribution) -> float:
    return max([bias.mean, *[part.mean for _, part in bias.parts]])


def _problem(subject: NetworkSubject, reach: Reach, chosen: bool) -> Problem:
    cell = str(reach.node.get("cell")).upper()
    bias = "no forget bias" if chosen else "its default bias"
    confidence = None if chosen and reach.last_only else Confidence.MEDIUM if chosen else Confidence.LOW
    return Problem(
        f"{cell} with {bias} over {reach.length} steps: at the start of training its gradient falls to 1 % in "
        f"{reach.horizon:.0f} steps, and to {reach.left} at the start of the sequence",
        place(reach.node),
        label=f"a horizon of {reach.horizon:.0f} steps",
        remedies=longer(subject, float(reach.length or 0) / FAR, "lstm", "gru"),
        confidence=confidence,
        network=subject.network.name,
        claims=(
            Claim(
                ClaimKind.SHORT_HORIZON,
                predicted=reach.horizon,
                threshold=float(reach.length or 0),
                layer=reach.node,
            ),
        ),
    )
