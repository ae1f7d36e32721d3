from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from gradlint.findings import Confidence, Evidence, Finding, Related, Remedy, Severity, Span, Status
from gradlint.reports import Context, render
from gradlint.reports.style import Style
from gradlint.results import Report
from tests.reports.findings import MLP

SIGMOIDS = Finding(
    code="GRD101",
    name="deep-sigmoid-stack",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    message="10 sigmoid layers shrink the gradient to 1.7e-07 of its size on the way to `dense` (layer 1)",
    span=Span("nets/mlp.py", 7, 15, 7, 47),
    label="each of these multiplies the gradient by about 0.21",
    network="model",
    evidence=Evidence(predicted_log10=-6.7696),
    remedies=(
        Remedy('activation="relu" with kernel_initializer="he_normal"', -0.0969),
        Remedy("BatchNormalization() before each activation", -0.3979),
        Remedy("a shallower network"),
    ),
)
UNUSED = Finding(
    code="GRD002",
    name="unused-suppression",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    message="`GRD101` would not be reported here: the suppression suppresses nothing",
    span=Span("nets/mlp.py", 1, 30, 1, 40),
)
REPORT = Report(findings=(UNUSED, SIGMOIDS), files=12, networks=3, unresolved=1, seconds=0.31415)


def context(files: Mapping[str, str] | None = None, **options: object) -> Context:
    texts = {"nets/mlp.py": MLP} if files is None else files

    def source_line(span: Span, line: int) -> str:
        lines = texts.get(span.file, "").split("\n")
        return lines[line - 1] if line <= len(lines) else ""

    return Context(source_line=source_line, **options)  # type: ignore[arg-type]


def full(finding: Finding, text: str | None = None) -> str:
    files = None if text is None else {finding.span.file: text}
    return render("full", Report(findings=(finding,)), context(files, summary=False))


