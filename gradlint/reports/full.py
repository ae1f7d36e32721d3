"""Text with the source around each finding and the ways out: the format for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.findings import Finding, Severity, Span, Status
from gradlint.reports.context import Context
from gradlint.reports.frame import frame, gutter
from gradlint.reports.numbers import count, ratio
from gradlint.reports.style import SEVERITY_COLORS
from gradlint.reports.wording import outcome_of
from gradlint.results import Report

REPORT_TO = "https://github.com/gradlint/gradlint/issues"
"""Where people tell of mistakes that gradlint makes."""


def render(report: Report, context: Context) -> str:
    """Every finding in full, then the counts."""
    blocks = ["".join(f"{line}\n" for line in _finding(finding, context)) for finding in report.findings]
    blocks.extend(closing(report, context))
    return "\n".join(blocks)


def place(span: Span) -> str:
    """A place as editors and terminals understand it."""
    cell = f"cell {span.cell}:" if span.cell is not None else ""
    return f"{span.file}:{cell}{span.line}:{span.column}"


def _finding(finding: Finding, context: Context) -> Iterator[str]:
    style = context.style
    color = SEVERITY_COLORS[finding.severity]
    grade = style(f"[{finding.severity}, {finding.confidence} confidence]", color)
    rule = f"{style(finding.code, color, 'bold')} {style(finding.name, 'bold')}"
    yield f"{style(place(finding.span), 'bold')}: {rule} {grade}"
    yield from (f"  {line}" for line in finding.message.splitlines())
    yield from frame(finding.span, finding.label, context.source_line, style, color)
    margin = " " * (gutter(finding.span) + 1)
    for key, text in _notes(finding):
        yield f"{margin}{style('=', 'blue')} {style(key, 'bold')}: {text}"


def _notes(finding: Finding) -> Iterator[tuple[str, str]]:
    for related in finding.related:
        yield "see", f"{place(related.span)}: {related.message}"
    for index, remedy in enumerate(finding.remedies):
        predicted = f": predicted {ratio(remedy.predicted_log10)}" if remedy.predicted_log10 is not None else ""
        yield ("also" if index else "fix"), f"{remedy.text}{predicted}"
    if outcome := outcome_of(finding.evidence):
        yield "probe", outcome
    if finding.evidence.status is Status.REFUTED:
        yield "note", f"gradlint is mistaken here and the run does not fail for it; please report it: {REPORT_TO}"
    yield "more", f"gradlint explain {finding.code}"


def closing(report: Report, context: Context) -> Iterator[str]:
    """Counts by rule where they are asked for, and the sentence at the end."""
    if context.statistics and report.findings:
        yield _statistics(report)
    if context.summary:
        yield _summary(report, context) + "\n"


def _statistics(report: Report) -> str:
    counts: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        key = (finding.code, finding.name)
        counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    width = len(str(ordered[0][1]))
    return "".join(f"{number:>{width}}  {code} {name}\n" for (code, name), number in ordered)


def _summary(report: Report, context: Context) -> str:
    set_aside = (
        (report.suppressed, "suppressed"),
        (report.known, "known to the baseline"),
        (report.unchanged, "on unchanged lines"),
    )
    besides = "".join(f", {number:,} {what}" for number, what in set_aside if number)
    looked = f"{count(report.files, 'file')} ({count(report.networks, 'network')}){besides}"
    if not report.findings:
        return context.style(f"No findings in {looked}.", "green")
    grades = []
    for severity in sorted(Severity, key=lambda severity: -severity.rank):
        number = sum(finding.severity is severity for finding in report.findings)
        if number:
            grades.append(context.style(count(number, severity.value), SEVERITY_COLORS[severity]))
    listed = " and ".join(filter(None, [", ".join(grades[:-1]), grades[-1]]))
    return f"Found {listed} in {looked}.{_outcomes(report.findings)}"


def _outcomes(findings: Iterable[Finding]) -> str:
    """How many findings were confirmed, refuted or not measured, in a run that measures."""
    seen = [finding.evidence for finding in findings]
    counts = {
        Status.CONFIRMED: sum(evidence.status is Status.CONFIRMED for evidence in seen),
        Status.REFUTED: sum(evidence.status is Status.REFUTED for evidence in seen),
        Status.NOT_MEASURED: sum(evidence.status is Status.NOT_MEASURED and bool(evidence.reason) for evidence in seen),
    }
    parts = [f"{number} {status}" for status, number in counts.items() if number]
    return f" Probe: {', '.join(parts)}." if parts else ""
