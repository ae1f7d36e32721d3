"""Paths of files without symbolic links on the way."""

from __future__ import annotations

import os
from pathlib import Path


class RealPaths:
    """Real paths, for as long as no folder moves: each folder is looked up once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: Path | str) -> str:
        """The real path of a file, which need not exist."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        real = os.path.join(self._folders[folder], name)
        return os.path.realpath(real) if os.path.islink(real) else real
