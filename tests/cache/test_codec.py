from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from gradlint.cache.codec import decode, encode
from gradlint.findings import Evidence, Span
from gradlint.results import FileResult, PlacedSuppression
from gradlint.subjects import Unreadable
from tests.reports.findings import LOOP, NOTEBOOK, REFUTED, SIGMOIDS

SPAN = Span("a.py", 1, 2, 3, 4)
INFINITE = FileResult("a.py", findings=(replace(LOOP, evidence=Evidence(-math.inf)),))


@pytest.mark.parametrize(
    "result",
    [
        FileResult("a.py"),
        FileResult("a.py", relevant=False),
        FileResult("a.py", networks=3),
        FileResult("a.py", findings=(SIGMOIDS, LOOP, NOTEBOOK, REFUTED), networks=1, unresolved=2, notes=("a", "b")),
        FileResult("a.py", unreadable=Unreadable("syntax error", SPAN)),
        FileResult("a.py", suppressions=(PlacedSuppression("ignore", SPAN, ("GRD101", "x"), 1, 2, True, True),)),
        INFINITE,
    ],
)
def test_what_is_encoded_is_decoded(result: FileResult) -> None:
    values = json.loads(json.dumps(encode(result)))
    assert decode("a.py", values, result.relevant) == result


def test_a_file_with_nothing_to_say_takes_no_room() -> None:
    assert encode(FileResult("a.py")) == []


@pytest.mark.parametrize("values", [[[["x"]]], [[], [[]]], [[], [], 3], [1, 2, 3, 4, 5, 6, 7]])
def test_what_is_no_result(values: list[object]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        decode("a.py", values, True)
