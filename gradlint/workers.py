"""Linting in several processes: results in the order of the files, whatever order they are finished in.

Files that lie together import the same modules, which a process parses once. So each process gets its own stretch of
the files, of about as many bytes as the others', and takes from the end of another's when it is done with it.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from pathlib import Path

from gradlint.config import Settings
from gradlint.linting import Linter
from gradlint.results import Failure, FileResult
from gradlint.sources import Found

_CHUNK = 2
"""Files handed out at a time."""

_MOST = 60
"""More processes than this Windows cannot wait for."""

_BEAT = 5.0
"""Seconds after which a process that has nothing to do looks whether its parent is still there."""


def lint_in_processes(
    settings: Settings,
    names: Mapping[Path, str],
    files: Sequence[Found],
    jobs: int,
    watch: Callable[[FileResult], None] = lambda _: None,
) -> list[FileResult]:
    """The results of all files, in their order. A process that dies costs the file that killed it, and no other.

    `watch` is told results while others are still being made.
    """
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    done = _in_lanes(settings, names, chunks, jobs, watch)
    results: list[FileResult] = []
    for chunk, finished in zip(chunks, done, strict=True):
        if finished is None:
            finished = _one_by_one(settings, names, chunk)
            for result in finished:
                watch(result)
        results.extend(finished)
    return results


class _Lane:
    """A process that lints what it is handed, and the pipe that leads to it."""

    def __init__(self, context: BaseContext, settings: Settings, names: Mapping[Path, str]) -> None:
        self.connection, other = context.Pipe()
        process = context.Process(target=_work, args=(other, settings, dict(names), os.getpid()), daemon=True)  # type: ignore[attr-defined]
        process.start()
        other.close()
        self.process = process
        self.number = 0

    def hand(self, number: int, chunk: Sequence[Found]) -> None:
        self.number = number
        with suppress(OSError):  # if it died, `result` says so
            self.connection.send(list(chunk))

    def result(self) -> list[FileResult] | None:
        """What became of the chunk; None where the process died of it."""
        try:
            answer = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, list)
        return answer

    def end(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


class _Stretches:
    """Which chunk comes next for which lane: the next of its own stretch, then the last of the longest one left."""

    def __init__(self, chunks: Sequence[Sequence[Found]], lanes: int) -> None:
        self._sizes = [sum(map(_size, chunk)) for chunk in chunks]
        total = sum(self._sizes)
        self._left: list[deque[int]] = [deque() for _ in range(lanes)]
        before = 0
        for number, size in enumerate(self._sizes):
            self._left[min((before + size // 2) * lanes // total, lanes - 1)].append(number)
            before += size

    def next(self, lane: int) -> int | None:
        """The number of a chunk; None where none is left."""
        if self._left[lane]:
            return self._left[lane].popleft()
        longest = max(self._left, key=lambda stretch: sum(self._sizes[number] for number in stretch))
        return longest.pop() if longest else None


def _size(found: Found) -> int:
    try:
        return found.path.stat().st_size + 1
    except OSError:
        return 1


def _in_lanes(
    settings: Settings,
    names: Mapping[Path, str],
    chunks: Sequence[Sequence[Found]],
    jobs: int,
    watch: Callable[[FileResult], None] = lambda _: None,
) -> list[list[FileResult] | None]:
    """The results of each chunk; None for one that was lost with its process."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    if context.get_start_method() == "fork":
        importlib.import_module("gradlint.evaluation.driver")  # once, and not in each process
    stretches = _Stretches(chunks, min(jobs, len(chunks), _MOST))
    results: list[list[FileResult] | None] = [None] * len(chunks)
    lanes: dict[Connection[object, object], tuple[int, _Lane]] = {}

    def start(place: int, lane: _Lane | None = None) -> None:
        """Hand the next chunk to a lane, to a new one where there is none; end it where none is left."""
        number = stretches.next(place)
        if number is None:
            if lane is not None:
                lane.end()
            return
        lane = lane or _Lane(context, settings, names)
        lanes[lane.connection] = place, lane
        lane.hand(number, chunks[number])

    try:
        for place in range(min(jobs, len(chunks), _MOST)):
            start(place)
        while lanes:
            for ready in wait(list(lanes)):
                place, lane = lanes.pop(ready)  # type: ignore[call-overload]
                finished = results[lane.number] = lane.result()
                if finished is None:
                    lane.end()
                start(place, None if finished is None else lane)
                for result in finished or ():
                    watch(result)
    finally:
        for _, lane in lanes.values():
            lane.end()
    return results


def _one_by_one(settings: Settings, names: Mapping[Path, str], chunk: Sequence[Found]) -> list[FileResult]:
    results = []
    for found in chunk:
        (finished,) = _in_lanes(settings, names, [[found]], 1)
        died = FileResult(found.name, failures=(Failure(f"{found.name}: internal error: the process died"),))
        results.append(died if finished is None else finished[0])
    return results


def _work(connection: Connection[object, object], settings: Settings, names: dict[Path, str], parent: int) -> None:
    """What a process does until it is ended; interrupting the run is the parent's affair."""
    from gradlint.engine import Plan

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    linter: Linter | None = None
    while True:
        while not connection.poll(_BEAT):
            if os.getppid() != parent:
                return
        try:
            chunk = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if linter is None:
                plan = Plan.make(settings)
                linter = Linter(settings, plan.catalogue, plan.rules, names)
            connection.send([linter.lint(found) for found in chunk])  # type: ignore[attr-defined]
        except Exception as error:  # it is the parent that says what went wrong
            connection.send(error)
