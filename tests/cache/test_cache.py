"""A run with the cache says what a run without it says, whatever changed in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradlint.cache import Cache, cache_folder
from gradlint.config import Settings
from gradlint.engine import check
from gradlint.linting import Linter
from gradlint.results import Report
from tests.processes import environment, run
from tests.test_imports import loaded

BLOCKS = """\
from torch import nn


def block(width):
    return [nn.Linear(width, width), nn.Sigmoid()]
"""
HEALTHY = BLOCKS.replace("Sigmoid", "Identity")
TRAIN = """\
from torch import nn
from blocks import block

model = nn.Sequential(*[layer for _ in range(10) for layer in block(64)], nn.Linear(64, 1))
"""
PLAIN = "x = 1  # gradlint: ignore[GRD101]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").touch()
    (project / "blocks.py").write_text(BLOCKS)
    (project / "train.py").write_text(TRAIN)
    (project / "plain.py").write_text(PLAIN)
    (project / "broken.py").write_text("import torch\nx = (\n")
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def linted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were linted, and not taken from the cache."""
    names: list[str] = []
    lint = Linter.lint

    def counted(self: Linter, found: object, data: bytes | None = None) -> object:
        names.append(found.name)  # type: ignore[attr-defined]
        return lint(self, found, data)  # type: ignore[arg-type]

    monkeypatch.setattr(Linter, "lint", counted)
    return names


def cached(folder: Path, *paths: str, **changes: object) -> Report:
    defaults = Settings(root=folder, cache_dir=str(folder.parent / "cache"), jobs=1)
    report = check(paths or ["."], replace(defaults, **changes))  # type: ignore[arg-type]
    return replace(report, seconds=0.0)


def findings(report: Report) -> list[tuple[str, str]]:
    return [(finding.span.file, finding.code) for finding in report.findings]


def test_a_second_run_says_the_same_and_lints_nothing(folder: Path, linted: list[str]) -> None:
    first = cached(folder)
    assert findings(first) == [("blocks.py", "GRD101"), ("broken.py", "GRD001"), ("plain.py", "GRD002")]
    assert sorted(linted) == ["blocks.py", "broken.py", "plain.py", "train.py"]
    linted.clear()
    assert cached(folder) == first
    assert linted == []
    assert cached(folder, cache=False) == first


def test_only_what_changed_is_linted_again(folder: Path, linted: list[str]) -> None:
    cached(folder)
    linted.clear()
    (folder / "plain.py").write_text("y = 2\n")
    assert findings(cached(folder)) == [("blocks.py", "GRD101"), ("broken.py", "GRD001")]
    assert linted == ["plain.py"]


def test_a_change_in_an_imported_file_is_seen(folder: Path, linted: list[str]) -> None:
    cached(folder)
    linted.clear()
    (folder / "blocks.py").write_text(HEALTHY)
    assert ("blocks.py", "GRD101") not in findings(cached(folder))
    assert sorted(linted) == ["blocks.py", "train.py"]


def test_a_module_that_appears_disappears_or_is_shadowed_is_seen(folder: Path) -> None:
    (folder / "blocks.py").unlink()
    assert findings(cached(folder, "train.py")) == []
    (folder / "blocks.py").write_text(BLOCKS)
    assert findings(cached(folder, "train.py")) == [("train.py", "GRD101")]
    (folder / "blocks").mkdir()
    (folder / "blocks" / "__init__.py").write_text(HEALTHY)
    assert findings(cached(folder, "train.py")) == []
    (folder / "blocks" / "__init__.py").unlink()
    assert findings(cached(folder, "train.py")) == [("train.py", "GRD101")]


def test_a_folder_that_becomes_a_package_is_seen(folder: Path, linted: list[str]) -> None:
    cached(folder, "train.py")
    linted.clear()
    (folder / "__init__.py").touch()
    cached(folder, "train.py")
    assert linted == ["train.py"]


