"""What a check is given to look at, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from gradlint.findings import Confidence, Evidence, Remedy, Severity, Span
from gradlint.network import Network, Origin, TrainingLoop

if TYPE_CHECKING:
    from gradlint.claims import Claim
    from gradlint.propagation import Profile
    from gradlint.propagation import Settings as Bounds
    from gradlint.propagation.attribution import Attribution
    from gradlint.propagation.structure import Structure
    from gradlint.propagation.whatif import RemedyResult

Place = Origin | Span

_TRIED = 9
_LISTED = 3
"""Remedies that a finding lists, of those that were found."""


@dataclass(frozen=True, slots=True)
class Aside:
    """Another place that belongs to a problem, and what it has to do with it."""

    where: Place
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check found. Code, name and the usual severity and confidence come from the rule's page.

    `where` is what gets underlined and `label` the few words beside it. `severity` and `confidence` are set
    only where this case differs from the page. `claims` are what measuring could confirm or refute.
    """

    message: str
    where: Place
    label: str = ""
    remedies: tuple[Remedy, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    related: tuple[Aside, ...] = ()
    severity: Severity | None = None
    confidence: Confidence | None = None
    network: str = ""
    claims: tuple[Claim, ...] = ()


class NetworkSubject:
    """A network, with what is predicted of it.

    `loops` are the training loops that the network takes part in. The prediction and the remedies are
    computed when first asked for.
    """

    def __init__(self, network: Network, bounds: Bounds, loops: Sequence[TrainingLoop] = ()) -> None:
        self.network = network
        self.bounds = bounds
        self.loops = tuple(loops)

    @cached_property
    def profile(self) -> Profile:
        """What propagation predicts of the network."""
        from gradlint.propagation import propagate  # only where a rule asks for a number

        return propagate(self.network, self.bounds)

    @cached_property
    def structure(self) -> Structure:
        """What follows what in the network."""
        from gradlint.propagation.structure import Structure

        return Structure(self.network)

    @cached_property
    def attribution(self) -> Attribution | None:
        """What a prediction out of bounds is due to; None within bounds, or where no cause is found."""
        from gradlint.propagation.attribution import attribute

        return attribute(self.network, self.profile, self.bounds)

    @cached_property
    def changes(self) -> tuple[RemedyResult, ...]:
        """The changes that bring the network within bounds, best first."""
        from gradlint.propagation import remedies

        return remedies(self.network, self.profile, self.bounds, most=_TRIED)

    def remedies(self, *parts: str) -> tuple[Remedy, ...]:
        """The best of the changes, as a finding lists them; first those that one of `parts` belongs to."""
        fitting = [change for change in self.changes if any(part in change.names for part in parts)]
        others = [change for change in self.changes if change not in fitting]
        return tuple(change.remedy for change in (*fitting, *others)[:_LISTED])


@dataclass(frozen=True, slots=True)
class TrainingSubject:
    """A training loop, and the networks that take part in it."""

    loop: TrainingLoop
    networks: tuple[NetworkSubject, ...]
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file cannot be decoded or parsed, and where."""

    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class SuppressionUse:
    """A suppression, and what became of it in this run.

    `written` is how it is written ("ignore", "ignore-file" or "noqa") and `rules` the rules that it names.
    `unused` are those of them that suppressed nothing though they were looked for, `unknown` those that are
    no rule. `misplaced` marks an `ignore-file` that does not stand at the top of its file.
    """

    written: str
    span: Span
    rules: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    misplaced: bool = False
    suppressed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSubject:
    """A file as such: whether it can be read, and what its suppressions did."""

    name: str
    unreadable: Unreadable | None = None
    suppressions: tuple[SuppressionUse, ...] = ()
