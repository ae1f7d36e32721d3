from __future__ import annotations

import sys
import threading

import pytest

from gradlint.stack import on_deep_stack


def depth(n: int) -> int:
    return 0 if n == 0 else 1 + max(map(depth, [n - 1]))


def test_deep_recursion_fits() -> None:
    assert on_deep_stack(lambda: depth(5_000)) == 5_000


def test_endless_recursion_ends_in_an_exception() -> None:
    with pytest.raises(RecursionError):
        on_deep_stack(lambda: depth(10**9))


def test_exceptions_come_back() -> None:
    with pytest.raises(KeyError, match="x"):
        on_deep_stack(lambda: {}["x"])


def test_nothing_stays_changed() -> None:
    before = (sys.getrecursionlimit(), threading.stack_size(), threading.active_count())
    on_deep_stack(lambda: None)
    assert (sys.getrecursionlimit(), threading.stack_size(), threading.active_count()) == before
