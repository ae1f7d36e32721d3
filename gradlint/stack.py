"""Running functions on a deep stack, so that deeply nested source is a matter of limits and not of luck."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

FRAME_WORDS = 1024 * 1024 + 1
"""Size of the outermost frame on the deep stack: CPython sets 16 MiB aside for it, and for the frames inside.

By default it sets aside 16 KiB at a time, and asks the system for more and gives it back whenever calls cross
that line.
"""

T = TypeVar("T")

STACK_BYTES = 512 * 1024 * 1024
"""Address space only: pages that are never reached cost no memory."""

RECURSION_LIMIT = 40_000
"""Nested Python calls; at under 10 KiB of stack for each they fit."""


def on_deep_stack(function: Callable[[], T]) -> T:
    """What `function` returns or raises, when it runs in a thread with a stack of `STACK_BYTES`."""
    with DeepStack() as run:
        return run(function)


class DeepStack:
    """A deep stack for several functions, one after the other: a new one for each costs each its pages anew.

    Its thread starts with the first function and ends with the context.
    """

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy = False

    def __enter__(self) -> DeepStack:
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.put(None)
        if self._thread is not None and not self._busy:  # after an interruption it may be at work still
            self._thread.join()

    def __call__(self, function: Callable[[], T]) -> T:
        """What `function` returns or raises, when it runs on this stack."""
        call = _Call(function)
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
        try:
            self._thread = self._thread or _start(self._calls)
            self._busy = True
            self._calls.put(call)
            call.done.acquire()
            self._busy = False
        finally:
            sys.setrecursionlimit(limit)
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result


class _Call:
    """A function that is to be called, and what came of it once `done` can be acquired."""

    __slots__ = ("done", "error", "function", "result")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.done = threading.Lock()
        self.done.acquire()
        self.result: Any = None
        self.error: BaseException | None = None


def _serve(calls: SimpleQueue[_Call | None]) -> None:
    while True:
        call = calls.get()
        if call is None:
            return
        try:
            call.result = call.function()
        except BaseException as error:  # handed on to the caller
            call.error = error
        done = call.done
        del call  # or its result would live until the next one
        done.release()


_serve.__code__ = _serve.__code__.replace(co_stacksize=FRAME_WORDS)


def _start(calls: SimpleQueue[_Call | None]) -> threading.Thread:
    """A running thread; its stack is smaller where the system grants no large one."""
    size = STACK_BYTES
    while True:
        before = threading.stack_size(size)
        try:
            thread = threading.Thread(target=_serve, args=(calls,), name="gradlint", daemon=True)
            thread.start()
        except (RuntimeError, MemoryError):
            if size <= 16 * 1024 * 1024:
                raise
            size //= 2
        else:
            return thread
        finally:
            threading.stack_size(before)
