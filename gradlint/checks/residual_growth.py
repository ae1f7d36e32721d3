"""A residual stream that grows with every branch, since nothing normalizes or scales the branches."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import NORMALIZATIONS, each, explained, gradient_problem
from gradlint.checks._wording import counted
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Every sum adds the variance of its branch to signal and gradient, so that both grow exponentially."""
    if found := explained(subject, Cause.RESIDUAL):
        who = f"{counted(len(found.nodes), 'residual branch', 'residual branches')} without normalization or scaling"
        yield from gradient_problem(
            subject, found, who, remedy=("residual-scaling", *NORMALIZATIONS), label=each(found)
        )
