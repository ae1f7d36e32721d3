"""Initial weights, of a scale chosen by hand, that are so small that gradients vanish."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.checks._causes import by_hand
from gradlint.subjects import NetworkSubject, Problem


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Weights far below what keeps the signal shrink it, and the gradient, at every layer."""
    yield from by_hand(subject, small=True)
