"""Running a function on a deep stack, so that deeply nested source is a matter of limits and not of luck."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

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
    results: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(function())
        except BaseException as error:  # handed on to the caller
            errors.append(error)

    target.__code__ = target.__code__.replace(co_stacksize=FRAME_WORDS)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        _start(target).join()
    finally:
        sys.setrecursionlimit(limit)
    if errors:
        raise errors[0]
    return results[0]


def _start(target: Callable[[], None]) -> threading.Thread:
    """A running thread; its stack is smaller where the system grants no large one."""
    size = STACK_BYTES
    while True:
        before = threading.stack_size(size)
        try:
            thread = threading.Thread(target=target, name="gradlint", daemon=True)
            thread.start()
        except (RuntimeError, MemoryError):
            if size <= 16 * 1024 * 1024:
                raise
            size //= 2
        else:
            return thread
        finally:
            threading.stack_size(before)
