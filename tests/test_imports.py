"""Imports run downwards only, and a plain run loads nothing heavy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gradlint
from tests.processes import python

PACKAGE = Path(gradlint.__file__).parent

BELOW = {
    "findings": "",
    "formats": "",
    "files": "",
    "git": "findings config",
    "baseline": "findings files config",
    "cache": "__version__ files findings config sources subjects results",
    "oldcode": "config baseline git results",
    "outputs": "formats",
    "network": "findings",
    "claims": "network",
    "keys": "findings formats",
    "config": "findings keys",
    "schema": "config keys",
    "sources": "files findings",
    "evaluation": "findings network sources frameworks",
    "frameworks": "findings network sources evaluation",
    "propagation": "findings network",
    "subjects": "findings network claims propagation",
    "checks": "findings network claims propagation subjects",
    "catalogue": "findings subjects",
    "results": "findings baseline config catalogue subjects probe",
    "stack": "",
    "probe": "findings network claims propagation sources",
    "probing": "findings config network probe",
    "showing": "findings config network sources evaluation propagation stack probe",
    "reports": "__version__ cache findings formats keys config catalogue results sources subjects showing",
}
"""What each part may import of gradlint, besides itself. The engine and the command line may import all."""

LIBRARIES = {
    "libcst": {"sources", "evaluation", "frameworks"},
    "torch": {"probe"},
    "numpy": {"probe"},
    "matplotlib": {"reports"},
    "click": {"cli"},
    "pathspec": {"sources"},
}
"""Which parts may import a library."""


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_run_downwards(file: Path) -> None:
    own = part(file)
    for name in imports(file):
        top, _, rest = name.partition(".")
        if top in LIBRARIES:
            assert own in LIBRARIES[top], f"{own} imports {name}"
        if (
            top == "gradlint"
            and own in BELOW
            and (PACKAGE / rest.split(".")[0]).exists() | (PACKAGE / f"{rest.split('.')[0]}.py").exists()
        ):
            assert rest.split(".")[0] in {own, *BELOW[own].split()}, f"{own} imports {name}"
        assert not name.startswith("libcst.m"), f"{own} imports {name}, which is slow to load"


SMALL = """
import torch
from torch import nn

net = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in [(1, 2)]:
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), y).backward()
    optimizer.step()
broken = 1  # gradlint: ignore
"""

HEAVY = (
    "torch",
    "numpy",
    "keras",
    "matplotlib",
    "libcst.matchers",
    "libcst.codemod",
    "networkx",
    "rich",
    "pathspec",
    "multiprocessing",
)


def loaded(*arguments: str, cwd: Path) -> set[str]:
    """The modules that a run has loaded when it ends."""
    code = (
        "import sys; from gradlint.cli import run; status = run(sys.argv[1:])\n"
        "print(status, *sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = python("-c", code, *arguments, cwd=cwd)
    status, *modules = done.stderr.split()
    assert status in {"0", "1"}, done.stderr
    return set(modules)


def test_a_small_file_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(SMALL)
    modules = loaded("small.py", cwd=tmp_path)
    assert "libcst" in modules
    assert modules.isdisjoint(HEAVY)


def test_files_that_do_not_matter_load_no_parser(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("import json\nx = 1  # noqa: E501\n")
    modules = loaded(".", cwd=tmp_path)
    assert modules.isdisjoint({*HEAVY, "libcst", "gradlint.evaluation.interpreter", "gradlint.propagation.profile"})


@pytest.mark.parametrize("command", [["rules"], ["explain", "GRD001"], ["--version"]])
def test_what_needs_no_source_loads_no_parser(command: list[str], tmp_path: Path) -> None:
    modules = loaded(*command, cwd=tmp_path)
    assert modules.isdisjoint({*HEAVY, "libcst"})
