"""A code quality report, as GitLab shows it in merge requests."""

from __future__ import annotations

import json
from typing import Any

from gradlint.findings import Finding, Severity
from gradlint.reports.context import Context
from gradlint.reports.places import fingerprints, in_cell, lines_in_file, path_for_programs
from gradlint.results import Report

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "info"}


def render(report: Report, context: Context) -> str:
    """One object for each finding."""
    keys = fingerprints(report.findings, context)
    content = [_finding(finding, key, context) for finding, key in zip(report.findings, keys, strict=True)]
    return json.dumps(content, indent=2) + "\n"


def _finding(finding: Finding, fingerprint: str, context: Context) -> dict[str, Any]:
    begin, end = lines_in_file(finding.span) or (1, 1)
    return {
        "description": f"{finding.name}: {in_cell(finding.span)}{' '.join(finding.message.split())}",
        "check_name": finding.code,
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": path_for_programs(finding.span.file, context.root),
            "lines": {"begin": begin, "end": end},
        },
    }
