"""Running gradlint as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import gradlint

ROOT = Path(gradlint.__file__).parent.parent


def environment(**extra: str) -> dict[str, str]:
    """The environment without what would change the output, and with this gradlint first on the path."""
    left_out = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "GRADLINT_DEBUG"}
    kept = {key: value for key, value in os.environ.items() if key not in left_out}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | extra


def python(*arguments: str, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments."""
    env = options.pop("env", {})
    assert isinstance(env, Mapping)
    defaults = {"cwd": cwd, "env": environment(**env), "capture_output": True, "encoding": "utf-8", "timeout": 120}
    return subprocess.run([sys.executable, *arguments], check=False, **(defaults | options))  # type: ignore[call-overload]


def run(*arguments: str, cwd: Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `gradlint` with these arguments."""
    return python("-m", "gradlint", *arguments, cwd=cwd, **options)
