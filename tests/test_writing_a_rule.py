"""The rule that docs/writing-a-rule.md walks through works as the page says, and is treated like gradlint's own."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.processes import python

PAGE = Path(__file__).parent.parent / "docs" / "writing-a-rule.md"
_FILE = re.compile(r'^(`{3,})\w+ title="([^"]+)"\n(.*?)^\1$', re.DOTALL | re.MULTILINE)
_SESSION = re.compile(r"^```console\n\$ gradlint (.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"# error: \[([a-z-]+)\]")
NAME, CODE = "dropout-before-batch-normalization", "TEAM001"
KERAS = """
from keras import Input, Sequential, layers

model = Sequential([Input((64,)), layers.Dense(128), layers.Dropout(0.5)])
model.add(layers.Dense(128))
model.add({norm})
model.add(layers.Dense(10))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the files of the page."""
    for match in _FILE.finditer(PAGE.read_text(encoding="utf-8")):
        path = tmp_path / match[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(match[3], encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "gradlint", *arguments, cwd=folder)


def found(folder: Path, *arguments: str) -> list[tuple[str, int]]:
    done = run(folder, "--output-format", "json", *arguments)
    assert not done.stderr
    return [(finding["name"], finding["line"]) for finding in json.loads(done.stdout)["findings"]]


def test_the_session_is_as_printed(folder: Path) -> None:
    ((arguments, output),) = _SESSION.findall(PAGE.read_text(encoding="utf-8"))
    assert run(folder, *arguments.split()).stdout.strip() == output.strip()


def test_the_examples_of_its_page_are_what_they_say(folder: Path) -> None:
    examples = _EXAMPLE.findall((folder / "lint" / f"{NAME}.md").read_text(encoding="utf-8"))
    assert len(examples) == 2
    for example in examples:
        (folder / "example.py").write_text(example, encoding="utf-8")
        lines = example.split("\n")
        marks = [(match[1], number) for number, line in enumerate(lines, 1) if (match := _MARK.search(line))]
        assert found(folder, "example.py") == marks


@pytest.mark.parametrize(("norm", "count"), [("layers.BatchNormalization()", 1), ("layers.LayerNormalization()", 0)])
def test_it_holds_in_keras_as_well(norm: str, count: int, folder: Path) -> None:
    (folder / "net.py").write_text(KERAS.replace("{norm}", norm))
    assert len(found(folder, "net.py", "--select", CODE)) == count


def test_rules_and_explain_know_it(folder: Path) -> None:
    assert f"{CODE}  {NAME}" in run(folder, "rules").stdout
    assert CODE in {
        rule["code"] for rule in json.loads(run(folder, "rules", "--output-format", "json").stdout)["rules"]
    }
    for asked in (CODE, NAME):
        assert "Dropout multiplies the variance" in run(folder, "explain", asked).stdout


def test_it_is_selected_and_ignored_by_code_prefix_and_name(folder: Path) -> None:
    finding = [(NAME, 5)]
    for selector in (CODE, "TEAM", NAME):
        assert found(folder, "nets", "--select", selector) == finding
        assert found(folder, "nets", "--ignore", selector) == []
    assert found(folder, "nets", "--select", "GRD") == []


def test_it_is_suppressed_and_an_idle_suppression_is_reported(folder: Path) -> None:
    net = folder / "nets" / "classifier.py"
    text = net.read_text()
    net.write_text(text.replace("nn.Dropout(0.5),", f"nn.Dropout(0.5),  # gradlint: ignore[{CODE}] measured, and fine"))
    assert found(folder, "nets") == []
    net.write_text(text.replace("import nn", f"import nn  # gradlint: ignore[{NAME}] idle"))
    assert found(folder, "nets") == [("unused-suppression", 1), (NAME, 5)]


def test_its_severity_is_the_projects_to_choose(folder: Path) -> None:
    config = folder / "pyproject.toml"
    config.write_text(config.read_text() + f'severity = {{{CODE} = "note"}}\n')
    done = run(folder, "nets", "--output-format", "json")
    assert [finding["severity"] for finding in json.loads(done.stdout)["findings"]] == ["note"]


def test_the_test_of_the_page_passes(folder: Path) -> None:
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_lint_rules.py", cwd=folder)
    assert done.returncode == 0, done.stdout
