"""Limits on the child process and everything that it starts, and how all of that is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path

LINUX = sys.platform == "linux"

_ROUNDS = 20
"""How often the members of a session are looked for again: some may fork while others are being stopped."""


def forkable(device: str) -> bool:
    """Whether a process that has imported torch can be forked safely: not with an accelerator's context in it."""
    return LINUX and device == "cpu"


def session_members(session: int) -> list[int]:
    """The processes of a session (as `setsid` makes one); only where /proc tells, else none."""
    members = []
    for entry in Path("/proc").iterdir() if LINUX else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    members.append(int(entry.name))
    return members


def kill_session(session: int, spare: Collection[int] = ()) -> None:
    """Kill the processes of a session but those in `spare`; all are stopped first, so that none forks meanwhile."""
    if not LINUX:
        return
    stopped: set[int] = set()
    for _ in range(_ROUNDS):
        fresh = [pid for pid in session_members(session) if pid not in stopped and pid not in spare]
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        stopped.update(fresh)
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def limit_memory(size: int) -> None:
    """Let this process and its children take `size` more bytes of address space than it has now (Linux).

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
