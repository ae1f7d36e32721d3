"""Correct code that looks like what the rules are after: every file in `look_alikes` is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.config import Settings
from gradlint.engine import check
from gradlint.evaluation.driver import evaluate
from gradlint.sources import SourceFile, SourceLoader

FILES = sorted((Path(__file__).parent / "look_alikes").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_nothing_is_reported(path: Path) -> None:
    report = check([path], Settings(exclude=()))
    assert not report.failures
    assert [f"{finding.span.line}: {finding.name}: {finding.message}" for finding in report.findings] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_silence_is_no_ignorance(path: Path) -> None:
    evaluation = evaluate(SourceFile(path.read_bytes(), path.name, path), SourceLoader())
    assert evaluation.networks
    assert [network.name for network in evaluation.networks if not network.complete] == []


def test_every_architecture_is_there_in_both_frameworks() -> None:
    names = {path.stem for path in FILES}
    kinds = {name.removeprefix("torch_") for name in names if name.startswith("torch_")}
    assert kinds == {name.removeprefix("keras_") for name in names if name.startswith("keras_")}
    assert kinds >= {"resnet", "unet", "transformer", "lstm_classifier", "gan", "squeeze_excitation"}
