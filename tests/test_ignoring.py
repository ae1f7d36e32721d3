from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint.findings import Confidence, Finding, Severity, Span
from gradlint.ignoring import IgnoreError, add_ignores, with_ignores
from gradlint.sources.suppressions import read_suppressions


def at(line: int, code: str = "GRD101") -> Finding:
    return Finding(code, "x", Severity.ERROR, Confidence.HIGH, "message", Span("net.py", line, 1, line, 2))


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("x = 1\n", 1, "x = 1  # gradlint: ignore[GRD101] why\n"),
        ("x = 1", 1, "x = 1  # gradlint: ignore[GRD101] why"),
        ("x = 1\r\ny = 2\r\n", 1, "x = 1  # gradlint: ignore[GRD101] why\r\ny = 2\r\n"),
        ("x = 1   \n", 1, "x = 1   # gradlint: ignore[GRD101] why\n"),
        ("x = f(\n    1,\n)\n", 1, "x = f(\n    1,\n)  # gradlint: ignore[GRD101] why\n"),
        ("x = f(\n    1,\n)\n", 2, "x = f(\n    1,\n)  # gradlint: ignore[GRD101] why\n"),
        ("x = 1 + \\\n    2\n", 1, "x = 1 + \\\n    2  # gradlint: ignore[GRD101] why\n"),
        ('x = """\na\n"""\n', 2, 'x = """\na\n"""  # gradlint: ignore[GRD101] why\n'),
        ("x = 1  # a comment\n", 1, "x = 1  # a comment  # gradlint: ignore[GRD101] why\n"),
        ("x = 1  # type: ignore\n", 1, "x = 1  # type: ignore  # gradlint: ignore[GRD101] why\n"),
        ("x = 1  # gradlint: ignore[GRD505] old\n", 1, "x = 1  # gradlint: ignore[GRD505, GRD101] old\n"),
        ("x = 1  # gradlint: ignore[GRD505, ] old\n", 1, "x = 1  # gradlint: ignore[GRD505, GRD101] old\n"),
        ("x = 1  # gradlint: ignore[] old\n", 1, "x = 1  # gradlint: ignore[GRD101] old\n"),
        (
            "x = f(  # gradlint: ignore[GRD505]\n    1)\n",
            2,
            "x = f(  # gradlint: ignore[GRD505, GRD101]\n    1)\n",
        ),
        ("for x in y:\n    f(x)\n", 1, "for x in y:  # gradlint: ignore[GRD101] why\n    f(x)\n"),
        ("@a\n@b\ndef f(): pass\n", 2, "@a\n@b  # gradlint: ignore[GRD101] why\ndef f(): pass\n"),
        ("x = 'ü\x0c'; y = 2\n", 1, "x = 'ü\x0c'; y = 2  # gradlint: ignore[GRD101] why\n"),
    ],
)
def test_the_comment_stands_at_the_end_of_the_statement(before: str, line: int, after: str) -> None:
    assert with_ignores(before, [at(line)], "why") == (after, 1)


def test_several_findings_of_a_statement_share_a_comment() -> None:
    before = "x = f(\n    1)\ny = 2\n"
    after, count = with_ignores(before, [at(1), at(2, "GRD505"), at(1), at(3)], "why\n not")
    assert count == 2
    assert after == (
        "x = f(\n    1)  # gradlint: ignore[GRD101, GRD505] why not\ny = 2  # gradlint: ignore[GRD101] why not\n"
    )


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [("x = 1\n\n", 2, "no statement on line 2"), ("x = (\n", 1, "to its end"), ("x = 1\ry = 2\r", 1, "Macintosh")],
)
def test_what_cannot_be(text: str, line: int, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        with_ignores(text, [at(line)], "why")


STATEMENTS = st.sampled_from(
    [
        "x = 1",
        "x = f(\n    1,  # a\n    2,\n)",
        'x = """\n# no comment\n"""',
        "x = 1 \\\n  + 2  # gradlint: ignore[GRD505]",
        "if x:\n    y = 1  # noqa: E501",
        "x = f'{1}'; y = 2",
        "",
        "# gradlint: ignore[GRD1]",
    ]
)


@given(st.lists(STATEMENTS, min_size=1, max_size=6), st.data(), st.sampled_from(["\n", "\r\n"]))
def test_only_comments_change_and_all_findings_are_suppressed(parts: list[str], data: st.DataObject, end: str) -> None:
    text = ("\n".join(parts) + "\n").replace("\n", end)
    starts = [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    chosen = data.draw(st.sets(st.sampled_from(starts)) if starts else st.just(set()))
    after, _ = with_ignores(text, [at(line) for line in chosen], "why")
    assert ast.dump(ast.parse(after)) == ast.dump(ast.parse(text))
    assert len(after.split("\n")) == len(text.split("\n"))
    entries = read_suppressions(after).entries
    assert all(any(e.reaches(line) and "GRD101" in e.rules for e in entries) for line in chosen)


@pytest.mark.parametrize(
    "data",
    [
        "# coding: latin-1\nx = 'ü'\n".encode("latin-1"),
        b"\xef\xbb\xbfx = '\xc3\xbc'\r\ny = 2\n",
        "# -*- coding: cp1252 -*-\r\nx = '€'\r\n".encode("cp1252"),
    ],
)
def test_every_other_byte_stays(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "net.py"
    file.write_bytes(data)
    line = 1 + data[: data.index(b"x =")].count(b"\n")
    assert add_ignores(file, [at(line)], "why") == 1
    comment = b"  # gradlint: ignore[GRD101] why"
    assert comment in file.read_bytes()
    assert file.read_bytes().replace(comment, b"") == data


def test_files_that_are_left_alone(tmp_path: Path) -> None:
    notebook = tmp_path / "net.ipynb"
    notebook.write_text("{}")
    with pytest.raises(IgnoreError, match="notebooks are not rewritten"):
        add_ignores(notebook, [at(1)], "why")
    latin = tmp_path / "net.py"
    latin.write_bytes(b"# coding: latin-1\nx = 1\n")
    with pytest.raises(IgnoreError, match="no way to write the reason"):
        add_ignores(latin, [at(2)], "weil €")
    assert latin.read_bytes() == b"# coding: latin-1\nx = 1\n"
    with pytest.raises(IgnoreError, match="no such file"):
        add_ignores(tmp_path / "gone.py", [at(1)], "why")


def test_what_cannot_be_parsed_is_no_matter_for_comments(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("x = 1\n")
    assert add_ignores(file, [at(1, "GRD001"), at(1, "GRD002")], "why") == 0
    assert file.read_text() == "x = 1\n"
