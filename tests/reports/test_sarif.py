from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gradlint.catalogue import own_rules
from gradlint.findings import Span
from gradlint.reports import render
from gradlint.results import Report
from tests.reports.findings import FAILED, LOOP, NOTEBOOK, REFUTED, REPORT, SIGMOIDS, context

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))


def sarif(report: Report, root: Path | None = None) -> dict[str, Any]:
    """The run of the log, which must be as the standard says."""
    log = json.loads(render("sarif", report, context(root)))
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def result(finding: Any, root: Path | None = None) -> dict[str, Any]:
    (only,) = sarif(Report(findings=(finding,)), root)["results"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("report", [REPORT, Report(), FAILED, Report(findings=(REFUTED,))])
def test_it_is_valid_against_the_official_schema(report: Report) -> None:
    assert len(sarif(report)["results"]) == len(report.findings)


def test_the_validator_would_see_a_mistake() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate({"version": "2.1.0", "runs": [{"tool": {}}]})


def test_the_schema_that_is_named_is_the_one_that_is_held() -> None:
    assert json.loads(render("sarif", REPORT, context()))["$schema"] == SCHEMA["id"]


def test_a_result_has_its_rule_level_region_and_text() -> None:
    found = result(SIGMOIDS)
    assert (found["ruleId"], found["level"], found["rank"]) == ("GRD101", "error", 90.0)
    assert found["message"]["text"].startswith("10 sigmoid layers")
    assert "fix: activation" in found["message"]["text"]
    (location,) = found["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "nets/mlp.py", "uriBaseId": "%SRCROOT%"},
        "region": {
            "startLine": 7,
            "startColumn": 15,
            "endLine": 7,
            "endColumn": 47,
            "snippet": {"text": 'Dense(128, activation="sigmoid")'},
        },
    }


def test_a_region_of_several_lines() -> None:
    region = result(LOOP)["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["endLine"], region["endColumn"]) == (5, 7, 47)
    assert region["snippet"]["text"].startswith("model = Sequential()\nfor _")
    assert region["snippet"]["text"].endswith('"sigmoid")')


def test_a_rule_brings_its_page_and_how_precise_it_is() -> None:
    rules = {rule["id"]: rule for rule in sarif(REPORT)["tool"]["driver"]["rules"]}
    assert sorted(rules) == ["GRD101", "GRD505"]
    page = next(rule for rule in own_rules() if rule.code == "GRD101")
    assert rules["GRD101"]["shortDescription"]["text"] == page.summary
    assert page.sections["Why is this bad?"] in rules["GRD101"]["help"]["markdown"]
    assert "```toml" not in rules["GRD101"]["help"]["markdown"]
    assert rules["GRD101"]["properties"] == {
        "tags": ["gradients", "torch", "keras"],
        "precision": "high",
        "problem.severity": "error",
    }


def test_results_point_at_their_rules() -> None:
    run = sarif(REPORT)
    for found in run["results"]:
        assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == found["ruleId"]


def test_related_places_and_the_way_of_the_gradient() -> None:
    found = result(SIGMOIDS)
    (related,) = found["relatedLocations"]
    assert (related["message"]["text"], related["physicalLocation"]["region"]["startLine"]) == (
        "the network starts here",
        5,
    )
    (flow,) = found["codeFlows"]
    steps = [step["location"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["physicalLocation"]["region"]["startLine"] for step in steps] == [5, 7]
    assert steps[0]["message"]["text"] == "the loss: the gradient starts here"
    assert "codeFlows" not in result(LOOP)


def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    uri = result(SIGMOIDS, tmp_path)["locations"][0]["physicalLocation"]["artifactLocation"]
    assert uri == {"uri": "sub/nets/mlp.py", "uriBaseId": "%SRCROOT%"}
    outside = result(replace(SIGMOIDS, span=Span("/elsewhere/a b.py", 1, 1, 1, 2)), tmp_path)
    assert outside["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///elsewhere/a%20b.py"}


def test_a_cell_of_a_notebook_is_no_line_of_its_file() -> None:
    (location,) = result(NOTEBOOK)["locations"]
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    assert location["logicalLocations"] == [{"name": "cell 3", "kind": "module"}]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "gr%C3%B6%C3%9Fe%20%26%20co/a%20b.ipynb"
    assert result(NOTEBOOK)["message"]["text"].startswith("cell 3, line 2: ")


def test_what_measuring_refuted_fails_nobody() -> None:
    found = result(REFUTED)
    assert (found["kind"], found["level"], found["properties"]["probe"]) == ("review", "none", "refuted")


def test_a_run_that_failed_says_so() -> None:
    (invocation,) = sarif(FAILED)["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"].startswith("broken.py: internal error")