@pytest.mark.parametrize("output_format", ["full", "concise", "json"])
def test_report(output_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(output_format, REPORT, context()) == snapshot


@pytest.mark.parametrize("output_format", ["full", "concise"])
def test_report_in_color(output_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(output_format, REPORT, context(style=Style(enabled=True))) == snapshot


@pytest.mark.parametrize("output_format", ["full", "concise", "json"])
def test_report_without_findings(output_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(output_format, Report(files=1), context()) == snapshot


def test_color_changes_nothing_but_color() -> None:
    import re

    colored = render("full", REPORT, context(style=Style(enabled=True)))
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == render("full", REPORT, context())


def test_statistics(snapshot: SnapshotAssertion) -> None:
    report = replace(REPORT, findings=(UNUSED, *[SIGMOIDS] * 10))
    assert render("concise", report, context(statistics=True)).splitlines()[-3:] == snapshot


def test_suppressed_findings_are_counted() -> None:
    text = render("concise", Report(files=2, networks=3, suppressed=4), context())
    assert text == "No findings in 2 files (3 networks), 4 suppressed.\n"


def test_what_was_measured_is_counted() -> None:
    statuses = [Status.CONFIRMED, Status.CONFIRMED, Status.REFUTED, Status.NOT_MEASURED]
    findings = tuple(replace(SIGMOIDS, evidence=Evidence(status=status, reason="so")) for status in statuses)
    text = render("concise", Report(findings=(*findings, UNUSED), files=1), context())
    assert text.splitlines()[-1].endswith("Probe: 2 confirmed, 1 refuted, 1 not measured.")


def test_a_quiet_report_has_findings_only() -> None:
    assert render("concise", replace(REPORT, findings=()), context(summary=False)) == ""
    assert render("full", replace(REPORT, findings=()), context(summary=False)) == ""


def test_what_belongs_to_a_finding(snapshot: SnapshotAssertion) -> None:
    related = (Related(Span("nets/blocks.py", 3, 5, 3, 9), "this is what it builds"),)
    assert full(replace(SIGMOIDS, related=related)) == snapshot


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(-6.77, -6.8, Status.CONFIRMED),
        Evidence(-6.77, 0.1, Status.REFUTED),
        Evidence(-6.77, reason="the network has no input"),
        Evidence(-6.77, -math.inf, Status.CONFIRMED),
        Evidence(-6.77, -6.8, Status.CONFIRMED, "exactly 0 in single precision; shape (32, 8) assumed for x"),
        Evidence(None, None, Status.CONFIRMED, "measured: 83% of the units are dead; shape (32, 8) assumed for x"),
        Evidence(3.2, math.nan, Status.CONFIRMED, "measured: the gradient is not a number"),
    ],
    ids=["confirmed", "refuted", "not measured", "zero", "qualified", "another fact", "not a number"],
)
def test_evidence(evidence: Evidence, snapshot: SnapshotAssertion) -> None:
    finding = replace(SIGMOIDS, evidence=evidence)
    lines = [line for line in full(finding).splitlines() if line.startswith(("  = probe", "  = note"))]
    report = Report(findings=(finding,))
    assert [*lines, render("concise", report, context(summary=False)).partition("(layer 1)")[2]] == snapshot


PLACES = {
    "first line": ("model = f()\n", Span("a.py", 1, 9, 1, 12)),
    "several lines": ("x = 1\n\nmodel = f(\n    1,\n    2,\n)\n", Span("a.py", 3, 9, 6, 2)),
    "many lines": ("model = f(\n" + "    1,\n" * 20 + ")\n", Span("a.py", 1, 9, 22, 2)),
    "last line of many": ("x = 1\n" * 99 + "y = f()", Span("a.py", 100, 5, 100, 8)),
    "tabs": ("if x:\n\tif y:\n\t\tz = f()\n", Span("a.py", 3, 7, 3, 10)),
    "wide letters": ('x = ["模型", f()]\n', Span("a.py", 1, 12, 1, 15)),
    "control characters": ("x = '\x1b[31m\x07' + f()\n", Span("a.py", 1, 16, 1, 19)),
    "a long line": ("x = [" + "1, " * 100 + "f(), " + "2, " * 100 + "]\n", Span("a.py", 1, 306, 1, 309)),
    "the end of a line": ("x = (\n", Span("a.py", 1, 6, 1, 7)),
    "beyond the line": ("x = (\n", Span("a.py", 1, 40, 1, 41)),
    "an empty line before": ("\n\nx = f()\n", Span("a.py", 3, 5, 3, 8)),
    "a cell": ("x = f()\n", Span("a.ipynb", 1, 5, 1, 8, cell=3)),
    "no source": ("", Span("a.py", 1, 1, 1, 2)),
}


@pytest.mark.parametrize("place", PLACES)
def test_source_frames(place: str, snapshot: SnapshotAssertion) -> None:
    text, span = PLACES[place]
    assert full(replace(SIGMOIDS, span=span, remedies=(), label="here"), text) == snapshot


FINDING_KEYS = [
    "code",
    "name",
    "severity",
    "confidence",
    "message",
    "file",
    "line",
    "column",
    "end_line",
    "end_column",
    "network",
    "evidence",
    "remedies",
    "related",
]


def test_json_has_the_documented_keys_and_no_other() -> None:
    related = (Related(Span("nets/blocks.py", 3, 5, 3, 9), "here"),)
    report = replace(REPORT, findings=(replace(SIGMOIDS, related=related),))
    content = json.loads(render("json", report, Context()))
    assert list(content) == ["version", "findings", "summary"]
    assert list(content["summary"]) == ["files", "findings", "networks", "unresolved", "seconds"]
    (finding,) = content["findings"]
    assert list(finding) == FINDING_KEYS
    assert list(finding["evidence"]) == ["predicted_log10", "measured_log10", "status", "reason", "seeds"]
    assert [list(remedy) for remedy in finding["remedies"]] == [["text", "predicted_log10"]] * 3
    assert [list(item) for item in finding["related"]] == [["file", "line", "message"]]


def test_json_of_a_notebook_says_which_cell() -> None:
    report = Report(findings=(replace(SIGMOIDS, span=Span("a.ipynb", 1, 5, 1, 8, cell=3)),))
    (finding,) = json.loads(render("json", report, Context()))["findings"]
    assert list(finding) == [*FINDING_KEYS, "cell"]
    assert finding["cell"] == 3


@pytest.mark.parametrize(
    ("value", "written"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, None), (None, None), (-6.77777, -6.7778)]
)
def test_json_has_numbers_that_every_reader_takes(value: float | None, written: object) -> None:
    report = Report(findings=(replace(SIGMOIDS, evidence=Evidence(predicted_log10=value)),))
    (finding,) = json.loads(render("json", report, Context()))["findings"]
    assert finding["evidence"]["predicted_log10"] == written
