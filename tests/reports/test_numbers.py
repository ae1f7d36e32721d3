from __future__ import annotations

import math

import pytest

from gradlint.reports.numbers import count, number, plain, ratio, significant


@pytest.mark.parametrize(
    ("log10", "text"),
    [
        (0.0, "1"),
        (-0.0969, "0.8"),
        (-6.7696, "1.7e-07"),
        (-2.0, "0.01"),
        (-2.01, "9.8e-03"),
        (1.0, "10"),
        (2.345, "221"),
        (3.9999, "9998"),
        (4.0, "1.0e+04"),
        (-400.2, "6.3e-401"),
        (500.0, "1.0e+500"),
        (-7 + math.log10(9.99), "1.0e-06"),
        (math.inf, "inf"),
        (-math.inf, "0"),
        (math.nan, "unknown"),
        (None, "unknown"),
    ],
)
def test_ratio(log10: float | None, text: str) -> None:
    assert ratio(log10) == text


@pytest.mark.parametrize(("value", "text"), [(0.02521, "0.0252"), (1234.0, "1.23e+03"), (None, "-"), (math.nan, "-")])
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_numbers_for_programs() -> None:
    assert plain(1.23456789) == 1.2346
    assert significant(1.23456789e-9) == 1.235e-9
    assert [plain(value) for value in (math.inf, -math.inf, math.nan, None)] == ["inf", "-inf", None, None]
    assert [significant(value) for value in (math.inf, math.nan)] == ["inf", None]


def test_count() -> None:
    assert [count(number, "file") for number in (0, 1, 2, 11689512)] == [
        "0 files",
        "1 file",
        "2 files",
        "11,689,512 files",
    ]
