"""A network so deep that nothing but skip connections keeps its gradient within bounds."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import explained, gradient_problem
from gradlint.checks._wording import counted
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Normalization is there or would not be enough, and with skip connections the prediction is within bounds."""
    if found := explained(subject, Cause.SKIP):
        who = f"{counted(len(found.nodes), 'layer')} without skip connections"
        yield from gradient_problem(
            subject, found, who, remedy=("skip",), label="the gradient has no way around these layers"
        )
