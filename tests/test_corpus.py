"""Programs as people write them, each with a fault that its comment marks, and a twin in which it is mended.

A case is a folder with `bad` and `mended`: a file, a notebook, or a folder of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradlint.config import Settings
from gradlint.engine import check
from gradlint.findings import Confidence

CORPUS = Path(__file__).parent / "corpus"
CASES = sorted(path for path in CORPUS.iterdir() if path.is_dir())
MARK = re.compile(r"# error: \[([a-z-]+)\]")
ENOUGH = 60
DOUBTS = {
    "constant_softmax_notebook": {"short-gradient-horizon"},  # a GRU over 200 steps, pooled over all of them
    "lstm_without_forget_bias": {"short-gradient-horizon"},  # the forget bias helps, and 250 steps stay many
    "sigmoid_lightning": {"deep-sigmoid-stack"},  # the defaults of the class, which the program overrides
}
"""Mended programs of which something is said at a lower confidence than is reported by default."""

Place = tuple[str, int | None, int, str]
"""File, cell, line and rule."""

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def programs(case: Path, kind: str) -> list[Path]:
    """The files of one side of a case."""
    folder = case / kind
    return sorted(folder.glob("*")) if folder.is_dir() else sorted(case.glob(f"{kind}.*"))


def texts(path: Path) -> Iterator[tuple[int | None, str]]:
    """The source of a file, or of each code cell of a notebook with its number."""
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
        for number, cell in enumerate(cells, 1):
            yield number, "".join(cell["source"])
    else:
        yield None, path.read_text()


def marked(paths: list[Path]) -> set[Place]:
    return {
        (path.name, cell, number, match[1])
        for path in paths
        for cell, text in texts(path)
        for number, line in enumerate(text.split("\n"), 1)
        if (match := MARK.search(line))
    }


def found(paths: list[Path], confidence: Confidence = Confidence.HIGH) -> set[Place]:
    settings = Settings(root=CORPUS, exclude=(), jobs=1, respect_gitignore=False, min_confidence=confidence)
    report = check(paths, settings)
    assert [failure.message for failure in report.failures] == []
    return {(Path(f.span.file).name, f.span.cell, f.span.line, f.name) for f in report.findings}


@each_case
def test_the_fault_is_found_and_nothing_else(case: Path) -> None:
    paths = programs(case, "bad")
    assert marked(paths)
    assert found(paths) == marked(paths)


@each_case
def test_the_mended_twin_is_clean(case: Path) -> None:
    paths = programs(case, "mended")
    assert paths
    assert not marked(paths)
    doubts = found(paths, Confidence.LOW)
    assert {name for *_, name in doubts} == DOUBTS.get(case.name, set())
    assert not doubts or found(paths) == set()


@each_case
def test_programs_are_of_the_length_that_people_write(case: Path) -> None:
    for kind in ("bad", "mended"):
        lines = [sum(text.count("\n") + 1 for _, text in texts(path)) for path in programs(case, kind)]
        assert sum(lines) >= 20
        assert max(lines) <= 150


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= ENOUGH
