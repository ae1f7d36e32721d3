"""The framework's default initialization, which decays through many plain layers."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import INITIALIZERS, explained, gradient_problem
from gradlint.checks._wording import counted, default_initialization, power
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Nobody chose the scale of the weights, and a chosen one alone would keep the gradient within bounds."""
    if found := explained(subject, Cause.DEFAULT):
        default = default_initialization(found.layers) or "the default initialization"
        who = f"{counted(len(found.nodes), 'layer')} under {default}"
        label = f"the default scale is {power(found.each)} of what suits" if found.each is not None else ""
        yield from gradient_problem(subject, found, who, remedy=INITIALIZERS, label=label)
