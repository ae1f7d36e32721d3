"""Patterns that leave files out: those of the configuration, and those of `.gitignore` files."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_WILD = frozenset("*?[/!\\")
_IGNORE_FILE = ".gitignore"


class Patterns:
    """Patterns in the syntax of `.gitignore`. Plain names, the usual kind, are matched without pathspec."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._names = frozenset(p for p in patterns if p and _WILD.isdisjoint(p))
        self._wild = tuple(p for p in patterns if p and not _WILD.isdisjoint(p))

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        return _spec(self._wild)

    def match(self, relative: str, is_folder: bool) -> bool:
        """Whether the path (relative to where the patterns hold) is left out."""
        if relative.rpartition("/")[2] in self._names:
            return True
        return bool(self._wild) and self._spec.match_file(relative + "/" * is_folder)


def _spec(lines: Sequence[str]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # costs 30 ms, and most runs need none

    return GitIgnoreSpec.from_lines(lines)


class IgnoreFiles:
    """The `.gitignore` files that hold below a folder: its own, deeper ones, and those above it in its repository."""

    def __init__(self, folder: str) -> None:
        self._specs: dict[str, GitIgnoreSpec] = {}
        for above in _repository_folders(os.path.abspath(folder)):
            self._read(above, os.path.join(above, _IGNORE_FILE))
            self._read(above, os.path.join(above, ".git", "info", "exclude"))

    def enter(self, folder: str, names: Collection[str]) -> None:
        """Take in the `.gitignore` of a folder, if there is one among its `names`."""
        if _IGNORE_FILE in names:
            self._read(os.path.abspath(folder), os.path.join(folder, _IGNORE_FILE))

    def match(self, name: str, is_folder: bool) -> bool:
        """Whether the file or folder is ignored; of several files that speak of it, the nearest decides."""
        if not self._specs:
            return False
        absolute = os.path.abspath(name)
        folder = absolute
        while (parent := os.path.dirname(folder)) != folder:
            folder = parent
            spec = self._specs.get(folder)
            if spec is not None:
                relative = os.path.relpath(absolute, folder).replace(os.sep, "/") + "/" * is_folder
                verdict = spec.check_file(relative).include
                if verdict is not None:
                    return verdict
        return False

    def _read(self, folder: str, path: str) -> None:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return
        known = self._specs.get(folder)
        spec = _spec(lines)
        self._specs[folder] = spec if known is None else known + spec


def _repository_folders(folder: str) -> list[str]:
    """The folders above `folder` up to the root of its repository; none where it is in no repository."""
    above: list[str] = []
    current = folder
    while not os.path.lexists(os.path.join(current, ".git")):
        parent = os.path.dirname(current)
        if parent == current:
            return []
        above.append(parent)
        current = parent
    return [*above, folder]
