"""Which files a run looks at: those named, and in folders the Python files and notebooks that nothing excludes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradlint.sources.excludes import IgnoreFiles, Patterns
from gradlint.sources.real_paths import RealPaths

SUFFIXES = (".py", ".ipynb")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at: what to call it, where it lies, and whether it was named rather than found in a folder."""

    name: str
    path: Path
    named: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """A path that could not be looked at, and why; `fatal` where the run then counts as failed."""

    name: str
    reason: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Discovery:
    """How folders are searched.

    `exclude` are patterns as in a `.gitignore`, relative to `root`. They hold for files that are named, too,
    where `force_exclude` is set.
    """

    root: Path
    exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    force_exclude: bool = False

    def find(self, paths: Sequence[Path | str]) -> Iterator[Found | Missed]:
        """Every file below `paths`, each once, in the order of `paths` and then by name."""
        patterns = Patterns(self.exclude)
        seen: set[str] = set()
        real_paths = RealPaths()
        for path in paths:
            for result in self._below(str(path), patterns):
                if isinstance(result, Found):
                    real = real_paths.of(result.path)
                    if real in seen:
                        continue
                    seen.add(real)
                yield result

    def excludes(self, name: str) -> bool:
        """Whether a file that was named is left out all the same."""
        return self.force_exclude and self._excluded_with_parents(name, Patterns(self.exclude))

    def _below(self, name: str, patterns: Patterns) -> Iterator[Found | Missed]:
        name = os.path.normpath(name)
        try:
            os.stat(name)
        except (OSError, ValueError) as error:
            yield Missed(name, _reason(error))
            return
        if not os.path.isdir(name):
            if not (self.force_exclude and self._excluded_with_parents(name, patterns)):
                yield Found(name, Path(name), named=True)
            return
        if self.force_exclude and self._excluded_with_parents(name, patterns):
            return
        ignored = IgnoreFiles(name) if self.respect_gitignore else None
        empty = True
        for result in self._walk(name, patterns, ignored):
            empty = empty and isinstance(result, Missed)
            yield result
        if empty:
            yield Missed(name, "no Python file or notebook in this folder", fatal=False)

    def _walk(self, folder: str, patterns: Patterns, ignored: IgnoreFiles | None) -> Iterator[Found | Missed]:
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            yield Missed(folder, _reason(error))
            return
        names = {entry.name for entry in entries}
        if ignored is not None:
            ignored.enter(folder, names)
        for entry in entries:
            name = entry.name if folder == os.curdir else os.path.join(folder, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not entry.name.endswith(SUFFIXES):
                continue
            if patterns.match(self._relative(name), is_folder) or (ignored and ignored.match(name, is_folder)):
                continue
            if is_folder:
                yield from self._walk(name, patterns, ignored)
            else:
                yield from _file(entry, name)

    def _relative(self, name: str) -> str:
        absolute = os.path.abspath(name)
        root = os.path.join(os.path.abspath(self.root), "")
        return absolute[len(root) :] if absolute.startswith(root) else os.path.basename(absolute)

    def _excluded_with_parents(self, name: str, patterns: Patterns) -> bool:
        parts = self._relative(name).split(os.sep)
        return any(
            patterns.match("/".join(parts[:count]), count < len(parts) or os.path.isdir(name))
            for count in range(1, len(parts) + 1)
        )


def _file(entry: os.DirEntry[str], name: str) -> Iterable[Found | Missed]:
    """The file of a folder's entry; links to folders and to nothing are passed over."""
    try:
        if entry.is_file():
            return [Found(name, Path(name), named=False)]
    except OSError as error:
        return [Missed(name, _reason(error))]
    return []


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOENT:
        return "no such file or folder"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text[:1].lower() + text[1:]