def test_which_files_a_run_looks_at_and_what_it_calls_them_counts(folder: Path, linted: list[str]) -> None:
    assert ("blocks.py", "GRD101") in findings(cached(folder))
    assert findings(cached(folder, "train.py")) == [("train.py", "GRD101")]
    absolute = str(folder / "train.py")
    assert findings(cached(folder, absolute)) == [(absolute, "GRD101")]
    linted.clear()
    assert ("blocks.py", "GRD101") in findings(cached(folder))
    assert findings(cached(folder, "train.py")) == [("train.py", "GRD101")]
    assert linted == []


@pytest.mark.parametrize("change", [{"vanishing": 1e-30}, {"ignore": ("GRD1",)}])
def test_settings_that_change_what_is_found_count(folder: Path, change: dict[str, object]) -> None:
    before = cached(folder)
    assert ("blocks.py", "GRD101") in findings(before)
    assert ("blocks.py", "GRD101") not in findings(cached(folder, **change))
    assert cached(folder) == before


def test_settings_of_the_report_need_no_linting(folder: Path, linted: list[str]) -> None:
    cached(folder)
    linted.clear()
    ignored = cached(folder, per_file_ignores=(("blocks.py", ("GRD101",)),))
    assert findings(ignored) == [("broken.py", "GRD001"), ("plain.py", "GRD002")]
    assert linted == []


def test_a_rule_of_the_user_that_changes_is_seen(folder: Path) -> None:
    rules = folder / "lint"
    rules.mkdir()
    check_file = (
        "from gradlint.subjects import Problem\n\ndef check_network(subject):\n"
        "    yield Problem('one', subject.network.origin)\n"
    )
    (rules / "mine.py").write_text(check_file)
    (rules / "mine.md").write_text(
        "# mine (MY001)\n\n```toml\ncode = 'MY001'\nseverity = 'note'\nconfidence = 'high'\n"
        "frameworks = ['torch']\nsince = '1.0.0'\n```\n"
    )
    options = {"rule_folders": ("lint",), "select": ("MY001",)}
    assert {finding.message for finding in cached(folder, "train.py", **options).findings} == {"one"}
    (rules / "mine.py").write_text(check_file.replace("one", "two"))
    assert {finding.message for finding in cached(folder, "train.py", **options).findings} == {"two"}


def test_what_gradlint_failed_at_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> object:
        raise RuntimeError("mistake")

    with monkeypatch.context() as patch:
        patch.setattr("gradlint.evaluation.driver.Evaluator.evaluate", fails)
        assert cached(folder, "train.py").failures
    report = cached(folder, "train.py")
    assert (report.failures, findings(report)) == ((), [("train.py", "GRD101")])


def cache_file(folder: Path) -> Path:
    (file,) = (folder.parent / "cache").glob("*.json")
    return file


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"GRD101", b"GRD102", 1),
        lambda data: b"",
        lambda data: b"\xff\xfe\x00" * 100,
        lambda data: b"{}",
    ],
)
def test_damage_is_noticed_and_healed(folder: Path, linted: list[str], damage: object) -> None:
    before = cached(folder)
    file = cache_file(folder)
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    linted.clear()
    assert cached(folder) == before
    assert len(linted) == 4
    linted.clear()
    assert cached(folder) == before
    assert linted == []


def test_what_is_no_result_in_a_whole_file_is_passed_over(folder: Path) -> None:
    from gradlint.cache.store import read, write

    before = cached(folder)
    file = cache_file(folder)
    content = read(file)
    for variants in content["entries"].values():
        variants.insert(0, ["nonsense"])
        variants[1][4] = [10**9]
    write(file, content)
    assert cached(folder) == before
    write(file, {"entries": [], "rows": {}, "stamps": 3})
    assert cached(folder) == before


def test_a_cache_that_cannot_be_written_is_none(folder: Path) -> None:
    (folder.parent / "cache").write_text("a file")
    assert ("blocks.py", "GRD101") in findings(cached(folder))


def test_files_that_are_gone_are_forgotten(folder: Path) -> None:
    cached(folder)
    (folder / "plain.py").unlink()
    (folder / "train.py").write_text(TRAIN + "\n")
    cached(folder)
    assert "plain.py" not in cache_file(folder).read_text()


