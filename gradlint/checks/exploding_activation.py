"""Activations that grow like an exponential between layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradlint.checks._causes import explained, gradient_problem
from gradlint.checks._wording import counted, function_names
from gradlint.findings import Remedy
from gradlint.propagation.attribution import Cause
from gradlint.propagation.whatif import wording
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Functions that grow faster than their argument drive signal and gradient out of bounds."""
    if found := explained(subject, Cause.EXPLOSIVE):
        number = len(found.nodes)
        who = counted(number, f"{function_names(found.nodes, 'exponential-like')} activation")
        label = "each of these grows faster than what goes into it" if number > 1 else "grows faster than its input"
        rectifiers = Remedy(wording(("relu", "he"), subject.network), found.rectified)
        for problem in gradient_problem(subject, found, who, label=label, plural=number > 1):
            yield problem if problem.remedies else replace(problem, remedies=(rectifiers,))
