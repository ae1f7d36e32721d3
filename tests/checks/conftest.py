"""Linting text, and the subjects that checks are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gradlint.config import Settings
from gradlint.engine import check
from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.findings import Confidence
from gradlint.propagation import Settings as Bounds
from gradlint.sources import SourceFile, SourceLoader
from gradlint.subjects import NetworkSubject, TrainingSubject

Findings = list[tuple[int, str]]


@pytest.fixture
def lint(tmp_path: Path) -> Callable[..., Findings]:
    """Lints a program, at all levels of confidence: the findings of the given rules as (line, name)."""

    def run(text: str, *rules: str, confidence: Confidence = Confidence.LOW) -> Findings:
        path = tmp_path / "program.py"
        path.write_text(text)
        report = check([path], Settings(select=rules, min_confidence=confidence, root=tmp_path, jobs=1))
        assert [failure.message for failure in report.failures] == []
        return [(finding.span.line, finding.name) for finding in report.findings]

    return run


@pytest.fixture
def evaluate_text() -> Callable[[str], Evaluation]:
    """Evaluates the text of a file as `gradlint` does."""
    return lambda text: Evaluator(SourceLoader()).evaluate(SourceFile.from_text(text, "program.py"))


@pytest.fixture
def loop_of(evaluate_text: Callable[[str], Evaluation]) -> Callable[[str], TrainingSubject]:
    """The only training loop of a program, as checks see it."""

    def run(text: str) -> TrainingSubject:
        evaluation = evaluate_text(text)
        (loop,) = evaluation.loops
        members = tuple(NetworkSubject(network, Bounds(), evaluation.loops) for network in loop.networks)
        return TrainingSubject(loop, members, Bounds())

    return run
