"""Running the user's code: in a process of its own, so that what it does ends with it. Runs in the child."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
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
    """The reply about the object that the user's file builds; `live` says which file and which call.

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
        return _run(network, request, live)
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
            reply = _run(network, request, live)
            if os.getpid() == own:  # not a fork that the user's code made
                send(sink, reply)
        finally:
            os._exit(0)
    os.close(sink)
    try:
        return receive(source, request.time_limit)
    except TimedOut:
        return _refusal(f"the code of the file ran longer than {request.time_limit:.0f} s")
    except Closed:
        return _refusal(_end(pid))
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


def _run(network: NetworkSpec, request: Request, live: Mapping[str, Any]) -> Message:
    """Import, build and measure; whatever the user's code raises becomes the reason."""
    from gradlint.probe.live import measure_live

    try:
        return {"ok": True, "measurement": measure_live(network, request, live).to_plain()}
    except NotMeasurable as error:
        return _refusal(str(error))
    except MemoryError:
        return _refusal("the code of the file took more memory than is allowed")
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        if "allocate memory" in text:
            return _refusal("the code of the file took more memory than is allowed")
        return _refusal(f"the code of the file raised {text[:_TEXT_LIMIT]}")


def _refusal(reason: str) -> Message:
    return {"ok": False, "reason": reason}
