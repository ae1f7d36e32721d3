from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from gradlint.cli import progress
from gradlint.cli.progress import progress_on
from gradlint.config import Settings
from gradlint.engine import check


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_BEAT", 0.001)


def test_a_terminal_shows_what_is_done_and_nothing_stays() -> None:
    terminal = Terminal()
    with progress_on(terminal) as say:
        assert say is not None
        say("linting: 1 of 2 files")
        deadline = time.monotonic() + 10
        while not terminal.getvalue() and time.monotonic() < deadline:
            time.sleep(0.001)
    assert "linting: 1 of 2 files" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_what_is_over_soon_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 3600.0)
    terminal = Terminal()
    with progress_on(terminal) as say:
        assert say is not None
        say("linting: 1 of 2 files")
        time.sleep(0.02)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(("stream", "silent"), [(io.StringIO(), False), (Terminal(), True)])
def test_a_pipe_and_whoever_wants_quiet_hear_nothing(stream: io.StringIO, silent: bool) -> None:
    with progress_on(stream, silent) as say:
        assert say is None
    assert stream.getvalue() == ""


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_file_counts(tmp_path: Path, jobs: int) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("import torch\n")
    said: list[str] = []
    check([tmp_path], Settings(root=tmp_path, cache=False, jobs=jobs), said.append)
    assert said == [f"linting: {number} of 3 files" for number in (1, 2, 3)]
