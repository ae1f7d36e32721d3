from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradlint.findings import Finding, Span
from gradlint.reports import render
from gradlint.results import Report
from tests.reports.findings import LOOP, MLP, REPORT, SIGMOIDS, context


def quality(*findings: Finding, root: Path | None = None, files: dict[str, str] | None = None) -> list[dict[str, Any]]:
    content = json.loads(render("gitlab", Report(findings=findings), context(root, files)))
    assert isinstance(content, list)
    return content


def moved(finding: Finding, lines: int) -> Finding:
    span = finding.span
    return replace(finding, span=replace(span, line=span.line + lines, end_line=span.end_line + lines))


def test_an_object_has_what_gitlab_asks_for() -> None:
    found = quality(*REPORT.findings)[1]
    assert len(found.pop("fingerprint")) == 32
    assert found == {
        "description": "deep-sigmoid-stack: 10 sigmoid layers shrink the gradient to 1.7e-07: 100 %, of <it>",
        "check_name": "GRD101",
        "severity": "critical",
        "location": {"path": "nets/mlp.py", "lines": {"begin": 7, "end": 7}},
    }


def test_grades() -> None:
    assert [found["severity"] for found in quality(*REPORT.findings)] == ["major", "critical", "info"]


def test_no_findings_are_an_empty_list() -> None:
    assert quality() == []


def test_a_fingerprint_stays_when_lines_and_numbers_move_and_changes_with_the_line() -> None:
    (before,) = quality(SIGMOIDS)
    (after,) = quality(moved(replace(SIGMOIDS, message="another number"), 2), files={"nets/mlp.py": "\n\n" + MLP})
    assert before["fingerprint"] == after["fingerprint"]
    (changed,) = quality(SIGMOIDS, files={"nets/mlp.py": MLP.replace("128", "64")})
    assert before["fingerprint"] != changed["fingerprint"]
    (elsewhere,) = quality(replace(SIGMOIDS, span=replace(SIGMOIDS.span, file="nets/b.py")), files={"nets/b.py": MLP})
    assert before["fingerprint"] != elsewhere["fingerprint"]


def test_fingerprints_are_unique_where_a_line_is_repeated() -> None:
    twice = quality(LOOP, moved(LOOP, 1), files={"nets/mlp.py": "x\n" * 9})
    assert twice[0]["fingerprint"] != twice[1]["fingerprint"]


def test_paths_are_those_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert quality(SIGMOIDS, root=tmp_path)[0]["location"]["path"] == "sub/nets/mlp.py"
    outside = replace(SIGMOIDS, span=Span("/elsewhere/x.py", 1, 1, 1, 2))
    assert quality(outside, root=tmp_path)[0]["location"]["path"] == "/elsewhere/x.py"
