"""What the README shows is what happens; `python -m tests.test_readme` writes it anew."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.processes import ROOT, run

PATH = ROOT / "README.md"
README = PATH.read_text(encoding="utf-8")
SHOWN = re.compile(r"```console\n\$ gradlint ([^\n]+)\n(.*?)```", re.DOTALL)


def real_output(command: str) -> str:
    return run(*shlex.split(command), cwd=ROOT).stdout


@pytest.mark.parametrize(
    ("command", "output"), SHOWN.findall(README), ids=[match[1] for match in SHOWN.finditer(README)]
)
def test_output_is_real(command: str, output: str) -> None:
    assert real_output(command) == output


def test_there_is_output() -> None:
    assert SHOWN.search(README)


def test_it_is_one_screen() -> None:
    assert len(README.splitlines()) < 100


@pytest.mark.parametrize(
    "part", ["pip install . &&", "gradlint examples/", "pip install -c constraints.txt", "-m pytest"]
)
def test_the_two_commands_are_there(part: str) -> None:
    assert part in README


if __name__ == "__main__":
    PATH.write_text(
        SHOWN.sub(lambda match: f"```console\n$ gradlint {match[1]}\n{real_output(match[1])}```", README),
        encoding="utf-8",
    )
