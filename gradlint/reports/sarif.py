"""SARIF 2.1.0, which code hosts and editors read: results, the pages of their rules, the way of the gradient.

The standard: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html; what GitHub makes of it:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gradlint import __version__
from gradlint.catalogue import Rule
from gradlint.findings import Confidence, Finding, Related, Severity, Span, Status
from gradlint.reports.context import Context
from gradlint.reports.numbers import plain
from gradlint.reports.places import fingerprints, in_cell, lines_in_file, relative_path
from gradlint.reports.wording import message
from gradlint.results import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
"""The name that stands for the root of the repository, wherever that lies."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_GITHUB_SEVERITIES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}
_RANKS = {Confidence.HIGH: 90.0, Confidence.MEDIUM: 60.0, Confidence.LOW: 30.0}
"""From 0 to 100: how much a result deserves to be looked at, among those of its level."""


def render(report: Report, context: Context) -> str:
    """One run."""
    used = {finding.code: finding.name for finding in report.findings}
    indices = {code: index for index, code in enumerate(sorted(used))}
    keys = fingerprints(report.findings, context)
    run = {
        "tool": {
            "driver": {
                "name": "gradlint",
                "semanticVersion": __version__,
                "rules": [_rule(code, used[code], context.rules.get(code)) for code in indices],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not report.failures,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": failure.message}} for failure in report.failures
                ],
            }
        ],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, key, indices, context) for finding, key in zip(report.findings, keys, strict=True)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, name: str, rule: Rule | None) -> dict[str, Any]:
    """What a reader is told of a rule: its page."""
    content: dict[str, Any] = {"id": code, "name": name}
    if rule is not None:
        content |= {
            "shortDescription": {"text": rule.summary},
            "fullDescription": {"text": _paragraph(rule, "What it does") or rule.summary},
            "help": {"text": _page(rule), "markdown": _page(rule)},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
            "properties": {
                "tags": ["gradients", *rule.frameworks],
                "precision": rule.confidence.value,
                "problem.severity": _GITHUB_SEVERITIES[rule.severity],
            },
        }
    return content


def _page(rule: Rule) -> str:
    """The sections of the page: its metadata stand elsewhere."""
    return "\n\n".join(f"## {heading}\n\n{body}" for heading, body in rule.sections.items())


def _paragraph(rule: Rule, section: str) -> str:
    return " ".join(rule.sections.get(section, "").split("\n\n")[0].split())


def _result(finding: Finding, key: str, indices: Mapping[str, int], context: Context) -> dict[str, Any]:
    evidence = finding.evidence
    properties = {
        "confidence": finding.confidence.value,
        "network": finding.network,
        "predicted_log10": plain(evidence.predicted_log10),
        "measured_log10": plain(evidence.measured_log10),
        "probe": evidence.status.value,
        "remedies": [{"text": r.text, "predicted_log10": plain(r.predicted_log10)} for r in finding.remedies],
    }
    content: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": indices[finding.code],
        "level": _LEVELS[finding.severity],
        "rank": _RANKS[finding.confidence],
        "message": {"text": message(finding)},
        "locations": [_location(finding.span, context)],
        "partialFingerprints": {"gradlint/v1": key},
        "properties": properties,
    }
    if evidence.status is Status.REFUTED:
        content["kind"], content["level"] = "review", "none"
    if finding.related:
        content["relatedLocations"] = [
            _location(related.span, context, related.message) | {"id": index}
            for index, related in enumerate(finding.related)
        ]
    if finding.flow:
        content["codeFlows"] = [_code_flow(finding.flow, context)]
    return content


def _code_flow(flow: Sequence[Related], context: Context) -> dict[str, Any]:
    """The way of the gradient, from the loss back to the layer."""
    locations = [{"location": _location(step.span, context, step.message)} for step in flow]
    return {
        "message": {"text": "The way of the gradient, from the loss back to the layer"},
        "threadFlows": [{"locations": locations}],
    }


def _location(span: Span, context: Context, text: str = "") -> dict[str, Any]:
    content: dict[str, Any] = {"physicalLocation": _physical(span, context)}
    if span.cell is not None:
        content["logicalLocations"] = [{"name": f"cell {span.cell}", "kind": "module"}]
    if text:
        content["message"] = {"text": in_cell(span) + text}
    return content


def _physical(span: Span, context: Context) -> dict[str, Any]:
    if lines_in_file(span) is None:  # lines of a cell are no lines of the file
        return {"artifactLocation": _artifact(span, context), "region": {"startLine": 1}}
    region: dict[str, Any] = {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }
    lines = [context.source_line(span, line) for line in range(span.line, span.end_line + 1)]
    if any(lines):
        whole = "\n".join(lines)
        end = len(whole) - len(lines[-1]) + span.end_column - 1
        region["snippet"] = {"text": whole[span.column - 1 : end]}
    return {"artifactLocation": _artifact(span, context), "region": region}


def _artifact(span: Span, context: Context) -> dict[str, Any]:
    relative = relative_path(span.file, context.root)
    if relative is not None:
        return {"uri": quote(relative, errors="surrogatepass"), "uriBaseId": ROOT}
    return {"uri": Path(span.file).absolute().as_uri()}
