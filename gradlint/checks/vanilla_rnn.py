"""A simple recurrent layer over sequences that are longer than its gradient reaches."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._losses import place
from gradlint.checks._recurrent import FAR, Reach, longer, reaches
from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Confidence
from gradlint.subjects import NetworkSubject, Problem

_USUAL_LENGTH = 100
"""Steps that a remedy has to reach where the length of the sequence is not known."""
_SHORT = 50
"""A horizon beyond this many steps is nothing to speak of while the length is not known."""


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Compare the gradient horizon of simple recurrent layers with the length of their sequences."""
    for reach in reaches(subject, "rnn"):
        if reach.length is None:
            if reach.horizon <= _SHORT and reach.last_only and not reach.node.get("unrolled"):
                yield _problem(
                    subject, reach, f"a simple recurrent layer loses 99 % of its gradient in {_steps(reach)}"
                )
        elif reach.length >= FAR * reach.horizon:
            yield _problem(
                subject,
                reach,
                f"a simple recurrent layer over {reach.length} steps: its gradient falls to 1 % in {_steps(reach)}, "
                f"and to {reach.left} at the start of the sequence",
            )


def _steps(reach: Reach) -> str:
    return f"{reach.horizon:.0f} steps"


def _problem(subject: NetworkSubject, reach: Reach, message: str) -> Problem:
    confidence = Confidence.LOW if reach.length is None else None if reach.last_only else Confidence.MEDIUM
    claim = Claim(
        ClaimKind.SHORT_HORIZON,
        predicted=reach.horizon,
        threshold=float(reach.length or _SHORT),
        layer=reach.node,
    )
    return Problem(
        message,
        place(reach.node),
        label=f"a horizon of {_steps(reach)}",
        remedies=longer(subject, (reach.length or _USUAL_LENGTH) / 2),
        confidence=confidence,
        network=subject.network.name,
        claims=(claim,),
    )
