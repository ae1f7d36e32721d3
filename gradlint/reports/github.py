"""Annotations of GitHub Actions: commands that the runner reads from the output of a step."""

from __future__ import annotations

from gradlint.findings import Finding, Severity
from gradlint.reports.context import Context
from gradlint.reports.places import lines_in_file, path_for_programs
from gradlint.reports.wording import message
from gradlint.results import Report

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}

_IN_MESSAGES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES = _IN_MESSAGES | {":": "%3A", ",": "%2C"}


def render(report: Report, context: Context) -> str:
    """A command for each finding, errors first: GitHub shows but ten annotations of a kind for a step."""
    ordered = sorted(report.findings, key=lambda finding: (-finding.severity.rank, finding.sort_key))
    failures = [f"::error title=gradlint::{_escape(failure.message, _IN_MESSAGES)}\n" for failure in report.failures]
    return "".join([*failures, *(_command(finding, context) for finding in ordered)])


def _command(finding: Finding, context: Context) -> str:
    properties = {"file": path_for_programs(finding.span.file, context.root)}
    lines = lines_in_file(finding.span)
    if lines is not None:
        first, last = lines
        properties |= {"line": str(first), "endLine": str(last)}
        if first == last:  # GitHub takes columns only of a single line
            properties |= {"col": str(finding.span.column), "endColumn": str(finding.span.end_column)}
    properties["title"] = f"{finding.code} {finding.name}"
    listed = ",".join(f"{key}={_escape(value, _IN_PROPERTIES)}" for key, value in properties.items())
    return f"::{_LEVELS[finding.severity]} {listed}::{_escape(message(finding), _IN_MESSAGES)}\n"


def _escape(text: str, replacements: dict[str, str]) -> str:
    return "".join(replacements.get(character, character) for character in text)
