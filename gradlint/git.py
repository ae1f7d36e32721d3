"""What git knows of the files: where their repository is, and which of their lines changed."""

from __future__ import annotations

from pathlib import Path


def repository_root(start: Path) -> Path | None:
    """The root of the repository that holds `start`; None where there is none. Asks no process."""
    start = start.absolute()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), None)
