"""An initializer that does not suit the activation after it."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import INITIALIZERS, explained, gradient_problem, initializer_origin
from gradlint.checks._wording import activation_after, power, scheme_name
from gradlint.propagation.attribution import Cause
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """The user chose a scheme by name, and another one alone would keep the gradient within bounds."""
    if found := explained(subject, Cause.MISMATCH):
        scheme = scheme_name(found.layers)
        who = f"{scheme} initialization before {activation_after(found.layers, subject.network)}"
        label = f"the scale is {power(found.each)} of what suits" if found.each is not None else ""
        yield from gradient_problem(
            subject, found, who, remedy=INITIALIZERS, label=label, plural=False, at=initializer_origin
        )
