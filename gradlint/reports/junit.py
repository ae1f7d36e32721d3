"""JUnit's XML, which most CI servers show: a suite for each file with findings, a failed case for each finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from gradlint.findings import Finding
from gradlint.reports.context import Context
from gradlint.reports.full import place
from gradlint.reports.places import path_for_programs
from gradlint.reports.wording import message
from gradlint.results import Failure, Report

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold in any form."""


def render(report: Report, context: Context) -> str:
    """The suites; a single passed case where there is nothing to report."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    failed, broken = len(report.findings), len(report.failures)
    counts = {"tests": failed + broken or 1, "failures": failed, "errors": broken}
    lines.append(_open("testsuites", name="gradlint", **counts, time=f"{report.seconds:.3f}"))
    for file, group in groupby(report.findings, key=lambda finding: finding.span.file):
        findings = list(group)
        path = path_for_programs(file, context.root)
        lines.append("  " + _open("testsuite", name=path, tests=len(findings), failures=len(findings), errors=0))
        for finding in findings:
            lines += _case(finding, path)
        lines.append("  </testsuite>")
    if report.failures or not report.findings:
        lines.append("  " + _open("testsuite", name="gradlint", tests=broken or 1, failures=0, errors=broken))
        lines += [line for failure in report.failures for line in _error(failure)]
        if not report.failures:
            lines.append("    " + _open("testcase", classname="gradlint", name="no findings") + "</testcase>")
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(finding: Finding, path: str) -> Iterator[str]:
    line, column = finding.span.line, finding.span.column
    name = f"{finding.code} {finding.name} at {line}:{column}"
    attributes = {"file": path, "line": line} if finding.span.cell is None else {"file": path}
    yield "    " + _open("testcase", classname=path, name=name, **attributes)
    yield "      " + _open("failure", type=finding.severity.value, message=finding.message)
    yield f"{escape(_clean(f'{place(finding.span)}: {message(finding)}'))}"
    yield "      </failure>"
    yield "    </testcase>"


def _error(failure: Failure) -> Iterator[str]:
    yield "    " + _open("testcase", classname="gradlint", name="gradlint")
    yield "      " + _open("error", message=failure.message) + "</error>"
    yield "    </testcase>"


def _open(tag: str, **attributes: str | int) -> str:
    listed = "".join(f" {key}={quoteattr(_clean(str(value)))}" for key, value in attributes.items())
    return f"<{tag}{listed}>"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
