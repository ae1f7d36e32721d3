"""Sessions at a shell on pages of Markdown: what they show is what happens.

A session is a block of `console`: lines that begin with `$ ` are commands, which go on in lines that begin with `>`, and what
follows is the output. All sessions of a page run one after the other in one folder, which holds a copy of `examples/`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT, environment

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*(?:\n>.*)*)\n?", re.MULTILINE)
_CONTINUATION = re.compile(r"\n> ?")
_SECONDS = re.compile(r'((?:"seconds": |\btime="))[0-9.]+')
GIT = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"), ("DATE", "2026-01-01T00:00:00Z"))
}
"""The environment of a user of git."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder to run commands in, where `gradlint` and `python` are those under test."""

    folder: Path

    @classmethod
    def new(cls, home: Path) -> Shell:
        """A shell in a new folder below `home`, with the examples in it."""
        shutil.copytree(ROOT / "examples", home / "project" / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        (home / "bin").mkdir()
        for name, command in (("gradlint", "python -m gradlint"), ("python", sys.executable)):
            script = home / "bin" / name
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        return cls(home / "project")

    def output(self, command: str) -> str:
        """What the command prints, to either stream."""
        command = _CONTINUATION.sub("\n", command)
        home = self.folder.parent
        env = environment(HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"), TERM="dumb", GIT_CONFIG_NOSYSTEM="1")
        env.pop("GRADLINT_CACHE_DIR", None)
        env |= GIT | {"PATH": f"{home / 'bin'}:{env['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return _SECONDS.sub(r"\g<1>0.1", done.stdout.replace(str(home), "~"))


def commands(session: str) -> Iterator[tuple[str, str]]:
    """The commands of a session, as they are written, each with its output."""
    parts = _COMMAND.split(session)
    assert not parts[0], f"output before the first command: {session}"
    yield from zip(parts[1::2], parts[2::2], strict=True)


def replayed(text: str, home: Path) -> str:
    """The page with the output that its sessions have now."""
    shell = Shell.new(home)

    def replay(match: re.Match[str]) -> str:
        return (
            "```console\n"
            + "".join(f"$ {written}\n{shell.output(written)}" for written, _ in commands(match[1]))
            + "```"
        )

    return BLOCK.sub(replay, text)
