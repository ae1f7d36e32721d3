"""`gradlint config`, as a real process."""

from __future__ import annotations

import json
from pathlib import Path

from gradlint.keys import KEYS
from tests.processes import run


def test_each_value_and_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("[tool.gradlint]\nvanishing = 1e-4\nseverity = {GRD101 = 'note'}\nselect = ['GRD1', 'a']\n")
    (tmp_path / "sub").mkdir()
    done = run("config", "sub", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0]) == (0, f"configuration file: {file}")
    shown = {line.split()[0]: line.partition(" = ")[2] for line in lines[2:]}
    assert shown.keys() == KEYS.keys()
    assert shown["vanishing"].split() == ["0.0001", "#", str(file)]
    assert shown["severity"].startswith('{ "GRD101" = "note" }')
    assert shown["select"].startswith('["GRD1", "a"]')
    assert shown["exploding"].split() == ["1000.0", "#", "default"]
    assert shown["baseline"].split() == ["-", "#", "default"]


def test_for_programs(tmp_path: Path) -> None:
    (tmp_path / "gradlint.toml").write_text("per-file-ignores = {'tests/*' = ['GRD1']}")
    content = json.loads(run("config", "--output-format", "json", "--config", "gradlint.toml", cwd=tmp_path).stdout)
    values = {entry["key"]: (entry["value"], entry["origin"]) for entry in content["settings"]}
    assert content["file"] == "gradlint.toml"
    assert values["per-file-ignores"] == ({"tests/*": ["GRD1"]}, "gradlint.toml")
    assert values["min-confidence"] == ("high", "default")


def test_the_folder_of_the_cache_is_the_one_in_use(tmp_path: Path) -> None:
    done = run("config", "--output-format", "json", cwd=tmp_path, env={"GRADLINT_CACHE_DIR": "/somewhere"})
    values = {entry["key"]: entry for entry in json.loads(done.stdout)["settings"]}
    assert values["cache-dir"] == {
        "key": "cache-dir",
        "value": "/somewhere",
        "origin": "environment: GRADLINT_CACHE_DIR",
    }


def test_a_mistake_in_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "gradlint.toml").write_text("x = 1")
    done = run("config", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown key 'x'" in done.stderr
