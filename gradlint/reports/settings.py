"""The settings that hold, and where each comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from gradlint.cache.place import VARIABLE, cache_folder
from gradlint.config import Settings, value_of
from gradlint.keys import KEYS
from gradlint.reports.style import PLAIN, Style

VERSION = 1
DEFAULT = "default"

_MOST_SHOWN = 60


def settings_text(settings: Settings, style: Style = PLAIN) -> str:
    """A line for each key: its value as TOML has it, and where it comes from."""
    rows = [(name, toml(value), origin) for name, value, origin in _rows(settings)]
    name_width = max(len(name) for name, _, _ in rows)
    value_width = max(len(value) for _, value, _ in rows if len(value) <= _MOST_SHOWN)
    lines = [f"configuration file: {settings.file or 'none'}\n\n"]
    for name, value, origin in rows:
        from_elsewhere = origin != DEFAULT
        shown = style(origin, "bold") if from_elsewhere else style(origin, "dim")
        lines.append(f"{style(name.ljust(name_width), 'bold')} = {value:<{value_width}}  # {shown}\n")
    return "".join(lines)


def settings_json(settings: Settings) -> str:
    """The same for programs."""
    content = {
        "version": VERSION,
        "file": None if settings.file is None else str(settings.file),
        "settings": [{"key": name, "value": value, "origin": origin} for name, value, origin in _rows(settings)],
    }
    return json.dumps(content, indent=2) + "\n"


def _rows(settings: Settings) -> Iterator[tuple[str, Any, str]]:
    origins = dict(settings.origins)
    for name in KEYS:
        value, origin = value_of(settings, name), origins.get(name.replace("-", "_"), DEFAULT)
        if name == "cache-dir" and not value:
            value = str(cache_folder() or "")
            origin = f"environment: {VARIABLE}" if os.environ.get(VARIABLE) else DEFAULT
        yield name, None if value == "" else value, origin


def toml(value: Any) -> str:
    """A value as TOML has it, on one line; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
