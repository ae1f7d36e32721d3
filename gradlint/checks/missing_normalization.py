"""A deep plain network whose gradient normalization would keep within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import NORMALIZATIONS, explained, gradient_problem
from gradlint.checks._wording import counted
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """No other cause is found, no layer is normalized, and with normalization the prediction is within bounds."""
    if found := explained(subject, Cause.NORMALIZATION):
        who = f"{counted(len(found.nodes), 'layer')} without normalization"
        yield from gradient_problem(
            subject, found, who, remedy=NORMALIZATIONS, label="nothing keeps the scale between these layers"
        )
