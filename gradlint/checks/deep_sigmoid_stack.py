"""Sigmoid-like activations in a row that make gradients vanish."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import each, explained, gradient_problem
from gradlint.checks._wording import counted, function_names
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Sigmoids contribute most of what makes the gradient vanish: their slope is at most 1/4."""
    if found := explained(subject, Cause.SIGMOID):
        name = function_names(found.nodes, "sigmoid-like")
        who = counted(len(found.nodes), f"{name} layer")
        yield from gradient_problem(subject, found, who, label=each(found))
