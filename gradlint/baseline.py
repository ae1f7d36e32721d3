"""Baselines: the findings that were there before, counted by file and rule, so that only new ones are reported.

Lines are not kept: code that moves stays known. Where a file has more findings of a rule than its baseline says,
all of them are reported, since none can tell which of them is new.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gradlint.config import ConfigError
from gradlint.files import write_whole
from gradlint.findings import Finding

VERSION = 1

Key = tuple[str, str]
"""A file, by its path with slashes from the folder of the baseline, and the code of a rule."""


class BaselineError(ConfigError):
    """A baseline that cannot be used, in a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Findings that a baseline knows and that are gone: how many of a rule in a file."""

    path: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """How many findings of each rule are known in each file; paths are relative to the folder of `file`."""

    file: Path
    counts: Mapping[Key, int]

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a baseline.

        Raises:
            BaselineError: there is none, or it is not as `--write-baseline` writes it.
        """
        try:
            content = json.loads(file.read_text(encoding="utf-8", errors="surrogatepass"))
            version = content["version"]
            counts = {
                (path, code): count for path, rules in content["findings"].items() for code, count in rules.items()
            }
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BaselineError(f"{file}: {reason}; `--write-baseline {file}` makes a baseline") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BaselineError(f"{file}: this is no baseline of gradlint") from None
        if version != VERSION or not all(type(count) is int and count > 0 for count in counts.values()):
            raise BaselineError(f"{file}: this is no baseline that this version of gradlint can read")
        return cls(file, counts)

    @classmethod
    def of(cls, findings: Iterable[Finding], file: Path) -> Self:
        """The baseline that knows `findings`, to be written to `file`."""
        return cls(file, _counted(findings, file))

    def save(self) -> None:
        """Write the baseline.

        Raises:
            BaselineError: the file cannot be written.
        """
        content: dict[str, dict[str, int]] = {}
        for (path, code), count in sorted(self.counts.items()):
            content.setdefault(path, {})[code] = count
        text = json.dumps({"version": VERSION, "findings": content}, indent=2, ensure_ascii=False) + "\n"
        try:
            write_whole(self.file, text.encode(errors="surrogatepass"))
        except OSError as error:
            raise BaselineError(f"{self.file}: {(error.strerror or str(error)).lower()}") from None

    def unknown(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Those of all `findings` of a run that the baseline does not know."""
        findings = tuple(findings)
        found = _counted(findings, self.file)
        return tuple(
            finding for finding in findings if found[key := _key(finding, _folder(self.file))] > self.counts.get(key, 0)
        )

    def fixed(self, findings: Iterable[Finding], names: Iterable[str], codes: Collection[str]) -> tuple[Fixed, ...]:
        """What is known and gone, of the files that a run looked at (`names`) and of those that exist no more.

        `codes` are the rules that the run looked for: of others nothing is known.
        """
        found = _counted(findings, self.file)
        folder = _folder(self.file)
        looked_at = {_relative(name, folder) for name in names}

        def judged(path: str) -> bool:
            return path in looked_at or not (folder / path).exists()

        return tuple(
            Fixed(path, code, count - found[path, code])
            for (path, code), count in sorted(self.counts.items())
            if code in codes and count > found[path, code] and judged(path)
        )

    def without(self, fixed: Iterable[Fixed]) -> Self:
        """The baseline without what is fixed."""
        counts = Counter(dict(self.counts))
        for entry in fixed:
            counts[entry.path, entry.code] -= entry.count
        return type(self)(self.file, +counts)


def _counted(findings: Iterable[Finding], file: Path) -> Counter[Key]:
    folder = _folder(file)
    relative: dict[str, str] = {}

    def path(name: str) -> str:
        if name not in relative:
            relative[name] = _relative(name, folder)
        return relative[name]

    return Counter((path(finding.span.file), finding.code) for finding in findings)


def _key(finding: Finding, folder: Path) -> Key:
    return _relative(finding.span.file, folder), finding.code


def _folder(file: Path) -> Path:
    return file.absolute().parent


def _relative(name: str, folder: Path) -> str:
    path = Path(name).absolute()
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return path.as_posix()
