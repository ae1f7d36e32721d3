from __future__ import annotations

import io

import pytest

from gradlint.reports.style import Style, wants_color


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "terminal", "environment", "wanted"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"NO_COLOR": "0"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", False, {"FORCE_COLOR": ""}, False),
        ("auto", True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_who_decides_on_color(choice: str, terminal: bool, environment: dict[str, str], wanted: bool) -> None:
    assert wants_color(choice, Terminal() if terminal else io.StringIO(), environment) is wanted


def test_a_style_that_is_off_changes_nothing() -> None:
    assert Style()("text", "red", "bold") == "text"
    assert Style(enabled=True)("text", "red", "bold") == "\x1b[31;1mtext\x1b[0m"
    assert Style(enabled=True)("", "red") == ""
