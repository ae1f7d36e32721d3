"""Several reports of one run, as real processes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradlint.formats import FORMATS
from tests.processes import run

SIGMOIDS = """\
from torch import nn

model = nn.Sequential(*[layer for _ in range(10) for layer in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 1))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "net.py").write_text(SIGMOIDS)
    return tmp_path


def test_several_formats_at_once(folder: Path) -> None:
    outputs = ["--output-format", "concise", "--output-format", "sarif:x.sarif", "--output-format", "junit:x.xml"]
    done = run("sub/net.py", "-q", *outputs, cwd=folder)
    assert done.stdout.startswith("sub/net.py:3:")
    assert done.returncode == 1
    assert len(json.loads((folder / "x.sarif").read_text())["runs"][0]["results"]) == 1
    assert ElementTree.parse(folder / "x.xml").getroot().get("failures") == "1"


def test_programs_get_paths_from_the_root_of_the_repository(folder: Path) -> None:
    done = run("net.py", "--output-format", "gitlab", cwd=folder / "sub")
    assert json.loads(done.stdout)[0]["location"]["path"] == "sub/net.py"
    done = run(str(folder / "sub"), "--output-format", "github", cwd=Path(os.sep))
    assert done.stdout.startswith("::error file=sub/net.py,line=3,")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_prints_something_of_a_finding_and_of_none(name: str, folder: Path) -> None:
    assert "GRD101" in run("sub", "--output-format", name, cwd=folder).stdout
    done = run("sub", "--output-format", name, "--ignore", "GRD1", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "GRD101" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--output-format", "json", "--output-format", "full"], "two outputs go to standard output"),
        (["--output-format", "json:a", "--output-file", "b"], "nothing to write"),
        (["--output-format", "json:"], "names no file"),
        (["--output-format", "json:nowhere/a"], "nowhere/a: no such file"),
    ],
)
def test_outputs_that_cannot_be_had(arguments: list[str], part: str, folder: Path) -> None:
    done = run("sub", *arguments, cwd=folder)
    assert part in done.stderr
    assert done.returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_names_that_are_no_text_reach_every_format(folder: Path) -> None:
    odd = os.fsdecode(b"\xff\x1b.py")
    (folder / odd).write_text(SIGMOIDS)
    outputs = [item for name in FORMATS for item in ("--output-format", f"{name}:{name}.out")]
    for _ in range(2):
        done = run(odd, *outputs, cwd=folder)
        assert (done.returncode, done.stderr) == (1, "")
    for name in FORMATS:
        assert "GRD101" in (folder / f"{name}.out").read_text()
    json.loads((folder / "sarif.out").read_text())
    ElementTree.parse(folder / "junit.out")
    assert run(odd, "--write-baseline", "known.json", cwd=folder).returncode == 0
    assert run(odd, "--baseline", "known.json", cwd=folder).returncode == 0
    assert run(odd, "--add-ignore", "why", cwd=folder).returncode == 0
