from __future__ import annotations

from pathlib import Path

import pytest

import gradlint
from gradlint.config import ConfigError
from gradlint.formats import FORMATS
from tests.processes import ROOT, python

SIGMOIDS = """\
from torch import nn

model = nn.Sequential(*[layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 1))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_paths_reports_as_the_command_line_does(folder: Path) -> None:
    (folder / "net.py").write_text(SIGMOIDS)
    report = gradlint.check_paths(["net.py"])
    assert isinstance(report, gradlint.Report)
    assert [finding.name for finding in report.findings] == ["deep-sigmoid-stack"]
    assert report.findings[0].severity is gradlint.Severity.ERROR


def test_check_paths_reads_the_configuration_unless_settings_are_given(folder: Path) -> None:
    (folder / "net.py").write_text(SIGMOIDS)
    (folder / "gradlint.toml").write_text("ignore = ['GRD1']")
    assert gradlint.check_paths(["net.py"]).findings == ()
    assert len(gradlint.check_paths(["net.py"], gradlint.Settings()).findings) == 1
    (folder / "gradlint.toml").write_text("nonsense = 1")
    with pytest.raises(ConfigError):
        gradlint.check_paths(["net.py"])


@pytest.mark.parametrize("source", [SIGMOIDS, SIGMOIDS.encode()])
def test_check_source_takes_text_and_bytes(source: str | bytes) -> None:
    (finding,) = gradlint.check_source(source, "net.py")
    assert (finding.span.file, finding.code) == ("net.py", "GRD101")


def test_check_source_of_broken_text() -> None:
    assert [finding.name for finding in gradlint.check_source("x = (\n")] == ["unparsable-file"]


@pytest.mark.parametrize("output_format", FORMATS)
def test_a_report_can_be_rendered(folder: Path, output_format: str) -> None:
    (folder / "net.py").write_text(SIGMOIDS)
    report = gradlint.check_paths(["net.py"], gradlint.Settings(root=folder))
    assert "GRD101" in gradlint.render(report, output_format, folder)


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="no output format 'xml'; there are full, concise"):
        gradlint.render(gradlint.Report(), "xml")


def test_settings_can_be_loaded_and_changed(folder: Path) -> None:
    (folder / "net.py").write_text(SIGMOIDS)
    (folder / "gradlint.toml").write_text("ignore = ['GRD1']")
    settings = gradlint.load_settings(folder)
    assert gradlint.check_paths(["net.py"], settings.override({"ignore": ()})).findings != ()
    with pytest.raises(gradlint.CatalogueError):
        gradlint.check_paths(["net.py"], settings.override({"select": ("nonsense",)}))
    with pytest.raises(gradlint.ConfigError, match="makes a baseline"):
        gradlint.check_paths(["net.py"], settings.override({"baseline": "nowhere.json"}))


def test_a_program_that_uses_it_is_typed(folder: Path) -> None:
    (folder / "program.py").write_text(
        "import gradlint\n\n"
        "report = gradlint.check_paths(['.'], gradlint.Settings(jobs=1))\n"
        "names: list[str] = [finding.name for finding in report.findings]\n"
        "text: str = gradlint.render(report, 'sarif')\n"
        "wrong: int = gradlint.check_source('')[0].message\n"
    )
    done = python("-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), "program.py", cwd=folder)
    assert [line.split(" error: ")[0] for line in done.stdout.splitlines()[:-1]] == ["program.py:6:"]


def test_everything_that_is_offered_is_there() -> None:
    assert all(hasattr(gradlint, name) for name in gradlint.__all__)
    assert not hasattr(gradlint, "nonsense")
