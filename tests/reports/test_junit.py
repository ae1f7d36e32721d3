from __future__ import annotations

from xml.etree import ElementTree

from gradlint.reports import render
from gradlint.results import Report
from tests.reports.findings import FAILED, REPORT, context


def suites(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring(render("junit", report, context()))


def test_a_suite_for_each_file_and_a_failure_for_each_finding() -> None:
    root = suites(REPORT)
    assert root.attrib == {"name": "gradlint", "tests": "3", "failures": "3", "errors": "0", "time": "0.314"}
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [
        ("nets/mlp.py", "2"),
        ("größe & co/a b.ipynb", "1"),
    ]
    case = root[0][1]
    assert (case.get("classname"), case.get("name")) == ("nets/mlp.py", "GRD101 deep-sigmoid-stack at 7:15")
    assert (case.get("file"), case.get("line")) == ("nets/mlp.py", "7")
    (failure,) = case
    assert failure.get("type") == "error"
    assert failure.get("message") == REPORT.findings[1].message
    assert failure.text is not None
    assert "fix: activation" in failure.text


def test_without_findings_one_case_passes() -> None:
    root = suites(Report(files=1))
    assert (root.get("tests"), root.get("failures")) == ("1", "0")
    assert len(root[0][0]) == 0


def test_what_gradlint_could_not_do_is_an_error_and_what_xml_cannot_hold_is_replaced() -> None:
    root = suites(FAILED)
    assert (root.get("failures"), root.get("errors")) == ("0", "1")
    (error,) = root[0][0]
    assert (error.tag, error.get("message")) == ("error", "broken.py: internal error: ValueError: 5 < 6 & \ufffd[31m")
