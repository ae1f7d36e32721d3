"""Linting in several processes: results in the order of the files, whatever order they are finished in."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from gradlint.config import Settings
from gradlint.linting import Linter
from gradlint.results import Failure, FileResult
from gradlint.sources import Found

_CHUNK = 8
"""Files handed out at a time: neighbours import the same modules, which a process then evaluates once."""

_MOST = 61
"""More processes than this Windows cannot wait for."""

_linter: Linter | None = None


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
    done = _in_pool(settings, names, chunks, jobs, watch)
    results: list[FileResult] = []
    for chunk, finished in zip(chunks, done, strict=True):
        results.extend(_one_by_one(settings, names, chunk) if finished is None else finished)
    return results


def _in_pool(
    settings: Settings,
    names: Mapping[Path, str],
    chunks: Sequence[Sequence[Found]],
    jobs: int,
    watch: Callable[[FileResult], None] = lambda _: None,
) -> list[list[FileResult] | None]:
    """The results of each chunk; None for one that was lost with its process. The largest are handed out first."""
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    pool = ProcessPoolExecutor(min(jobs, len(chunks), _MOST), context, _start, (settings, dict(names)))
    order = sorted(range(len(chunks)), key=lambda number: -sum(map(_size, chunks[number])))
    results: list[list[FileResult] | None] = [None] * len(chunks)
    try:
        futures = {pool.submit(_lint, chunks[number]): number for number in order}
        for future in as_completed(futures):
            results[futures[future]] = finished = _result(future)
            for result in finished or ():
                watch(result)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()
    return results


def _size(found: Found) -> int:
    try:
        return found.path.stat().st_size
    except OSError:
        return 0


def _result(future: Future[list[FileResult]]) -> list[FileResult] | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _one_by_one(settings: Settings, names: Mapping[Path, str], chunk: Sequence[Found]) -> list[FileResult]:
    results = []
    for found in chunk:
        (finished,) = _in_pool(settings, names, [[found]], 1)
        died = FileResult(found.name, failures=(Failure(f"{found.name}: internal error: the process died"),))
        results.append(died if finished is None else finished[0])
    return results


def _start(settings: Settings, names: dict[Path, str]) -> None:
    """Ready a process; interrupting the run is the parent's affair."""
    from gradlint.engine import Plan

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    plan = Plan.make(settings)
    global _linter  # what a pool's initializer prepares for its tasks has no other place
    _linter = Linter(settings, plan.catalogue, plan.rules, names)


def _lint(chunk: Sequence[Found]) -> list[FileResult]:
    assert _linter is not None
    return [_linter.lint(found) for found in chunk]
