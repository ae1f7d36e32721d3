"""The results of a project, looked up by what they depend on.

A result holds for a file while these are as they were: its content and name; the content of every file that was
read for it; the file that each import led to, or that it led to none; the settings and gradlint itself. Where
findings lie in imported files, the names of those count, too, and whether the run looks at them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from gradlint.cache.codec import decode, encode
from gradlint.cache.identity import identity
from gradlint.cache.states import States
from gradlint.cache.store import read, write
from gradlint.config import Settings
from gradlint.files import digest
from gradlint.results import FileResult
from gradlint.sources import Found

MOST_VARIANTS = 4
"""Results kept for one file: of runs with other settings, other names, other paths."""


class _Table:
    """Values by number, so that what many results share is written once."""

    def __init__(self) -> None:
        self.values: list[list[Any]] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def number(self, value: Iterable[Any]) -> int:
        key = tuple(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(list(key))
        return self._numbers[key]


class _Moved(dict[int, int]):
    """Numbers in a table of an earlier run, and those of the same values in a new one."""

    def __init__(self, values: list[Any], table: _Table) -> None:
        super().__init__()
        self.before = values
        self.table = table

    def __missing__(self, number: int) -> int:
        moved = self[number] = self.table.number(self.before[number])
        return moved


class Cache:
    """The cache of one run. `names` says how the run calls each of its files, by their real paths."""

    def __init__(self, folder: Path, settings: Settings, codes: Iterable[str], names: Mapping[Path, str]) -> None:
        root = os.path.realpath(settings.root)
        self.file = folder / f"{digest(root.encode(errors='surrogatepass'))}.json"
        self.identity = identity(settings, codes)
        self._names = {str(path): name for path, name in names.items()}
        self._paths = {name: path for path, name in self._names.items()}
        content = read(self.file)
        self._rows: list[Any] = _of_type(list, content.get("rows"))
        self._modules: list[Any] = _of_type(list, content.get("modules"))
        self._entries: dict[str, list[Any]] = _of_type(dict, content.get("entries"))
        self._states = States(_of_type(dict, content.get("stamps")))
        self._valid_rows: set[int] = set()
        self._valid_modules: set[int] = set()
        self._new: dict[str, tuple[FileResult, Found]] = {}

    def get(self, found: Found) -> FileResult | None:
        """The result of a file from an earlier run, if it still holds."""
        path = self._paths[found.name]
        for variant in self._entries.get(path, ()):
            try:
                result = self._result(variant, found)
            except (LookupError, TypeError, ValueError):  # written by no version of gradlint
                continue
            if result is not None:
                return result
        return None

    def _result(self, variant: list[Any], found: Found) -> FileResult | None:
        who, name, named, relevant, rows, modules, places, values = variant
        if who != self.identity or name != found.name or (not relevant and named != found.named):
            return None
        if not self._hold(rows, modules):
            return None
        if any(self._place(path) != [called, inside] for path, called, inside in places):
            return None
        return decode(name, values, relevant)

    def _hold(self, rows: Iterable[int], modules: Iterable[int]) -> bool:
        """Whether files are as they were, and imports lead to where they led; what holds is looked at once."""
        return all(map(self._row_holds, set(rows) - self._valid_rows)) and all(
            map(self._module_holds, set(modules) - self._valid_modules)
        )

    def _row_holds(self, number: int) -> bool:
        path, content = self._rows[number]
        if self._states.digest(path) != content:
            return False
        self._valid_rows.add(number)
        return True

    def _module_holds(self, number: int) -> bool:
        folder, dotted, level, path = self._modules[number]
        if self._states.module((folder, dotted, level)) != path:
            return False
        self._valid_modules.add(number)
        return True

    def _place(self, path: str) -> list[Any]:
        """How the run calls a file, and whether it looks at it."""
        return [self._names.get(path) or os.path.relpath(path), path in self._names]

    def put(self, found: Found, result: FileResult) -> None:
        """Keep the result of a file; one that gradlint failed at is not kept."""
        if not result.failures and result.dependencies is not None:
            self._new[self._paths[found.name]] = (result, found)

    def save(self) -> None:
        """Write what is new. A cache that cannot be written is none, and no reason to fail."""
        for result, _ in self._new.values():
            if result.dependencies is not None:
                for path, content in result.dependencies.files:
                    self._states.note(path, content)
        if not self._new and not self._states.learned:
            return
        rows, modules = _Table(), _Table()
        try:
            entries = self._kept(rows, modules)
        except (LookupError, TypeError, ValueError):  # written by no version of gradlint
            rows, modules, entries = _Table(), _Table(), {}
        for path, (result, found) in self._new.items():
            entries[path] = [self._variant(result, found, rows, modules), *entries.get(path, ())]
        used = {path for path, _ in rows.values}
        stamps = {path: stamp for path, stamp in self._states.known.items() if path in used}
        with suppress(OSError):
            write(self.file, {"stamps": stamps, "rows": rows.values, "modules": modules.values, "entries": entries})

    def _kept(self, rows: _Table, modules: _Table) -> dict[str, list[Any]]:
        """What is kept of earlier runs, with numbers in the new tables."""
        entries = {}
        row, module = _Moved(self._rows, rows), _Moved(self._modules, modules)
        for path, variants in self._entries.items():
            kept = [variant for variant in variants if not self._replaced(path, variant)][: MOST_VARIANTS - 1]
            if kept and os.path.exists(path):
                entries[path] = [
                    [*head, [row[number] for number in numbers], [module[number] for number in imports], places, values]
                    for *head, numbers, imports, places, values in kept
                ]
        return entries

    def _replaced(self, path: str, variant: list[Any]) -> bool:
        """Whether a new result stands for this one: it was made alike, and does not hold any more."""
        if path not in self._new:
            return False
        _, found = self._new[path]
        who, name, named, relevant, numbers, imports, *_ = variant
        if who != self.identity or name != found.name or (not relevant and named != found.named):
            return False
        return not self._hold(numbers, imports)

    def _variant(self, result: FileResult, found: Found, rows: _Table, modules: _Table) -> list[Any]:
        dependencies = result.dependencies
        assert dependencies is not None
        placed = [[path, *self._place(path)] for path, _ in dependencies.files] if result.findings else []
        return [
            self.identity,
            found.name,
            found.named,
            result.relevant,
            [rows.number(row) for row in dependencies.files],
            [modules.number(module) for module in dependencies.modules],
            placed,
            encode(result),
        ]


T = TypeVar("T", list[Any], dict[str, Any])


def _of_type(kind: type[T], value: object) -> T:
    return value if isinstance(value, kind) else kind()
