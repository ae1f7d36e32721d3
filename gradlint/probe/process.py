"""The parent's side of the child process: starting it, asking it, ending it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from gradlint.probe.errors import NotMeasurable, ProbeUnavailable
from gradlint.probe.processes import kill_descendants
from gradlint.probe.protocol import Closed, Message, receive, send
from gradlint.probe.settings import ProbeSettings

START_LIMIT = 180.0
"""Seconds that importing torch may take, on a cold disk."""

_BOOT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from gradlint.probe.child import main
main()
"""
"""What the child runs. It starts isolated (-I): no current folder, no site of the user, no PYTHON* variables."""

_ENVIRONMENT = {
    "KERAS_BACKEND": "torch",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class ChildProcess:
    """A running child. It has a session and a temporary working folder of its own; both end with it."""

    def __init__(self, settings: ProbeSettings) -> None:
        self.settings = settings
        self.folder = tempfile.mkdtemp(prefix="gradlint-probe-")
        threads = dict.fromkeys(_THREAD_VARIABLES, str(settings.threads))
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", _BOOT, json.dumps(module_paths())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self.folder,
                env={**os.environ, **_ENVIRONMENT, **threads},
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise ProbeUnavailable(f"the probe's process cannot be started: {error}") from error
        self.replies: queue.Queue[Message | None] = queue.Queue()
        self.ready = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._send({"device": settings.device, "threads": settings.threads, "memory_limit": settings.memory_limit})

    def ask(self, message: Message, seconds: float) -> Message:
        """The reply to `message`.

        Raises:
            NotMeasurable: the child died or did not answer within `seconds`; it is ended then.
            ProbeUnavailable: the child has no torch, or not the device.
        """
        self.wait_ready()
        self._send(message)
        try:
            reply = self.replies.get(timeout=seconds)
        except queue.Empty:
            self.end()
            raise NotMeasurable(f"it took longer than {seconds:.0f} s") from None
        if reply is None:
            raise NotMeasurable(self._obituary())
        return reply

    def wait_ready(self) -> None:
        """Wait until torch is imported.

        Raises:
            ProbeUnavailable: it cannot be, or the device is not there.
        """
        if self.ready:
            return
        try:
            hello = self.replies.get(timeout=START_LIMIT)
        except queue.Empty:
            self.end()
            raise ProbeUnavailable(f"PyTorch could not be imported within {START_LIMIT:.0f} s") from None
        if hello is None:
            raise ProbeUnavailable(f"PyTorch could not be imported: {self._obituary()}")
        if not hello["ok"]:
            self.end()
            raise ProbeUnavailable(hello["reason"])
        self.ready = True

    @property
    def alive(self) -> bool:
        """Whether the child can be asked."""
        return self.process.poll() is None

    def end(self) -> None:
        """End the child and everything that it started, and remove its folder."""
        kill_descendants(self.process.pid)
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self.reader.join(timeout=1.0)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, message: Message) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(Closed):  # if it is dead, the missing reply says so
            send(self.process.stdin.fileno(), message)

    def _read(self) -> None:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        with contextlib.suppress(Closed, ValueError):
            while True:
                self.replies.put(receive(descriptor))
        self.replies.put(None)

    def _obituary(self) -> str:
        self.end()
        code = self.process.returncode
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"the measuring process was ended by {signal.Signals(-code).name}"
        return f"the measuring process ended by itself (exit status {code})"


def module_paths() -> list[str]:
    """Where the child finds modules: as here, but for the current folder, whose files are the user's.

    gradlint's own place comes last, where it hides nothing.
    """
    here = os.getcwd()  # noqa: PTH109 - compared with entries of sys.path as they are
    paths = [path for path in sys.path if path and path != here]
    own = str(Path(__file__).resolve().parents[2])
    return paths if own in paths else [*paths, own]
