"""Settings, and where each came from: command line over configuration file over default."""

from __future__ import annotations

import enum
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradlint.findings import Confidence, Severity
from gradlint.keys import DEVICES as DEVICES
from gradlint.keys import KEYS as KEYS

DEDICATED_FILE = "gradlint.toml"
SHARED_FILE = "pyproject.toml"

DEFAULT_EXCLUDE = (
    ".bzr",
    ".eggs",
    ".git",
    ".hg",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""Folders that hold no source of the project's own."""


class Measuring(enum.StrEnum):
    """Whether real gradients are measured, and of what. No configuration file can say so: one of them runs code."""

    OFF = "off"
    TWIN = "twin"
    """The network is built again from what was read of the source."""
    LIVE = "live"
    """The user's file is imported, and what it builds is measured."""


class ConfigError(Exception):
    """A configuration that cannot be used, in a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set. `origins` says of each value that is no default where it came from.

    Patterns, rule folders, the baseline and the folder of the cache are relative to `root`, the folder of the
    configuration file. Without `cache` no results are kept, and none from earlier runs are taken. With
    `diff_base` only findings on lines that changed since that revision of git are reported. `calls` build the real
    networks where `measuring` is LIVE. The probe draws each network `probe_seeds` times and takes `probe_steps`
    optimizer steps before it measures; one network may take `probe_time_limit` seconds and `probe_memory_limit` GiB.
    """

    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    preview: bool = False
    severity: tuple[tuple[str, Severity], ...] = ()
    min_severity: Severity = Severity.NOTE
    min_confidence: Confidence = Confidence.HIGH
    fail_severity: Severity = Severity.WARNING
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    rule_folders: tuple[str, ...] = ()
    cache: bool = True
    cache_dir: str = ""
    baseline: str = ""
    diff_base: str = ""
    output_format: str = "full"
    vanishing: float = 1e-3
    exploding: float = 1e3
    jobs: int = 0
    measuring: Measuring = Measuring.OFF
    calls: tuple[str, ...] = ()
    probe_seeds: int = 5
    probe_steps: int = 0
    probe_device: str = "cpu"
    probe_time_limit: float = 60.0
    probe_memory_limit: float = 4.0
    root: Path = Path()
    file: Path | None = None
    origins: tuple[tuple[str, str], ...] = ()

    def override(self, values: Mapping[str, Any], origin: str = "command line") -> Settings:
        """These settings with those `values` that are not None in their place."""
        given = {name: value for name, value in values.items() if value is not None}
        origins = dict(self.origins) | dict.fromkeys(given, origin)
        return replace(self, **given, origins=tuple(origins.items()))

    @property
    def excluded(self) -> tuple[str, ...]:
        """All patterns of files to leave out."""
        return self.exclude + self.extend_exclude

    @property
    def baseline_file(self) -> Path | None:
        """The baseline, if there is one."""
        return self.root / self.baseline if self.baseline else None

    @property
    def cache_folder(self) -> Path | None:
        """The folder of the cache, where one is set."""
        return self.root / self.cache_dir if self.cache_dir else None

    @property
    def folders_of_rules(self) -> tuple[Path, ...]:
        """The user's rule folders."""
        return tuple(self.root / folder for folder in self.rule_folders)


def value_of(settings: Settings, key: str) -> Any:
    """The value of a key as TOML and JSON have it: text, numbers, lists and tables; empty where there is none."""
    value = getattr(settings, key.replace("-", "_"))
    if isinstance(value, enum.Enum):
        return value.value
    if KEYS[key].type.schema.get("type") == "object":
        return {name: list(item) if isinstance(item, tuple) else item.value for name, item in value}
    return list(value) if isinstance(value, tuple) else value


def load_settings(start: Path, config: Path | None = None, isolated: bool = False) -> Settings:
    """The settings for files at or below `start`: from the nearest configuration file, or from `config`.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or sets what cannot be set.
    """
    if config is not None:
        table = _table(config)
        return _parse({} if table is None else table, config)
    if isolated:
        return Settings(root=Path.cwd())
    for folder in _upwards(start):
        for name in (DEDICATED_FILE, SHARED_FILE):
            file = folder / name
            if file.is_file():
                table = _table(file)
                if table is not None:
                    return _parse(table, file)
    return Settings(root=Path.cwd())


def common_folder(paths: Iterable[str | Path]) -> Path:
    """The deepest folder that holds all `paths`; the working folder without any."""
    folders = [path if path.is_dir() else path.parent for path in (Path(path).absolute() for path in paths)]
    if not folders:
        return Path.cwd()
    common = folders[0]
    while not all(folder.is_relative_to(common) for folder in folders):
        common = common.parent
    return common


def _upwards(start: Path) -> tuple[Path, ...]:
    start = start.absolute()
    return (start, *start.parents)


def _table(file: Path) -> dict[str, Any] | None:
    """What the file says of gradlint; None where it is shared with other tools and says nothing."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    if file.name != SHARED_FILE:
        return content
    tool = content.get("tool")
    table = tool.get("gradlint") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{file}: tool.gradlint must be a table")
    return table


def _parse(table: Mapping[str, Any], file: Path) -> Settings:
    values: dict[str, Any] = {}
    for key, value in table.items():
        known = KEYS.get(key)
        if known is None:
            raise ConfigError(f"{file}: unknown key {key!r}; known keys: {', '.join(KEYS)}")
        try:
            values[key.replace("-", "_")] = known.parse(value)
        except (TypeError, ValueError, AttributeError):
            raise ConfigError(f"{file}: {key} must be {known.text}, not {value!r}") from None
    settings = Settings(root=file.absolute().parent, file=file)
    return settings.override(values, str(file))
