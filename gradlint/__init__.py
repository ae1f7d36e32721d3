"""gradlint: a linter for gradients.

`check_paths` and `check_source` lint from Python as the command line does:

    import gradlint

    report = gradlint.check_paths(["src"])
    for finding in report.findings:
        print(finding.span.file, finding.span.line, finding.code, finding.message)

    for finding in gradlint.check_source(Path("net.py").read_text()):
        print(finding.evidence.predicted_log10)

`load_settings` reads a configuration file and `Settings` holds what can be set; `render` makes text of a report in any
of the output formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradlint.findings import Confidence, Evidence, Finding, Related, Remedy, Severity, Span, Status

if TYPE_CHECKING:
    from gradlint.catalogue import CatalogueError
    from gradlint.config import ConfigError, Settings, load_settings
    from gradlint.results import Failure, Report

__version__ = "0.1.0"

__all__ = [
    "CatalogueError",
    "Confidence",
    "ConfigError",
    "Evidence",
    "Failure",
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
    "load_settings",
    "render",
]

_LATER = {
    "CatalogueError": "gradlint.catalogue",
    "ConfigError": "gradlint.config",
    "Failure": "gradlint.results",
    "Report": "gradlint.results",
    "Settings": "gradlint.config",
    "load_settings": "gradlint.config",
}
"""The module of each name that is loaded only when it is asked for: starting is part of the product."""


def check_paths(paths: Sequence[Path | str], settings: Settings | None = None) -> Report:
    """Lint files and folders.

    What gradlint could not do stands in the `failures` of the report, and is not raised. Results are kept from run
    to run unless the settings say otherwise (`cache=False`). More than a few dozen files are linted in several
    processes, unless the settings say `jobs=1`: do that where starting processes is not allowed.

    Args:
        paths: Files and folders; findings call files as these do.
        settings: What can be set. Without them, those of the nearest configuration file hold, as on the command line.

    Returns:
        The findings, sorted by file, line, column and code, and what else there is to say of the run.

    Raises:
        ConfigError: the configuration or the baseline cannot be used, or git cannot say what changed.
        CatalogueError: a rule that is named does not exist, or a rule folder cannot be used.
    """
    from gradlint.config import common_folder, load_settings
    from gradlint.engine import check

    return check(paths, load_settings(common_folder(paths)) if settings is None else settings)


def check_source(source: str | bytes, name: str = "<source>", settings: Settings | None = None) -> tuple[Finding, ...]:
    """Lint one piece of source that need not be in a file.

    Args:
        source: The text, or the bytes of a file. A name that ends in `.ipynb` makes it a notebook.
        name: What findings call it, and where its imports are looked for.
        settings: What can be set. Without them, the defaults hold: no configuration file is looked for.

    Returns:
        The findings, sorted by line, column and code.

    Raises:
        CatalogueError: a rule that is named does not exist, or a rule folder cannot be used.
    """
    from gradlint.config import Settings
    from gradlint.engine import check_bytes

    data = source.encode(errors="surrogatepass") if isinstance(source, str) else source
    return check_bytes(data, name, Settings(root=Path.cwd()) if settings is None else settings).findings


def render(report: Report, output_format: str = "full", root: Path | None = None) -> str:
    """A report as text.

    Args:
        report: What `check_paths` returned.
        output_format: Any that `gradlint check --output-format` knows: "full", "json", "sarif", ...
        root: The root of the repository, for formats that name files from there; without it, the working folder.

    Raises:
        ValueError: there is no such format.
    """
    from gradlint.catalogue import own_rules
    from gradlint.formats import FORMATS
    from gradlint.reports import Context
    from gradlint.reports import render as render_report
    from gradlint.reports.source_text import SourceText

    if output_format not in FORMATS:
        raise ValueError(f"no output format {output_format!r}; there are {', '.join(FORMATS)}")
    rules = {rule.code: rule for rule in own_rules()}
    context = Context(source_line=SourceText(), root=None if root is None else root.absolute(), rules=rules)
    return render_report(output_format, report, context)


def __getattr__(name: str) -> Any:
    """The names that are loaded only when asked for."""
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'gradlint' has no attribute {name!r}")
