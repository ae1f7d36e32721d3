"""Results as plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlint.findings import Confidence, Evidence, Finding, Related, Remedy, Severity, Span, Status
from gradlint.results import FileResult, PlacedSuppression
from gradlint.subjects import Unreadable


def encode(result: FileResult) -> list[Any]:
    """The result of a file without its name, in few words where there is little to say."""
    values = [
        [_finding(finding) for finding in result.findings],
        [_suppression(suppression) for suppression in result.suppressions],
        None if result.unreadable is None else [result.unreadable.reason, _span(result.unreadable.span)],
        result.networks,
        result.unresolved,
        list(result.notes),
    ]
    while values and not values[-1]:
        values.pop()
    return values


def decode(name: str, values: Sequence[Any], relevant: bool) -> FileResult:
    """The result that `encode` made these values of.

    Raises:
        LookupError, TypeError, ValueError: it did not make them.
    """
    filled = [*values, *([], [], None, 0, 0, [])[len(values) :]]
    findings, suppressions, unreadable, networks, unresolved, notes = filled
    return FileResult(
        name=name,
        findings=tuple(_to_finding(finding) for finding in findings),
        suppressions=tuple(_to_suppression(suppression) for suppression in suppressions),
        unreadable=None if unreadable is None else Unreadable(unreadable[0], Span(*unreadable[1])),
        networks=networks,
        unresolved=unresolved,
        notes=tuple(notes),
        relevant=relevant,
    )


def _span(span: Span) -> list[Any]:
    return [span.file, span.line, span.column, span.end_line, span.end_column, span.cell]


def _related(items: Sequence[Related]) -> list[Any]:
    return [[_span(item.span), item.message] for item in items]


def _to_related(values: Sequence[Any]) -> tuple[Related, ...]:
    return tuple(Related(Span(*span), message) for span, message in values)


def _finding(finding: Finding) -> list[Any]:
    evidence = finding.evidence
    return [
        [finding.code, finding.name, finding.severity.value, finding.confidence.value, finding.message],
        _span(finding.span),
        [finding.label, finding.network],
        [
            evidence.predicted_log10,
            evidence.measured_log10,
            evidence.status.value,
            evidence.reason,
            evidence.seeds,
        ],
        [[remedy.text, remedy.predicted_log10] for remedy in finding.remedies],
        _related(finding.related),
        _related(finding.flow),
    ]


def _to_finding(values: Sequence[Any]) -> Finding:
    (code, name, severity, confidence, message), span, (label, network), evidence, remedies, related, flow = values
    predicted, measured, status, reason, seeds = evidence
    return Finding(
        code=code,
        name=name,
        severity=Severity(severity),
        confidence=Confidence(confidence),
        message=message,
        span=Span(*span),
        label=label,
        network=network,
        evidence=Evidence(predicted, measured, Status(status), reason, seeds),
        remedies=tuple(Remedy(text, reached) for text, reached in remedies),
        related=_to_related(related),
        flow=_to_related(flow),
    )


def _suppression(item: PlacedSuppression) -> list[Any]:
    reach = [item.first_line, item.last_line, item.whole_file, item.misplaced]
    return [item.written, _span(item.span), list(item.rules), *reach]


def _to_suppression(values: Sequence[Any]) -> PlacedSuppression:
    written, span, rules, *reach = values
    return PlacedSuppression(written, Span(*span), tuple(rules), *reach)
