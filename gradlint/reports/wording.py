"""A finding as plain text of several lines, for formats that show one message only."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gradlint.findings import Evidence, Finding, Status
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
    if outcome := outcome_of(finding.evidence):
        yield f"probe: {outcome}"


def outcome_of(evidence: Evidence) -> str:
    """What measuring said, beside what was predicted; empty where nothing was to be measured."""
    if evidence.status is Status.NOT_MEASURED:
        return f"not measured ({evidence.reason})" if evidence.reason else ""
    facts = [evidence.status.value]
    if evidence.measured_log10 is not None and not math.isnan(evidence.measured_log10):
        facts.append(f"measured {ratio(evidence.measured_log10)}")
        if evidence.predicted_log10 is not None:
            facts.append(f"predicted {ratio(evidence.predicted_log10)}")
        qualified = evidence.reason
    else:
        fact, _, qualified = evidence.reason.partition("; ")
        facts += [fact] if fact else []
    return ", ".join(facts) + (f" ({qualified})" if qualified else "")
