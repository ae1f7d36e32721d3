from __future__ import annotations

import pytest

from gradlint.sources import Scope
from gradlint.sources.suppressions import Suppression, read_suppressions


def only(text: str) -> Suppression:
    (suppression,) = read_suppressions(text).entries
    return suppression


@pytest.mark.parametrize(
    ("comment", "scope", "rules"),
    [
        ("# gradlint: ignore[GRD101] for a reason", Scope.STATEMENT, ("GRD101",)),
        ("# gradlint:ignore[deep-sigmoid-stack, GRD102]", Scope.STATEMENT, ("deep-sigmoid-stack", "GRD102")),
        ("# gradlint: ignore", Scope.STATEMENT, ()),
        ("# gradlint: ignore[]", Scope.STATEMENT, ()),
        ("# type: ignore  # gradlint: ignore[GRD101]", Scope.STATEMENT, ("GRD101",)),
        ("# noqa: GRD101", Scope.NOQA, ("GRD101",)),
        ("# NOQA:E501,GRD101 reason", Scope.NOQA, ("E501", "GRD101")),
    ],
)
def test_ways_to_write_one(comment: str, scope: Scope, rules: tuple[str, ...]) -> None:
    suppression = only(f"x = 1  {comment}\n")
    assert (suppression.scope, suppression.rules) == (scope, rules)
    assert suppression.line == 1


@pytest.mark.parametrize(
    "text",
    [
        "x = 1  # noqa\n",
        "x = 1  # gradlint is good\n",
        'x = "# gradlint: ignore[GRD101]"\n',
        "x = 1  # gradlint: ignore-next\n",
        "'''\n# gradlint: ignore[GRD101]\n'''\n",
    ],
)
def test_what_is_none(text: str) -> None:
    assert read_suppressions(text).entries == ()


def test_it_reaches_every_line_of_its_statement() -> None:
    text = "a = 1\nmodel = Sequential(\n    Dense(1),  # gradlint: ignore[GRD101]\n    Dense(2),\n)\nb = 2\n"
    suppression = only(text)
    assert [line for line in range(1, 7) if suppression.reaches(line)] == [2, 3, 4, 5]


def test_it_reaches_the_head_of_a_block_only() -> None:
    suppression = only("for i in x:  # gradlint: ignore[GRD101]\n    f(i)\n")
    assert [line for line in (1, 2) if suppression.reaches(line)] == [1]


def test_a_comment_of_its_own_line_reaches_nothing_else() -> None:
    suppression = only("a = 1\n# gradlint: ignore[GRD101]\nb = 2\n")
    assert [line for line in (1, 2, 3) if suppression.reaches(line)] == [2]


@pytest.mark.parametrize("before", ["", "#!/usr/bin/python\n\n", '"""Docs."""\n\n'])
def test_a_file_is_suppressed_from_its_top(before: str) -> None:
    suppression = only(f"{before}# gradlint: ignore-file[GRD101] generated\nimport torch\n")
    assert not suppression.misplaced
    assert suppression.reaches(1000)


@pytest.mark.parametrize(
    "text", ["import torch\n# gradlint: ignore-file[GRD101]\n", "x = 1  # gradlint: ignore-file[GRD101]\n"]
)
def test_a_file_is_not_suppressed_from_anywhere_else(text: str) -> None:
    suppression = only(text)
    assert suppression.misplaced
    assert not suppression.reaches(1)


def test_columns_are_those_of_the_directive() -> None:
    text = "x = 'ä'  # type: ignore # gradlint: ignore[GRD101] reason\n"
    suppression = only(text)
    assert text[suppression.column - 1 : suppression.end_column - 1] == "# gradlint: ignore[GRD101]"


def test_what_comes_before_an_error_is_still_read() -> None:
    suppression = only("x = 1  # gradlint: ignore[GRD101]\ny = (  # noqa\n")
    assert suppression.line == 1
