"""A finding as plain text of several lines, for formats that show one message only."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.findings import Finding, Status
from gradlint.reports.numbers import ratio
from gradlint.reports.places import in_cell


def message(finding: Finding) -> str:
    """What is wrong, and the ways out with the ratio that each is predicted to reach."""
    return "\n".join([in_cell(finding.span) + finding.message, *remedies(finding), *measured(finding)])


def remedies(finding: Finding) -> Iterator[str]:
    """A line for each way out."""
    for index, remedy in enumerate(finding.remedies):
        predicted = f": predicted {ratio(remedy.predicted_log10)}" if remedy.predicted_log10 is not None else ""
        yield f"{'also' if index else 'fix'}: {remedy.text}{predicted}"


def measured(finding: Finding) -> Iterator[str]:
    """A line on what the probe says, where it says something."""
    evidence = finding.evidence
    if evidence.status is not Status.NOT_MEASURED:
        value = f", measured {ratio(evidence.measured_log10)}" if evidence.measured_log10 is not None else ""
        yield f"probe: {evidence.status}{value}"
