"""Running the user's code: in a process of its own, so that what it does ends with it. Runs in the child."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from typing import Any

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NetworkSpec
from gradlint.probe.processes import forkable, kill_session
from gradlint.probe.protocol import Closed, Message, TimedOut, receive, send
from gradlint.probe.request import Request

_TEXT_LIMIT = 300


def measure_isolated(network: NetworkSpec, request: Request, live: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the object that the user's file builds; `live` says which file and which call.

    On Linux a fork of this process does it, which has torch already and is ended with all that it started.
    Elsewhere this process does it itself, and its parent ends it afterwards.

    Raises:
        NotMeasurable: the user's code failed, ended the process, or exceeded a limit.
    """
    folder = tempfile.mkdtemp(prefix="gradlint-live-")
    try:
        if forkable(request.device):
            reply = _forked(network, request, live, folder)
        else:
            os.chdir(folder)
            reply = _run(network, request, live)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not reply.get("ok"):
        raise NotMeasurable(str(reply.get("reason")))
    measurement: dict[str, Any] = reply["measurement"]
    return measurement


def _forked(network: NetworkSpec, request: Request, live: Mapping[str, Any], folder: str) -> Message:
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        own = os.getpid()
        try:
            os.close(source)
            os.chdir(folder)
            reply = _run(network, request, live)
            if os.getpid() == own:  # not a fork that the user's code made
                send(sink, reply)
        finally:
            os._exit(0)
    os.close(sink)
    try:
        return receive(source, request.time_limit)
    except TimedOut:
        raise NotMeasurable(f"the code of the file ran longer than {request.time_limit:.0f} s") from None
    except Closed:
        raise NotMeasurable(_end(pid)) from None
    finally:
        os.close(source)
        kill_session(os.getsid(0), spare={os.getpid()})
        kill_session(pid)
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _end(pid: int) -> str:
    """How the fork ended, in words."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
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
        return {"ok": False, "reason": str(error)}
    except MemoryError:
        return {"ok": False, "reason": "the code of the file took more memory than is allowed"}
    except BaseException as error:
        text = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        if "allocate memory" in text:
            return {"ok": False, "reason": "the code of the file took more memory than is allowed"}
        return {"ok": False, "reason": f"the code of the file raised {text[:_TEXT_LIMIT]}"}
