"""What gradlint says: findings, their places, how bad and how sure, the evidence and the remedies."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Severity(enum.StrEnum):
    """How bad a finding is if it is true."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for note, 1 for warning, 2 for error."""
        return list(Severity).index(self)


class Confidence(enum.StrEnum):
    """How sure gradlint is that a finding is true; a person's choice of noise."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for low, 1 for medium, 2 for high."""
        return list(Confidence).index(self)


class Status(enum.StrEnum):
    """What measuring said about a finding."""

    NOT_MEASURED = "not measured"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A region of a source file. Lines and columns count from 1; `end_column` is exclusive.

    For a notebook `cell` is the number of the code cell (from 1) and lines count within it.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    cell: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Predicted and measured log10 of the gradient ratio; None where not known."""

    predicted_log10: float | None = None
    measured_log10: float | None = None
    status: Status = Status.NOT_MEASURED
    reason: str = ""
    seeds: int = 0


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way out, in the words of the user's framework, with the log10 ratio it is predicted to reach."""

    text: str
    predicted_log10: float | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that belongs to a finding, and what it has to do with it."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem at one place.

    `label` is the short text that stands beside the underlined source; `network` the name of the
    network concerned (empty when there is none). `flow` is the way of the gradient from the loss back to this
    place, layer by layer, with what is predicted to be left of it.
    """

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str
    span: Span
    label: str = ""
    network: str = ""
    evidence: Evidence = field(default_factory=Evidence)
    remedies: tuple[Remedy, ...] = ()
    related: tuple[Related, ...] = ()
    flow: tuple[Related, ...] = ()

    @property
    def sort_key(self) -> tuple[str, int, int, int, str]:
        """File, cell, line, column, code: the order in which findings are reported."""
        return (self.span.file, self.span.cell or 0, self.span.line, self.span.column, self.code)
