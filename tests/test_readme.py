"""What the README shows is what happens."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.processes import ROOT, run

README = (ROOT / "README.md").read_text()
SHOWN = re.findall(r"```console\n\$ gradlint ([^\n]+)\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_output_is_real(command: str, output: str) -> None:
    assert run(*shlex.split(command), cwd=ROOT).stdout == output


def test_there_is_output() -> None:
    assert SHOWN


def test_it_is_one_screen() -> None:
    assert len(README.splitlines()) < 100


@pytest.mark.parametrize(
    "part", ["pip install . &&", "gradlint examples/", "pip install -c constraints.txt", "-m pytest"]
)
def test_the_two_commands_are_there(part: str) -> None:
    assert part in README
