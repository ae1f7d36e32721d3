from __future__ import annotations

import json
from typing import Any

import libcst
import pytest

from gradlint.sources import SourceError, SourceFile


def notebook(*cells: str | list[str], metadata: dict[str, Any] | None = None) -> SourceFile:
    content = {
        "nbformat": 4,
        "metadata": metadata or {},
        "cells": [
            {"cell_type": "markdown", "source": ["# def f(:"]},
            *({"cell_type": "code", "source": cell, "outputs": []} for cell in cells),
        ],
    }
    return SourceFile.from_text(json.dumps(content), "a.ipynb")


def test_code_cells_are_one_text() -> None:
    source = notebook("import torch", ["x = 1\n", "y = 2\n"], "", "z = 3\n")
    assert source.text == "import torch\nx = 1\ny = 2\n\nz = 3\n"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1\n"),
        ("!pip install \\\n  torch\nx = 1", "pass\n\nx = 1\n"),
        ("if a:\n    %time f()", "if a:\n    pass\n"),
        ("files = !ls\nn = %timeit -o f()", "files = None\nn = None\n"),
        ("torch.nn?\nx = 1", "pass\nx = 1\n"),
        ("%%bash\nls | head\nrm -r x", "\n\n\n"),
        ("%%time\nx = 1", "pass\nx = 1\n"),
        ("x = (a\n% b)\n", "x = (a\n% b)\n"),
        ('x = """\n!not magic\n"""', 'x = """\n!not magic\n"""\n'),
        ("await f()", "await f()\n"),
    ],
)
def test_magics_become_harmless_line_by_line(cell: str, text: str) -> None:
    source = notebook(cell)
    assert source.text == text
    assert isinstance(source.module, libcst.Module)


def test_spans_are_by_cell() -> None:
    source = notebook("import torch", "%time\nx = f(\n    1)", "y = 2")
    statement = source.module.body[2]
    span = source.span(statement)
    assert (span.cell, span.line, span.column, span.end_line, span.end_column) == (2, 2, 1, 3, 7)
    assert source.lines_of(2) == ("%time".replace("%time", "pass"), "x = f(", "    1)")
    assert source.lines_of(3)[0] == "y = 2"


def test_errors_are_by_cell() -> None:
    with pytest.raises(SourceError) as caught:
        notebook("import torch", "x = 1", "y = 2\nz = = 3").module  # noqa: B018 - parses
    assert (caught.value.cell, caught.value.line, caught.value.column) == (3, 2, 5)


def test_old_notebooks_have_worksheets() -> None:
    content = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1\n"]}]}]}
    assert SourceFile.from_text(json.dumps(content), "a.ipynb").text == "x = 1\n"


@pytest.mark.parametrize("metadata", [{"language_info": {"name": "julia"}}, {"kernelspec": {"language": "R"}}])
def test_other_languages_are_passed_over(metadata: dict[str, Any]) -> None:
    assert notebook("x <- 1", metadata=metadata).text == ""


@pytest.mark.parametrize("text", ["{", "[]", '"x"', '{"cells": 3}', "[" * 100_000])
def test_what_is_no_notebook_is_said_so(text: str) -> None:
    with pytest.raises(SourceError, match="not a notebook"):
        SourceFile.from_text(text, "a.ipynb").text  # noqa: B018 - reads


def test_a_notebook_without_code_is_empty() -> None:
    assert notebook().module.body == ()
