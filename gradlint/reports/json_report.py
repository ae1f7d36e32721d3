"""JSON for programs. The keys are stable: none is ever renamed or taken away."""

from __future__ import annotations

import json
from typing import Any

from gradlint.findings import Finding
from gradlint.reports.context import Context
from gradlint.reports.numbers import plain
from gradlint.results import Report

VERSION = 1


def render(report: Report, context: Context) -> str:
    """One object: the version of the format, the findings, and counts."""
    content = {
        "version": VERSION,
        "findings": [_finding(finding) for finding in report.findings],
        "summary": {
            "files": report.files,
            "findings": len(report.findings),
            "networks": report.networks,
            "unresolved": report.unresolved,
            "seconds": round(report.seconds, 3),
        },
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    content: dict[str, Any] = {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": finding.message,
        "file": finding.span.file,
        "line": finding.span.line,
        "column": finding.span.column,
        "end_line": finding.span.end_line,
        "end_column": finding.span.end_column,
        "network": finding.network,
        "evidence": {
            "predicted_log10": plain(finding.evidence.predicted_log10),
            "measured_log10": plain(finding.evidence.measured_log10),
            "status": finding.evidence.status.value,
            "reason": finding.evidence.reason,
            "seeds": finding.evidence.seeds,
        },
        "remedies": [
            {"text": remedy.text, "predicted_log10": plain(remedy.predicted_log10)} for remedy in finding.remedies
        ],
        "related": [
            {"file": related.span.file, "line": related.span.line, "message": related.message}
            for related in finding.related
        ],
    }
    if finding.span.cell is not None:  # lines of a notebook count within the code cell
        content["cell"] = finding.span.cell
    return content
