"""Limits on the child process and everything that it starts, and how all of that is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path

LINUX = sys.platform == "linux"

_ROUNDS = 20
"""How often relatives are looked for again: some may fork while others are being stopped."""
_PR_SET_CHILD_SUBREAPER = 36


def forkable(device: str) -> bool:
    """Whether a process that has imported torch can be forked safely: not with an accelerator's context in it."""
    return LINUX and device == "cpu"


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that they are still found (Linux)."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(ancestor: int) -> list[int]:
    """The processes below `ancestor` and those of the session that it leads; none where /proc does not tell."""
    children: dict[int, list[int]] = defaultdict(list)
    found: list[int] = []
    for entry in Path("/proc").iterdir() if LINUX else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] != "Z":
                    children[int(fields[1])].append(int(entry.name))
                    if int(fields[3]) == ancestor:
                        found.append(int(entry.name))
    reached, stack = set(found) - {ancestor}, [*found, ancestor]
    while stack:
        for pid in children[stack.pop()]:
            if pid not in reached:
                reached.add(pid)
                stack.append(pid)
    return sorted(reached)


def kill_descendants(ancestor: int) -> None:
    """Kill all processes below `ancestor`; all are stopped before any is killed, so that none forks meanwhile."""
    stopped: set[int] = set()
    for _ in range(_ROUNDS):
        fresh = [pid for pid in descendants(ancestor) if pid not in stopped]
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        stopped.update(fresh)
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def reap() -> None:
    """Forget the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def limit_memory(size: int) -> None:
    """Let this process and its children each take `size` more bytes of address space than it has now (Linux).

    Elsewhere the limit is not kept by the system, and nothing is done.
    """
    if not LINUX:
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = pages * resource.getpagesize() + size
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    with contextlib.suppress(OSError):  # if memory runs out all the same, this process goes first
        Path("/proc/self/oom_score_adj").write_text("1000")


def silence() -> tuple[int, int]:
    """Take standard input and output for the protocol and leave nothing behind them for prints to disturb.

    Returns:
        The descriptors to read requests from and to write replies to.
    """
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    return requests, replies