def test_what_was_not_written_for_long_is_removed(folder: Path) -> None:
    cached(folder)
    old = [folder.parent / "cache" / name for name in ("0123.json", ".0123.json.x.tmp", "notes.txt")]
    for file in old:
        file.touch()
        os.utime(file, (0, 0))
    (folder / "plain.py").write_text("y = 2\n")
    cached(folder)
    assert [file.exists() for file in old] == [False, False, True]
    assert cache_file(folder).exists()


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["blocks.py", "train.py", "plain.py", "blocks/__init__.py"]),
        st.sampled_from([BLOCKS, HEALTHY, TRAIN, PLAIN, None]),
        st.sampled_from([(), ("train.py",), ("train.py", "blocks.py")]),
    ),
    min_size=1,
    max_size=5,
)


@given(EDITS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_changes_the_cache_makes_no_difference(
    folder: Path, edits: list[tuple[str, str | None, tuple[str]]]
) -> None:
    for name, text, paths in edits:
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)
        assert cached(folder, *paths) == cached(folder, *paths, cache=False)


# As real processes.


def test_a_warm_run_loads_no_parser_and_no_evaluator(folder: Path) -> None:
    run(".", "--cache-dir", "../cache", cwd=folder)
    modules = loaded(".", "--cache-dir", "../cache", cwd=folder)
    assert modules.isdisjoint({"libcst", "gradlint.evaluation.interpreter", "gradlint.propagation.profile", "torch"})


def test_several_runs_at_once(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "gradlint",
        ".",
        "--cache-dir",
        "../cache",
        "--output-format",
        "json",
        "--jobs",
        "1",
    ]
    started = [
        subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=120) for process in started]
    assert {errors for _, errors in outputs} == {b""}
    assert len({json.dumps(json.loads(output)["findings"]) for output, _ in outputs}) == 1
    assert sorted(path.name for path in (folder.parent / "cache").iterdir() if path.suffix != ".json") == [
        ".gitignore",
        "CACHEDIR.TAG",
    ]
    names = {path: path.name for path in map(Path, map(os.path.realpath, folder.glob("*.py")))}
    assert Cache(folder.parent / "cache", Settings(root=folder), (), names)._entries.keys() == {str(p) for p in names}


def test_no_cache_leaves_none_behind(folder: Path) -> None:
    run(".", "--no-cache", "--cache-dir", "../cache", cwd=folder)
    assert not (folder.parent / "cache").exists()


def test_a_cache_in_the_project_and_cleaning_it(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("cache-dir = '.gradlint_cache'")
    run(".", cwd=folder)
    assert (folder / ".gradlint_cache" / ".gitignore").read_text() == "*\n"
    done = run("clean", cwd=folder)
    assert (done.returncode, done.stdout) == (0, f"Removed {folder / '.gradlint_cache'}\n")
    assert not (folder / ".gradlint_cache").exists()
    assert run("clean", cwd=folder).stdout.startswith("Nothing to remove")


def test_clean_removes_no_folder_of_others(folder: Path) -> None:
    done = run("clean", "--cache-dir", ".", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "Nothing to remove in .\n")
    assert (folder / "train.py").exists()


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, Path.home() / ".cache" / "gradlint"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, Path("/x/gradlint")),
        ("darwin", {"XDG_CACHE_HOME": "/x"}, Path.home() / "Library/Caches/gradlint"),
        ("win32", {"LOCALAPPDATA": "/x"}, Path("/x/gradlint/Cache")),
        ("linux", {"GRADLINT_CACHE_DIR": "/y", "XDG_CACHE_HOME": "/x"}, Path("/y")),
    ],
)
def test_where_the_platform_keeps_caches(
    platform: str, environment: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder(None, environment) == expected
    assert cache_folder(Path("here"), environment) == Path("here")


def test_a_user_without_a_home_has_no_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder(None, {}) is None
    monkeypatch.delenv("GRADLINT_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert findings(cached(folder, "train.py", cache_dir="")) == [("train.py", "GRD101")]
