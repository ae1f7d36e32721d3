"""The child process: imports torch once, then measures what it is asked to until its input ends."""

from __future__ import annotations

import gc
import shutil
import traceback
from pathlib import Path
from typing import Any

from gradlint.probe.errors import INSTALL_HINT, NotMeasurable
from gradlint.probe.network_spec import NetworkSpec
from gradlint.probe.processes import adopt_orphans, forkable, limit_memory, silence
from gradlint.probe.protocol import Closed, Message, receive, send
from gradlint.probe.request import Request

GIB = 1 << 30


def main() -> None:
    """Serve requests from standard input until it is closed."""
    requests, replies = silence()
    folder = Path.cwd()
    try:
        start = receive(requests)
        hello = _prepare(start)
        send(replies, hello)
        while hello["ok"]:
            send(replies, answer(receive(requests), folder, (requests, replies)))
            gc.collect()
    except Closed:
        pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # the parent does so, too, unless it was killed


def _prepare(start: Message) -> Message:
    """Import torch and set the limits; says why when that cannot be done."""
    try:
        import torch
    except ImportError as error:
        return {"ok": False, "reason": f"{INSTALL_HINT} ({error})"}
    torch.set_num_threads(max(1, int(start["threads"])))
    device = start["device"]
    backends = {"cpu": lambda: True, "cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if not backends[device]():
        return {"ok": False, "reason": f"the device {device} was asked for, and PyTorch {torch.__version__} finds none"}
    if device == "cpu":
        limit_memory(int(start["memory_limit"]))
        adopt_orphans()
    gc.collect()
    gc.freeze()  # what importing made lives as long as the process: later collections skip it
    return {"ok": True, "version": torch.__version__}


def answer(message: Message, folder: Path, private: tuple[int, ...] = ()) -> Message:
    """The reply to one request: a measurement, or why there is none.

    `folder` is for the temporary folders of user code; `private` are descriptors to keep from it.
    """
    live = message["live"]
    network, request = NetworkSpec.from_plain(message["network"]), Request.from_plain(message["request"])
    if live is not None:
        from gradlint.probe.isolation import answer_isolated

        reply = answer_isolated(network, request, live, folder, private)
        # user code that ran in this very process leaves it in an unknown state
        return reply | {"spent": not forkable(request.device)}
    try:
        return {"ok": True, "measurement": _measured(network, request)}
    except NotMeasurable as error:
        return {"ok": False, "reason": str(error)}
    except MemoryError:
        return {"ok": False, "reason": _out_of_memory(request)}
    except RuntimeError as error:
        return {"ok": False, "reason": _out_of_memory(request) if "memory" in str(error) else _fault(error)}
    except (ArithmeticError, LookupError, TypeError, ValueError, AssertionError, AttributeError) as error:
        return {"ok": False, "reason": _fault(error)}


def _measured(network: NetworkSpec, request: Request) -> dict[str, Any]:
    from gradlint.probe.measure import measure

    return measure(network, request).to_plain()


def _out_of_memory(request: Request) -> str:
    return f"it needs more than the allowed {request.memory_limit / GIB:.1f} GiB of memory"


def _fault(error: Exception) -> str:
    """A fault of the probe itself, with its place, so that it can be reported."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"the probe failed: {type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
