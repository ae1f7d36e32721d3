"""Findings as measuring leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gradlint.config import Measuring, Settings
from gradlint.engine import check
from gradlint.findings import Confidence, Evidence, Finding, Severity, Span, Status
from gradlint.probe import Probe, ProbeUnavailable
from gradlint.probing import NOTHING, Prober, called, nothing_to_measure, with_evidence
from gradlint.results import Report
from tests.processes import run

FINDING = Finding(
    code="GRD101",
    name="deep-sigmoid-stack",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    message="it vanishes",
    span=Span("a.py", 1, 1, 1, 2),
    evidence=Evidence(predicted_log10=-6.8),
)


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (Status.CONFIRMED, Severity.ERROR),
        (Status.REFUTED, Severity.NOTE),
        (Status.NOT_MEASURED, Severity.ERROR),
    ],
)
def test_only_what_is_refuted_becomes_a_note(status: Status, severity: Severity) -> None:
    found = with_evidence(FINDING, Evidence(None, -1.0, status, "so", 5))
    assert found.severity is severity
    assert found.evidence == Evidence(-6.8, -1.0, status, "so", 5)


@pytest.mark.parametrize("fails_from", list(Severity))
def test_a_refuted_finding_fails_no_run(fails_from: Severity) -> None:
    settings = Settings(fail_severity=fails_from)
    refuted = with_evidence(FINDING, Evidence(status=Status.REFUTED))
    assert Report(findings=(refuted,)).exit_status(settings) == 0
    assert Report(findings=(refuted, FINDING)).exit_status(settings) == 1


@pytest.mark.parametrize(
    ("calls", "names", "expected"),
    [
        (("Net(3)",), {"Net", "Other"}, {"Net": "Net(3)"}),
        (("Net(3)", "nets.Other()"), {"Net", "Other"}, {"Net": "Net(3)", "Other": "nets.Other()"}),
        (("build(3)",), {"model"}, {"model": "build(3)"}),
        (("Net(3)", "build()"), {"Net", "model"}, {"Net": "Net(3)", "model": "build()"}),
        (("build(3)",), {"model", "Net"}, {}),
        (("build(3)", "make()"), {"model"}, {}),
        ((), {"model"}, {}),
    ],
)
def test_a_call_builds_the_network_of_its_name(
    calls: tuple[str, ...], names: set[str], expected: Mapping[str, str]
) -> None:
    assert called(calls, names) == expected


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("There is nothing to measure: it is the loop,\nnot the network.\n\nMore.", "it is the loop, not the network"),
        ("It measures the gradient.", NOTHING),
        ("", NOTHING),
    ],
)
def test_the_page_says_why_a_rule_is_never_measured(page: str, reason: str) -> None:
    assert nothing_to_measure(page) == reason


NETS = """
import torch
from torch import nn

def stack(depth):
    return nn.Sequential(*[m for _ in range(depth) for m in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 1))

deep = stack({depth})
optimizer = torch.optim.SGD(deep.parameters(), lr=0.1)
for x, y in [(torch.randn(4, 64), torch.randn(4, 1))]:
    nn.functional.mse_loss(deep(x), y).backward()
    optimizer.step()
"""

BOTH = ("deep-sigmoid-stack", "missing-zero-grad")


def write(folder: Path, count: int = 1) -> Settings:
    for number in range(count):
        (folder / f"net{number}.py").write_text(NETS.replace("{depth}", str(10 + number)))
    return Settings(root=folder, measuring=Measuring.TWIN, probe_seeds=2, jobs=1, select=BOTH)


def findings(folder: Path, settings: Settings) -> list[Finding]:
    report = check([folder], settings)
    assert report.failures == ()
    return list(report.findings)


def test_each_finding_on_a_network_says_what_came_of_it(tmp_path: Path) -> None:
    outcomes = {f.name: (f.evidence.status, f.evidence.reason) for f in findings(tmp_path, write(tmp_path))}
    assert outcomes == {
        "deep-sigmoid-stack": (Status.CONFIRMED, ""),
        "missing-zero-grad": (Status.NOT_MEASURED, "it is the loop, not the network"),
    }


def test_files_of_several_processes_are_measured_alike(tmp_path: Path) -> None:
    settings = write(tmp_path, 3)
    assert findings(tmp_path, settings) == findings(tmp_path, replace(settings, jobs=2))


def test_one_child_serves_the_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    start = Probe._running

    def running(probe: Probe) -> object:
        child = start(probe)
        if child not in started:
            started.append(child)
        return child

    monkeypatch.setattr(Probe, "_running", running)
    assert len(findings(tmp_path, write(tmp_path, 3))) == 6
    assert len(started) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"ignore": ("deep-sigmoid-stack",)},
        {"select": ("missing-zero-grad",)},
        {"min_severity": Severity.ERROR, "severity": (("deep-sigmoid-stack", Severity.NOTE),)},
        {"per_file_ignores": (("*", ("GRD1",)),)},
        {"baseline": "known.json"},
    ],
)
def test_nothing_is_started_for_what_is_not_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Mapping[str, object]
) -> None:
    def running(probe: Probe) -> None:
        raise AssertionError("a child was started")

    settings = write(tmp_path)
    done = run("check", ".", "--write-baseline", "known.json", cwd=tmp_path)
    assert done.returncode == 0
    monkeypatch.setattr(Probe, "_running", running)
    findings(tmp_path, replace(settings, **change))  # type: ignore[arg-type]


def test_the_configured_severity_holds_unless_refuted(tmp_path: Path) -> None:
    settings = replace(write(tmp_path), severity=(("deep-sigmoid-stack", Severity.WARNING),))
    (found,) = [f for f in findings(tmp_path, settings) if f.name == "deep-sigmoid-stack"]
    assert (found.severity, found.evidence.status) == (Severity.WARNING, Status.CONFIRMED)


def test_what_is_refuted_is_shown_only_if_notes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "answer", lambda *_: Evidence(None, -0.1, Status.REFUTED))
    settings = write(tmp_path)
    report = check([tmp_path], settings)
    assert {f.name: f.severity for f in report.findings}["deep-sigmoid-stack"] is Severity.NOTE
    report = check([tmp_path], replace(settings, min_severity=Severity.WARNING))
    assert "deep-sigmoid-stack" not in {f.name for f in report.findings}


def test_progress_counts_the_findings(tmp_path: Path) -> None:
    told: list[str] = []
    check([tmp_path], replace(write(tmp_path, 2), select=("deep-sigmoid-stack",)), told.append)
    assert [text for text in told if text.startswith("measuring")] == [
        "measuring deep (1 of 2)",
        "measuring deep (2 of 2)",
    ]


def test_a_torch_that_fails_costs_the_measuring_and_no_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: object) -> Evidence:
        raise ProbeUnavailable("PyTorch could not be imported")

    monkeypatch.setattr(Probe, "answer", answer)
    settings = write(tmp_path)
    report = check([tmp_path], settings)
    assert [f.evidence.reason for f in report.findings if f.name == "deep-sigmoid-stack"] == [
        "PyTorch could not be imported"
    ]
    assert [failure.message for failure in report.failures] == ["PyTorch could not be imported"]
    assert report.exit_status(settings) == 2


def test_settings_reach_the_probe() -> None:
    settings = Settings(
        measuring=Measuring.LIVE,
        probe_seeds=3,
        probe_steps=2,
        probe_time_limit=7.0,
        probe_memory_limit=0.5,
    )
    found = Prober(settings).probe.settings
    assert (found.live, found.seeds, found.steps, found.time_limit, found.memory_limit) == (True, 3, 2, 7.0, 1 << 29)
