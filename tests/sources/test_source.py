from __future__ import annotations

import json
from collections.abc import Sequence

import libcst
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradlint.sources import SourceError, SourceFile

PIECES = st.sampled_from(
    [
        "x",
        "=",
        "(",
        ")",
        "[",
        "]",
        "'",
        '"',
        '"""',
        "\\",
        "\n",
        "    ",
        "\t",
        "\r\n",
        "\f",
        "#",
        "if",
        ":",
        "def f",
        "f'{",
        "# gradlint: ignore[",
        "# noqa: GRD1",
        "0x",
        "é",
        "\u2028",
        "\0",
        "lambda",
        "%",
        "!",
        "?",
        "%%bash",
        "*",
        ",",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "metadata", "worksheets", "code", "input"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def reads_or_says_why(source: SourceFile) -> None:
    error: SourceError | None = None
    try:
        statements: Sequence[libcst.CSTNode] = source.module.body
    except SourceError as caught:
        error, statements = caught, ()
    assert error is None or (error.reason and error.line >= 1 and error.column >= 1)
    for statement in statements:
        span = source.span(statement)
        assert 1 <= span.line <= span.end_line <= len(source.lines)
    for suppression in source.suppressions.entries:
        assert 1 <= suppression.first_line <= suppression.line <= suppression.last_line


@settings(deadline=None)
@given(TEXTS)
@example("x = 1\\\n")
@example("\ufeffx = 1\n")
@example("\U00031350")
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    reads_or_says_why(SourceFile.from_text(text, "a.py"))


@settings(deadline=None)
@given(st.binary(max_size=60) | TEXTS.map(lambda text: text.encode("utf-16", errors="replace")))
def test_any_bytes_are_read_or_refused_with_a_reason(data: bytes) -> None:
    reads_or_says_why(SourceFile(data, "a.py"))


@settings(deadline=None)
@given(JSON)
def test_any_json_is_a_notebook_or_refused_with_a_reason(content: object) -> None:
    reads_or_says_why(SourceFile.from_text(json.dumps(content), "a.ipynb"))


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_any_cells_are_read_or_refused_with_a_reason(cells: list[str]) -> None:
    content = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    reads_or_says_why(SourceFile.from_text(json.dumps(content), "a.ipynb"))


def test_lone_surrogates_are_undecodable() -> None:
    with pytest.raises(SourceError, match="decode"):
        SourceFile.from_text("x = '\udcff'\n", "a.py").text  # noqa: B018 - reads


def test_what_is_costly_happens_once() -> None:
    source = SourceFile.from_text("import torch\n", "a.py")
    assert source.module is source.module
    assert source.may_matter
    assert not SourceFile.from_text("import numpy\n", "a.py").may_matter
