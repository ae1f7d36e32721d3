"""Running the user's code: in a process of its own, so that what it does ends with it. Runs in the child."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NetworkSpec
from gradlint.probe.processes import forkable, kill_descendants, reap
from gradlint.probe.protocol import Closed, Message, TimedOut, receive, send
from gradlint.probe.request import Request

_TEXT_LIMIT = 300


def answer_isolated(
    network: NetworkSpec, request: Request, live: Mapping[str, Any], folder: Path, private: tuple[int, ...]
) -> Message:
    """The reply about the object that the user's code builds; `live` says which files and which calls.

    On Linux a fork of this process runs the user's code, which has torch already and is ended with all that
    it started. Elsewhere this process does it itself, and its parent ends it afterwards. Either way it runs in
    a temporary folder below `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)  # earlier user code may have deleted it
    own = tempfile.mkdtemp(dir=folder)
    try:
        if forkable(request.device):
            return _forked(network, request, live, own, private)
        os.chdir(own)
        return _run(network, request, live, lambda _: None)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _forked(
    network: NetworkSpec, request: Request, live: Mapping[str, Any], folder: str, private: tuple[int, ...]
) -> Message:
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        own = os.getpid()
        try:
            for descriptor in (source, *private):
                os.close(descriptor)
            os.chdir(folder)
            _use_one_thread()
            reply = _run(network, request, live, lambda file: send(sink, {"importing": file}))
            if os.getpid() == own:  # not a fork that the user's code made
                send(sink, reply)
        finally:
            os._exit(0)
    os.close(sink)
    deadline = time.monotonic() + request.time_limit
    message: Message = {}
    importing = ""
    try:
        while "ok" not in message:
            message = receive(source, max(0.0, deadline - time.monotonic()))
            importing = message.get("importing", "")
        return message
    except TimedOut:
        return _refusal(f"the code of the file ran longer than {request.time_limit:.0f} s", importing)
    except Closed:
        return _refusal(_end(pid), importing)
    finally:
        os.close(source)
        kill_descendants(os.getpid())
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        reap()


def _use_one_thread() -> None:
    """The threads that torch had before the fork are gone, and waiting for them would take for ever."""
    import torch

    torch.set_num_threads(1)


def _end(pid: int) -> str:
    """How the fork ended, in words."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # it has closed its end and may still be there
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        return f"the code of the file was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return "the code of the file ended its process"


def _run(network: NetworkSpec, request: Request, live: Mapping[str, Any], importing: Callable[[str], None]) -> Message:
    """Import, build and measure; whatever the user's code raises becomes the reason.

    `importing` is told which file is being imported, and the empty string once it is.
    """
    from gradlint.probe.live import ImportFailed, measure_live

    try:
        return {"ok": True, "measurement": measure_live(network, request, live, importing).to_plain()}
    except ImportFailed as failed:
        return _refusal(_what_was_raised(failed.error), failed.file)
    except BaseException as error:
        return _refusal(_what_was_raised(error))


def _what_was_raised(error: BaseException) -> str:
    if isinstance(error, NotMeasurable):
        return str(error)
    text = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    if isinstance(error, MemoryError) or "allocate memory" in text:
        return "the code of the file took more memory than is allowed"
    return f"the code of the file raised {text[:_TEXT_LIMIT]}"


def _refusal(reason: str, broken: str = "") -> Message:
    """`broken` is the file that cannot be imported, if that is why."""
    return {"ok": False, "reason": reason, "broken": broken}
