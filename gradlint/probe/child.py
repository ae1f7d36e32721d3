"""The child process: imports torch once, then measures what it is asked to until its input ends."""

from __future__ import annotations

import gc
import os
import traceback
from typing import Any

from gradlint.probe.errors import INSTALL_HINT, NotMeasurable
from gradlint.probe.network_spec import NetworkSpec
from gradlint.probe.processes import forkable, limit_memory, silence
from gradlint.probe.protocol import Closed, Message, receive, send
from gradlint.probe.request import Request

GIB = 1 << 30


def main() -> None:
    """Serve requests from standard input until it is closed."""
    requests, replies = silence()
    try:
        start = receive(requests)
        hello = _prepare(start)
        send(replies, hello)
        while hello["ok"]:
            message = receive(requests)
            # user code that ran in this very process leaves it in an unknown state
            spent = message.get("live") is not None and not forkable(message["request"]["device"])
            send(replies, answer(message) | {"spent": spent})
            gc.collect()
    except Closed:
        pass


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
    gc.collect()
    gc.freeze()  # what importing made lives as long as the process: later collections skip it
    return {"ok": True, "version": torch.__version__, "pid": os.getpid()}


def answer(message: Message) -> Message:
    """The reply to one request: a measurement, or why there is none."""
    try:
        return {"ok": True, "measurement": _measured(message)}
    except NotMeasurable as error:
        return {"ok": False, "reason": str(error)}
    except MemoryError:
        return {"ok": False, "reason": out_of_memory(message)}
    except RuntimeError as error:
        if "memory" in str(error):
            return {"ok": False, "reason": out_of_memory(message)}
        return {"ok": False, "reason": _fault(error)}
    except (ArithmeticError, LookupError, TypeError, ValueError, AssertionError, AttributeError) as error:
        return {"ok": False, "reason": _fault(error)}


def _measured(message: Message) -> dict[str, Any]:
    network = NetworkSpec.from_plain(message["network"])
    request = Request.from_plain(message["request"])
    if message.get("live") is not None:
        from gradlint.probe.isolation import measure_isolated

        return measure_isolated(network, request, message["live"])
    from gradlint.probe.measure import measure

    return measure(network, request).to_plain()


def out_of_memory(message: Message) -> str:
    """The sentence for a measurement that needed more memory than is allowed."""
    return f"it needs more than the allowed {message['request']['memory_limit'] / GIB:.1f} GiB of memory"


def _fault(error: Exception) -> str:
    """A fault of the probe itself, with its place, so that it can be reported."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"the probe failed: {type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119
