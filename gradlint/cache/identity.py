"""What results depend on besides source: the settings that count before the report, and gradlint itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from gradlint import __version__
from gradlint.config import Settings
from gradlint.files import digest


def identity(settings: Settings, codes: Iterable[str]) -> str:
    """A digest of all that must be equal for results to be; `codes` are the rules that are on."""
    parts = [
        __version__,
        sys.version,
        sorted(codes),
        settings.vanishing,
        settings.exploding,
        settings.min_confidence.value,
        _parser(),
        list(_own_files()),
        [list(_contents(folder)) for folder in settings.folders_of_rules],
    ]
    return digest(repr(parts).encode(errors="surrogatepass"))


def _parser() -> tuple[str, int, int] | None:
    """The file of libcst that was written when it was installed; libcst itself need not be loaded for that."""
    spec = find_spec("libcst")
    if spec is None or spec.origin is None or not os.path.exists(spec.origin):
        return None
    status = os.stat(spec.origin)
    return spec.origin, status.st_mtime_ns, status.st_size


def _own_files() -> Iterator[tuple[str, int, int]]:
    """Gradlint's own files with time and size, so that a changed checkout counts as another version."""
    package = Path(__file__).parent.parent
    checkout = [package.parent / "rules"] if (package.parent / "pyproject.toml").is_file() else []
    for folder in (package, *checkout):
        pending = [str(folder)]
        while pending:
            try:
                entries = sorted(os.scandir(pending.pop()), key=lambda entry: entry.name)
            except OSError:  # in a zip file, where the version must do
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.name.endswith((".py", ".md")):
                    status = entry.stat()
                    yield entry.path, status.st_mtime_ns, status.st_size


def _contents(folder: Path) -> Iterator[tuple[str, str]]:
    """The user's rules, and what they may import from beside them."""
    for path in sorted((*folder.rglob("*.py"), *folder.rglob("*.md"))):
        try:
            yield str(path), digest(path.read_bytes())
        except OSError:
            continue
