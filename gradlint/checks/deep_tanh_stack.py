"""Tanh-like activations in a row that make gradients vanish."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import each, explained, gradient_problem
from gradlint.checks._wording import counted, default_initialization, function_names
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Tanh keeps a gradient alive under Xavier initialization only, and shrinks it slowly even then."""
    if found := explained(subject, Cause.TANH):
        name = function_names(found.nodes, "tanh-like")
        default = default_initialization(found.layers)
        who = counted(len(found.nodes), f"{name} layer") + (f" under {default}" if default else "")
        yield from gradient_problem(subject, found, who, label=each(found))
