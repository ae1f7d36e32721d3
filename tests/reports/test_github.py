from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gradlint.findings import Span
from gradlint.reports import render
from gradlint.results import Report
from tests.reports.findings import FAILED, LOOP, REPORT, context


def test_errors_come_first_and_everything_is_escaped() -> None:
    assert render("github", REPORT, context()).splitlines() == [
        "::error file=nets/mlp.py,line=7,endLine=7,col=15,endColumn=47,title=GRD101 deep-sigmoid-stack::"
        "10 sigmoid layers shrink the gradient to 1.7e-07: 100 %25, of <it>"
        '%0Afix: activation="relu": predicted 0.8%0Aalso: a shallower network',
        "::warning file=nets/mlp.py,line=5,endLine=7,title=GRD505 missing-zero-grad::gradients add up",
        "::notice file=größe & co/a b.ipynb,title=GRD505 missing-zero-grad::cell 3, line 2: gradients add up",
    ]


def test_what_would_end_a_property_is_escaped() -> None:
    odd = replace(LOOP, span=Span("a,b:c%.py", 1, 1, 1, 2))
    assert "file=a%2Cb%3Ac%25.py,line=1" in render("github", Report(findings=(odd,)), context())


def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert "::error file=sub/nets/mlp.py," in render("github", REPORT, context(tmp_path))


def test_failures_are_errors() -> None:
    assert render("github", FAILED, context()).startswith("::error title=gradlint::broken.py: internal error")
