from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.sources import Found
from gradlint.workers import _Stretches


def chunks(folder: Path, *sizes: int) -> list[list[Found]]:
    """A chunk of one file for each size in bytes."""
    made = []
    for number, size in enumerate(sizes):
        file = folder / f"{number}.py"
        file.write_bytes(b"#" * size)
        made.append([Found(file.name, file, named=False)])
    return made


def order(stretches: _Stretches, lanes: list[int]) -> list[int | None]:
    return [stretches.next(lane) for lane in lanes]


def test_each_lane_gets_neighbours_of_about_as_many_bytes(tmp_path: Path) -> None:
    stretches = _Stretches(chunks(tmp_path, 10, 10, 10, 30, 30, 30), 2)
    assert order(stretches, [1, 0, 1, 0]) == [4, 0, 5, 1]


def test_a_lane_that_is_done_takes_from_the_end_of_the_longest_stretch(tmp_path: Path) -> None:
    stretches = _Stretches(chunks(tmp_path, 10, 10, 10, 10, 10, 10), 3)
    assert order(stretches, [0, 1, 0, 0, 0, 0]) == [0, 2, 1, 5, 3, 4]


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_everything_is_handed_out_once(tmp_path: Path, lanes: int) -> None:
    stretches = _Stretches(chunks(tmp_path, 0, 7, 0, 900, 3, 3, 3), lanes)
    given = [stretches.next(number % lanes) for number in range(8)]
    assert sorted(number for number in given if number is not None) == list(range(7))
    assert given[-1] is None
