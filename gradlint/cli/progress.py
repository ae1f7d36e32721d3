"""Telling a person what takes so long: one line on a terminal, which is gone when the work is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

PATIENCE = 2.0
"""Seconds of work before anything is said."""
_BEAT = 0.5
_ERASE = "\r\x1b[2K"
_WIDTH = 79


@contextmanager
def progress_on(stream: TextIO, silent: bool = False) -> Iterator[Callable[[str], None] | None]:
    """A function that is told what is being done; None, and not a word, where `stream` is no terminal."""
    if silent or not stream.isatty():
        yield None
        return
    line = _Line(stream)
    try:
        yield line.say
    finally:
        line.end()


class _Line:
    """The line on the terminal. It is drawn by a thread of its own, started when there is first something to say."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = ""
        self.start = time.monotonic()
        self.drawn = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._draw, daemon=True)

    def say(self, text: str) -> None:
        self.text = text
        if not self.thread.is_alive() and not self.over.is_set():
            self.start = time.monotonic()
            self.thread.start()

    def end(self) -> None:
        self.over.set()
        if self.thread.is_alive():
            self.thread.join()
        if self.drawn:
            self.stream.write(_ERASE)
            self.stream.flush()

    def _draw(self) -> None:
        while not self.over.wait(_BEAT):
            seconds = time.monotonic() - self.start
            if seconds >= PATIENCE:
                self.drawn = True
                self.stream.write(f"{_ERASE}{self.text} ... {seconds:.0f} s"[: _WIDTH + len(_ERASE)])
                self.stream.flush()
