"""Old code set apart from new, as real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.processes import run
from tests.test_git import git

SIGMOIDS = """\
from torch import nn

model = nn.Sequential(*[layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 1))
"""
BRIEF = ("--output-format", "concise", "-q")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old.py").write_text(SIGMOIDS)
    (tmp_path / "clean.py").write_text("import torch\n")
    return tmp_path


def test_a_baseline_hides_what_it_knows_and_nothing_new(folder: Path) -> None:
    made = run(".", "--write-baseline", "known.json", cwd=folder)
    assert made.returncode == 0
    assert made.stderr == "known.json: 1 finding of 2 files\n"
    assert json.loads((folder / "known.json").read_text())["findings"] == {"old.py": {"GRD101": 1}}
    (folder / "old.py").write_text("import os\n\n" + SIGMOIDS)
    done = run(".", "--baseline", "known.json", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "No findings in 2 files (1 network), 1 known to the baseline.\n")
    (folder / "new.py").write_text(SIGMOIDS)
    done = run(".", "--baseline", "known.json", *BRIEF, cwd=folder)
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["new.py"]


def test_a_baseline_in_the_configuration(folder: Path) -> None:
    run(".", "--write-baseline", "known.json", cwd=folder)
    (folder / "gradlint.toml").write_text("baseline = 'known.json'")
    (folder / "sub").mkdir()
    assert run("..", cwd=folder / "sub").returncode == 0
    again = run(".", "--write-baseline", "known.json", cwd=folder)
    assert "1 finding of 2 files" in again.stderr
    (folder / "known.json").unlink()
    done = run(".", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "known.json: no such file" in done.stderr


def test_what_is_fixed_is_told_and_pruned_on_request(folder: Path) -> None:
    run(".", "--write-baseline", "known.json", cwd=folder)
    (folder / "old.py").write_text("import torch\n")
    done = run("clean.py", "--baseline", "known.json", cwd=folder)
    assert done.stderr == ""
    done = run(".", "--baseline", "known.json", cwd=folder)
    assert done.stderr.splitlines() == [
        "note: fixed: 1 finding of GRD101 in old.py",
        f"note: {folder / 'known.json'} still holds 1 fixed finding; --prune-baseline takes out what is fixed",
    ]
    assert json.loads((folder / "known.json").read_text())["findings"] != {}
    done = run(".", "--baseline", "known.json", "--prune-baseline", cwd=folder)
    assert json.loads((folder / "known.json").read_text())["findings"] == {}
    assert done.returncode == 0


def test_add_ignore_suppresses_all_there_is(folder: Path) -> None:
    done = run(".", "--add-ignore", "teaches what not to do", cwd=folder)
    assert done.stderr == "1 suppression written in 1 file\n"
    assert done.returncode == 0
    lines = (folder / "old.py").read_text().splitlines()
    assert lines[2].endswith("  # gradlint: ignore[GRD101] teaches what not to do")
    done = run(".", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "No findings in 2 files (1 network), 1 suppressed.\n")


def test_add_ignore_leaves_what_it_cannot_suppress(folder: Path) -> None:
    (folder / "broken.py").write_text("import torch\nx = (\n")
    source = json.dumps([line + "\n" for line in SIGMOIDS.splitlines()])
    (folder / "n.ipynb").write_text('{"cells": [{"cell_type": "code", "source": ' + source + "}]}")
    done = run(".", "--add-ignore", "old", *BRIEF, cwd=folder)
    assert [line.split()[1] for line in done.stdout.splitlines() if not line.startswith("n.")] == ["GRD001"]
    assert "n.ipynb: notebooks are not rewritten" in done.stderr
    assert done.returncode == 2
    assert "ignore[GRD101]" in (folder / "old.py").read_text()


def test_diff_base_reports_only_changed_lines(folder: Path) -> None:
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "-qm", "first", cwd=folder)
    (folder / "sub").mkdir()
    (folder / "sub" / "new.py").write_text(SIGMOIDS)
    (folder / "old.py").write_text(SIGMOIDS + "\nprint(model)\n")
    done = run(".", "--diff-base", "HEAD", *BRIEF, cwd=folder)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["sub/new.py"]
    done = run("..", "--diff-base", "HEAD", *BRIEF, cwd=folder / "sub")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["../sub/new.py"]
    (folder / "old.py").write_text(SIGMOIDS.replace("64", "32"))
    done = run("old.py", "--diff-base", "HEAD", *BRIEF, cwd=folder)
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--diff-base", "HEAD"], "not in a git repository"),
        (["--prune-baseline"], "needs --baseline"),
        (["--write-baseline", "a.json", "--baseline", "b.json"], "exclude each other"),
        (["--write-baseline", "nowhere/a.json"], "nowhere/a.json: no such file"),
        (["--baseline", "clean.py"], "clean.py: this is no baseline"),
        (["--add-ignore", " "], "needs a reason"),
    ],
)
def test_what_cannot_be_done(arguments: list[str], part: str, folder: Path) -> None:
    done = run(".", *arguments, cwd=folder, env={"GIT_CEILING_DIRECTORIES": str(folder.parent)})
    assert part in done.stderr
    assert done.returncode == 2


def test_an_unknown_revision(folder: Path) -> None:
    git("init", "-q", cwd=folder)
    done = run(".", "--diff-base", "main", cwd=folder)
    assert "git knows no revision 'main' here" in done.stderr
    assert done.returncode == 2


def test_standard_input_is_not_rewritten(folder: Path) -> None:
    done = run("-", "--add-ignore", "x", cwd=folder, input=SIGMOIDS)
    assert (done.returncode, "cannot write to standard input" in done.stderr) == (2, True)
