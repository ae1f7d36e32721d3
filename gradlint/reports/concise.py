"""One line for each finding."""

from __future__ import annotations

from gradlint.findings import Finding
from gradlint.reports.context import Context
from gradlint.reports.full import closing, place
from gradlint.reports.style import SEVERITY_COLORS
from gradlint.reports.wording import outcome_of
from gradlint.results import Report


def render(report: Report, context: Context) -> str:
    """Every finding on a line of its own, then the counts."""
    style = context.style
    lines = [
        f"{style(place(f.span), 'bold')}: {style(f.code, SEVERITY_COLORS[f.severity])} {f.name}: "
        f"{' '.join(f.message.split())}{_outcome(f)}\n"
        for f in report.findings
    ]
    return "".join([*lines, *closing(report, context)])


def _outcome(finding: Finding) -> str:
    outcome = outcome_of(finding.evidence)
    return f" [probe: {outcome}]" if outcome else ""
