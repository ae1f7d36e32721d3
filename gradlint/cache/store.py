"""The file of a cache: one line that says what it is and what it must add up to, then JSON."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gradlint.cache.place import prepare
from gradlint.files import digest, write_whole

_KEPT = 90 * 24 * 3600.0
"""Seconds."""

_HEADER = b"gradlint-cache 1 "


def read(file: Path) -> dict[str, Any]:
    """What was written; nothing where there is no such file, or where not every byte of it is as it was written."""
    try:
        data = file.read_bytes()
    except OSError:
        return {}
    header, _, body = data.partition(b"\n")
    if header != _HEADER + digest(body).encode():
        return {}
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write(file: Path, content: dict[str, Any]) -> None:
    """Write so that a reader meanwhile sees the old content or the new one; of two writers the later one stays.

    Raises:
        OSError: that is not possible.
    """
    body = json.dumps(content, separators=(",", ":")).encode()
    prepare(file.parent)
    write_whole(file, _HEADER + digest(body).encode() + b"\n" + body)
    _forget(file.parent)


def _forget(folder: Path) -> None:
    """Remove what was not written for long: projects that are gone, and what a killed run left behind."""
    oldest = time.time() - _KEPT
    for entry in os.scandir(folder):
        if entry.name.endswith((".json", ".tmp")):
            with suppress(OSError):  # another run may have removed it
                if entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)
