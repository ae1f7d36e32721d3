"""What files and imports are at the moment: content by digest, where a look at size and times cannot answer."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from gradlint.files import digest
from gradlint.sources import SourceLoader

GONE = ""
"""In place of a digest: there is no such file."""

_SETTLED = 2_000_000_000
"""Nanoseconds: a file that changed so shortly ago may change again without its times showing it."""

Stamp = tuple[int, int, int]
"""When a file was modified, when anything about it changed (both in nanoseconds), and its size."""

Module = tuple[str, str, int]
"""An import: the folder of the file that has it, the dotted name, and the number of dots before that."""


class States:
    """The present state of files and imports, each looked at once.

    `known` are the digests of an earlier run with the stamps that the files had then. `learned` counts those that
    are new.
    """

    def __init__(self, known: dict[str, list[Any]]) -> None:
        self.known = known
        self.now = time.time_ns()
        self.learned = 0
        self._digests: dict[str, str] = {}
        self._modules: dict[Module, str | None] = {}
        self._loader = SourceLoader()

    def digest(self, path: str) -> str:
        """The digest of a file's content."""
        if path not in self._digests:
            self._digests[path] = self._look(path)
        return self._digests[path]

    def module(self, key: Module) -> str | None:
        """The file that an import leads to."""
        if key not in self._modules:
            self._modules[key] = self._loader.find_from(*key)
        return self._modules[key]

    def note(self, path: str, content: str) -> None:
        """That `content` is the digest of what was read of a file in this run.

        Its stamp is kept only if it surely belongs to that content: where the file was the same before the run.
        """
        stamp = _stamp(path)
        if stamp is None or content == GONE or not self._settled(stamp):
            self.known.pop(path, None)
        elif self.known.get(path) != [*stamp, content]:
            self.known[path] = [*stamp, content]
            self.learned += 1

    def _look(self, path: str) -> str:
        stamp = _stamp(path)
        if stamp is None:
            return GONE
        known = self.known.get(path)
        if known is not None and tuple(known[:3]) == stamp:
            return str(known[3])
        try:
            content = digest(Path(path).read_bytes())
        except OSError:
            return GONE
        self.note(path, content)
        return content

    def _settled(self, stamp: Stamp) -> bool:
        return max(stamp[0], stamp[1]) + _SETTLED < self.now


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size
