"""Where the cache lies: where the platform keeps caches, or where the user says."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GRADLINT_CACHE_DIR"

_TAG = "CACHEDIR.TAG"
_TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder is the cache of gradlint; `gradlint clean` empties it. See https://bford.info/cachedir/\n"
)


def cache_folder(configured: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of the cache: the one that is configured, or that the environment names, or the platform's own.

    None where there is none: a user without a home, as in some containers.
    """
    if configured is not None:
        return configured
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    try:
        return _of_platform(environment)
    except RuntimeError:  # from `Path.home`
        return None


def _of_platform(environment: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "gradlint" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "gradlint"
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradlint"


def prepare(folder: Path) -> None:
    """Make the folder, and mark it as one that no backup and no repository needs.

    Raises:
        OSError: it cannot be made.
    """
    if not (folder / _TAG).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
        (folder / _TAG).write_text(_TAG_TEXT, encoding="utf-8")


def clean(folder: Path) -> bool:
    """Remove the cache; whether there was one. A folder that gradlint did not make is left alone.

    Raises:
        OSError: it cannot be removed.
    """
    if not (folder / _TAG).is_file():
        return False
    shutil.rmtree(folder)
    return True
