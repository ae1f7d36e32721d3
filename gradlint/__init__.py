"""gradlint: a linter for gradients.

`check_paths` and `check_source` lint from Python as the command line does; a `Report` holds what they find.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradlint.findings import Confidence, Evidence, Finding, Related, Remedy, Severity, Span, Status

if TYPE_CHECKING:
    from gradlint.config import Settings
    from gradlint.results import Report

__version__ = "0.1.0"

__all__ = [
    "Confidence",
    "Evidence",
    "Finding",
    "Related",
    "Remedy",
    "Report",
    "Settings",
    "Severity",
    "Span",
    "Status",
    "__version__",
    "check_paths",
    "check_source",
]


def check_paths(paths: Sequence[Path | str], settings: Settings | None = None) -> Report:
    """Lint files and folders.

    Without `settings`, those of the nearest configuration file hold, as on the command line.

    Raises:
        gradlint.config.ConfigError: the configuration cannot be used.
        gradlint.catalogue.CatalogueError: a rule that is named does not exist.
    """
    from gradlint.config import common_folder, load_settings
    from gradlint.engine import check

    return check(paths, load_settings(common_folder(paths)) if settings is None else settings)


def check_source(source: str | bytes, name: str = "<source>", settings: Settings | None = None) -> tuple[Finding, ...]:
    """Lint one piece of source; `name` is what findings call it, and where its imports are looked for.

    Without `settings`, the defaults hold: no configuration file is looked for.

    Raises:
        gradlint.catalogue.CatalogueError: a rule that is named does not exist.
    """
    from gradlint.config import Settings
    from gradlint.engine import check_bytes

    data = source.encode(errors="surrogatepass") if isinstance(source, str) else source
    return check_bytes(data, name, Settings(root=Path.cwd()) if settings is None else settings).findings


def __getattr__(name: str) -> Any:
    """`Settings` and `Report`, which are loaded only when asked for."""
    if name == "Settings":
        from gradlint.config import Settings

        return Settings
    if name == "Report":
        from gradlint.results import Report

        return Report
    raise AttributeError(f"module 'gradlint' has no attribute {name!r}")
