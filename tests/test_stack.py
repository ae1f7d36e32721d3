from __future__ import annotations

import signal
import sys
import threading
import weakref

import pytest

from gradlint.stack import DeepStack, on_deep_stack


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
    before, threads = (sys.getrecursionlimit(), threading.stack_size()), set(threading.enumerate())
    on_deep_stack(lambda: None)
    with pytest.raises(KeyError):
        on_deep_stack(lambda: {}["x"])
    assert (sys.getrecursionlimit(), threading.stack_size()) == before
    assert set(threading.enumerate()) <= threads


def test_one_stack_serves_several_functions() -> None:
    with DeepStack() as run:
        threads = {run(threading.get_ident) for _ in range(3)}
        with pytest.raises(KeyError):
            run(lambda: {}["x"])
        assert threads == {run(threading.get_ident)} != {threading.get_ident()}


def test_a_result_is_not_kept() -> None:
    class Result:
        pass

    with DeepStack() as run:
        kept = weakref.ref(run(Result))
        assert kept() is None


def test_a_stack_that_is_not_used_has_no_thread() -> None:
    before = set(threading.enumerate())
    with DeepStack():
        assert set(threading.enumerate()) <= before


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads")
def test_who_interrupts_does_not_wait() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def interrupted() -> None:
        may_end.wait(0.5)  # by then the main thread sleeps, and a signal wakes it
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        may_end.wait(60)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        on_deep_stack(interrupted)
    assert not ended.is_set()
    may_end.set()
