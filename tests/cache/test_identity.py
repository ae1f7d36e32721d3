from __future__ import annotations

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from gradlint.cache import identity as module
from gradlint.cache.identity import identity
from gradlint.config import Settings
from gradlint.findings import Confidence, Severity

BASE = Settings()


def test_it_stays_while_nothing_that_counts_changes() -> None:
    assert identity(BASE, ["GRD101", "GRD102"]) == identity(BASE, ["GRD102", "GRD101"])
    shown = replace(BASE, output_format="json", min_severity=Severity.ERROR, jobs=3, root=Path("x"))
    assert identity(shown, ["GRD101"]) == identity(BASE, ["GRD101"])


@pytest.mark.parametrize(
    "changed",
    [replace(BASE, vanishing=0.5), replace(BASE, exploding=2.0), replace(BASE, min_confidence=Confidence.LOW)],
)
def test_settings_that_count(changed: Settings) -> None:
    assert identity(changed, ["GRD101"]) != identity(BASE, ["GRD101"])


def test_the_rules_count() -> None:
    assert identity(BASE, ["GRD101"]) != identity(BASE, ["GRD102"])


def test_the_parser_that_is_installed_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(BASE, [])
    other = tmp_path / "__init__.py"
    other.touch()
    monkeypatch.setattr(module, "find_spec", lambda name: ModuleSpec(name, None, origin=str(other)))
    assert identity(BASE, []) != before


def test_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity(BASE, [])
    monkeypatch.setattr(sys, "version", "4.0.0")
    assert identity(BASE, []) != before


def test_the_users_rules_count(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, rule_folders=("lint",))
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "mine.py").write_text("x = 1\n")
    before = identity(settings, [])
    (tmp_path / "lint" / "helper.py").write_text("")
    assert identity(settings, []) != before
