"""Files that other files import: found inside the project, read once per run."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from gradlint.sources.real_paths import RealPaths
from gradlint.sources.source import SourceFile, load

PROJECT_MARKERS = frozenset({"pyproject.toml", "setup.py", "setup.cfg", ".git", ".hg", "requirements.txt"})
"""A folder that holds one of these is the root of a project."""

LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})
"""Folders whose members are projects of their own."""

_INIT = "__init__.py"


class SourceLoader:
    """Finds and reads the project's own modules. One per run; it keeps every file that it has read.

    `names` says how the user calls a file, by its real path; a file that is not among them goes by its
    path relative to the working folder where it lies inside, else by its full path. `loaded` and `found` are what
    was asked for since `forget`: files by real path, and imports (folder, dotted name, dots) with what they led to.
    """

    def __init__(self, names: Mapping[Path, str] | None = None) -> None:
        self._names = dict(names or {})
        self.loaded: dict[str, SourceFile | None] = {}
        self.found: dict[tuple[str, str, int], str | None] = {}
        self._sources: OrderedDict[str, SourceFile | None] = OrderedDict()
        self._shared: set[str] = set()
        self._reals: dict[Path, str] = {}
        self._real_paths = RealPaths()
        self._parents: dict[Path, str] = {}
        self._folders: dict[str, frozenset[str]] = {}
        self._roots: dict[str, tuple[str, ...]] = {}
        self._modules: dict[tuple[str, str, int], str | None] = {}
        self._paths: dict[str, Path] = {}

    def forget(self) -> None:
        """Begin anew to note what is asked for."""
        self.loaded, self.found = {}, {}

    def note_packages(self) -> None:
        """Ask which folders around each loaded file are packages: the name of its module depends on that."""
        for path in tuple(self.loaded):
            folder = os.path.dirname(path)
            while self.find_from(folder, "", 1) is not None and os.path.dirname(folder) != folder:
                folder = os.path.dirname(folder)

    def packages_around(self, path: Path) -> tuple[str, ...]:
        """The names of the packages that the file at `path` lies in, the outermost first."""
        names: list[str] = []
        folder = os.path.dirname(path)
        while self._is_package(folder):
            folder, name = os.path.split(folder)
            names.insert(0, name)
        return tuple(names)

    def load(self, path: Path) -> SourceFile | None:
        """The file at `path`, or None where it cannot be read. Its `path` is the real one, whoever asks first."""
        real = self._real(path)
        if real in self._sources:
            source = self._sources.pop(real)
        else:
            try:
                source = load(Path(real), self._name(Path(real)))
            except OSError:
                source = None
        self._sources[real] = self.loaded[real] = source  # the last of them is the one used last
        return source

    def _real(self, path: Path) -> str:
        if path not in self._reals:
            self._reals[path] = self._real_paths.of(path)
        return self._reals[path]

    def add(self, source: SourceFile) -> None:
        """Make `source` the file that `load` gives for its path."""
        if source.path is not None:
            real = self._real(source.path)
            self._sources[real] = self.loaded[real] = source

    def done(self, path: Path) -> None:
        """All is said about the file at `path`: unless others have asked for it, it is the first to be let go of."""
        real = self._real(path)
        self._shared.update(self.loaded.keys() - {real})
        if real in self._sources and real not in self._shared:
            self._sources.move_to_end(real, last=False)

    def release(self, maximum: int) -> None:
        """Where more than `maximum` bytes of source are held with their trees, let go of those used least lately."""
        parsed = [source for source in self._sources.values() if source is not None and source.is_parsed]
        held = sum(len(source.data) for source in parsed)
        for source in parsed:
            if held <= maximum:
                break
            source.release()
            held -= len(source.data)

    def _name(self, real: Path) -> str:
        if real in self._names:
            return self._names[real]
        relative = os.path.relpath(real)
        return str(real) if relative.startswith(os.pardir) else relative

    def find_module(self, from_path: Path, dotted: str, level: int) -> Path | None:
        """The file of the module that `from_path` imports as `dotted`, or None when the project has none.

        `level` counts the leading dots of a relative import. `dotted` may be empty then, which means the
        package itself.
        """
        folder = self._parents.get(from_path)
        if folder is None:
            folder = self._parents[from_path] = os.path.dirname(os.path.abspath(from_path))
        found = self.find_from(folder, dotted, level)
        if found is None:
            return None
        path = self._paths.get(found)
        if path is None:
            path = self._paths[found] = Path(found)
        return path

    def find_from(self, folder: str, dotted: str, level: int) -> str | None:
        """The same for an import in any file of `folder`, an absolute path."""
        key = (folder, dotted, level)
        if key not in self._modules:
            self._modules[key] = self._search(folder, dotted, level)
        found = self.found[key] = self._modules[key]
        return found

    def _search(self, folder: str, dotted: str, level: int) -> str | None:
        parts = dotted.split(".") if dotted else []
        if level:
            project = self._project(self._top(folder))
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self._module_in(folder, parts) if _within(folder, project) else None
        for root in self._search_roots(folder):
            if root == folder and parts[0] in sys.stdlib_module_names and _INIT in self._members(folder):
                continue  # inside a package, `import logging` is not the file beside
            if os.path.basename(root) in LIBRARY_FOLDERS and not _within(folder, os.path.join(root, parts[0])):
                continue
            found = self._module_in(root, parts)
            if found is not None:
                return found
        return None

    def _search_roots(self, folder: str) -> tuple[str, ...]:
        """Where an absolute import is looked for: beside the file, above its package, in the project, in its `src`."""
        if folder not in self._roots:
            top = self._top(folder)
            project = self._project(top)
            self._roots[folder] = tuple(dict.fromkeys((folder, top, project, os.path.join(project, "src"))))
        return self._roots[folder]

    def _top(self, folder: str) -> str:
        """The folder that holds the outermost package around `folder`; `folder` itself when it is no package."""
        while self._is_package(folder):
            folder = os.path.dirname(folder)
        return folder

    def _is_package(self, folder: str) -> bool:
        return _INIT in self._members(folder) and os.path.dirname(folder) != folder

    def _project(self, folder: str) -> str:
        """The nearest folder at or above `folder` that is the root of a project; `folder` itself without one."""
        current = folder
        while True:
            if not PROJECT_MARKERS.isdisjoint(self._members(current)):
                return current
            parent = os.path.dirname(current)
            if parent == current:
                return folder
            current = parent

    def _module_in(self, folder: str, parts: list[str]) -> str | None:
        for part in parts[:-1]:
            if part not in self._members(folder):
                return None
            folder = os.path.join(folder, part)
        if not parts:
            return os.path.join(folder, _INIT) if _INIT in self._members(folder) else None
        last = parts[-1]
        members = self._members(folder)
        if last in members and _INIT in self._members(os.path.join(folder, last)):
            return os.path.join(folder, last, _INIT)
        return os.path.join(folder, f"{last}.py") if f"{last}.py" in members else None

    def _members(self, folder: str) -> frozenset[str]:
        if folder not in self._folders:
            try:
                self._folders[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._folders[folder] = frozenset()
        return self._folders[folder]


def _within(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(root.rstrip(os.sep) + os.sep)
