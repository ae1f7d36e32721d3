"""`gradlint check`: lint files and folders."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gradlint.cli.common import (
    color_option,
    config_option,
    isolated_option,
    read_settings,
    rule_option,
)
from gradlint.cli.errors import Failed
from gradlint.cli.oldcode import after_run, hold_old_code, old_code_options, old_code_overrides
from gradlint.cli.outputs import chosen_outputs, output_options, write_reports
from gradlint.cli.probing import announce, call_option, calls_override, probe_errors, probe_options, probe_overrides
from gradlint.config import ConfigError, Settings
from gradlint.findings import Confidence, Severity

_STDIN = "-"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@rule_option("--select", "Check these rules only: codes, first letters of codes, or names, with commas between.")
@rule_option("--extend-select", "Check these rules besides.")
@rule_option("--ignore", "Do not check these rules.")
@click.option("--min-severity", type=click.Choice([s.value for s in Severity]), help="Report nothing less grave.")
@click.option("--min-confidence", type=click.Choice([c.value for c in Confidence]), help="Report nothing less sure.")
@output_options
@click.option("--exit-zero", is_flag=True, help="Leave with status 0 even with findings.")
@click.option("--statistics", is_flag=True, help="Count the findings by rule.")
@config_option
@isolated_option
@click.option("--no-cache", is_flag=True, help="Take no results from earlier runs, and keep none.")
@click.option("--cache-dir", metavar="FOLDER", help="Keep results here.")
@click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for as many as there are cores.")
@click.option("--force-exclude", is_flag=True, default=None, help="Exclude files even where they are named.")
@click.option("--stdin-filename", metavar="NAME", help="What to call standard input (`-`).")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
@click.option("-v", "--verbose", is_flag=True, help="Say more: the configuration, what was cut short, tracebacks.")
@old_code_options
@probe_options
@call_option
@color_option
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Lint files and folders; `-` is standard input.

    Leaves with 0 if there is nothing to report, 1 with findings, 2 if gradlint could not do its work.
    """
    from gradlint.catalogue import CatalogueError
    from gradlint.cli.progress import progress_on
    from gradlint.engine import check as check_paths
    from gradlint.engine import check_bytes

    if options["quiet"] and options["verbose"]:
        raise click.UsageError("--quiet and --verbose exclude each other")
    if _STDIN in paths and len(paths) > 1:
        raise click.UsageError("standard input cannot be linted together with other paths")
    name = options["stdin_filename"] or "<stdin>"
    settings = _settings([name] if _STDIN in paths else paths, options)
    outputs = chosen_outputs(options, settings)
    hold_old_code(settings, options, _STDIN in paths)
    announce(settings, options["quiet"])
    given: dict[str, bytes] = {}
    try:
        with progress_on(sys.stderr, silent=options["quiet"]) as progress, probe_errors(settings):
            if _STDIN in paths:
                given[name] = sys.stdin.buffer.read()
                report = check_bytes(given[name], name, settings, progress)
            else:
                report = check_paths(paths or ["."], settings, progress)
        report = after_run(report, settings, options)
    except (CatalogueError, ConfigError) as error:
        raise Failed(str(error)) from None
    if options["verbose"]:
        click.echo(f"note: configuration: {settings.file or 'none'}", err=True)
    _say(report.failures, report.warnings, report.notes, options)
    write_reports(report, outputs, [name] if _STDIN in paths else paths, settings, options, given)
    status = report.exit_status(settings)
    return 0 if options["exit_zero"] and status == 1 else status


def _settings(paths: Sequence[str], options: dict[str, Any]) -> Settings:
    """The settings from the configuration file, with the options of the command line over them."""
    overrides: dict[str, Any] = {
        key: tuple(rule for item in options[key] for rule in item.replace(",", " ").split()) or None
        for key in ("select", "extend_select", "ignore")
    }
    overrides |= {key: options[key] for key in ("jobs", "force_exclude")}
    for key, kind in (("min_severity", Severity), ("min_confidence", Confidence)):
        overrides[key] = None if options[key] is None else kind(options[key])
    overrides |= {
        "cache": False if options["no_cache"] else None,
        "cache_dir": options["cache_dir"] and str(Path(options["cache_dir"]).absolute()),
    }
    overrides |= probe_overrides(options) | calls_override(options) | old_code_overrides(options)
    return read_settings(paths, options["config"], options["isolated"]).override(overrides)


def _say(failures: Sequence[Any], warnings: Sequence[str], notes: Sequence[str], options: dict[str, Any]) -> None:
    for failure in failures:
        click.echo(f"error: {failure.message}", err=True)
        if options["verbose"] and failure.details:
            click.echo(failure.details, err=True)
    if not options["quiet"]:
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
    if options["verbose"]:
        for note in notes:
            click.echo(f"note: {note}", err=True)
