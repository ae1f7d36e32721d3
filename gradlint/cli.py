"""The command line: arguments in, exit status out, no logic."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from gradlint import __version__
from gradlint.config import FORMATS, ConfigError, Settings, common_folder, load_settings
from gradlint.findings import Confidence, Severity

if TYPE_CHECKING:
    from gradlint.reports.style import Style

F = TypeVar("F", bound=Callable[..., Any])

_FAILED = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141
_STDIN = "-"

_COLLECT_AFTER = (50_000, 20, 50)
"""Thresholds of the garbage collector: trees and graphs are large, and the usual ones cost a sixth of the time."""


class _Failed(click.ClickException):
    """Something that kept gradlint from its work, in a sentence."""

    exit_code = _FAILED

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.format_message()}", file=file, err=True)


def _complete_rule(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rules whose name or code starts with what was typed, for a shell."""
    from gradlint.catalogue import own_rules

    return [
        CompletionItem(key, help=rule.summary)
        for rule in own_rules()
        for key in (rule.name, rule.code)
        if key.lower().startswith(incomplete.lower())
    ]


class _ReaderGone(Exception):
    """Whoever reads our output has closed the pipe."""


class _Commands(click.Group):
    """Commands, of which `check` may be left out: `gradlint src/` is `gradlint check src/`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in {"-h", "--help", "--version"}:
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return super().shell_complete(ctx, incomplete) or [CompletionItem(incomplete, type="file")]


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status; whatever goes wrong, no traceback is printed."""
    gc.set_threshold(*_COLLECT_AFTER)
    for stream in (sys.stdout, sys.stderr):
        cast("Any", stream).reconfigure(errors="replace")
    try:
        status = commands.main(list(arguments), prog_name="gradlint", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return _FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except _ReaderGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception as error:  # the last resort: a mistake of gradlint's own outside of any file
        click.echo(f"error: internal error: {type(error).__name__}: {error}", err=True)
        if os.environ.get("GRADLINT_DEBUG"):
            traceback.print_exc()
        return _FAILED
    return status if isinstance(status, int) else 0


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gradlint %(version)s")
def commands() -> None:
    """Find what makes gradients vanish, explode, die or be cut off in PyTorch and Keras source.

    `gradlint PATH...` is short for `gradlint check PATH...`.
    """


def _rule_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, multiple=True, metavar="RULES", help=text, shell_complete=_complete_rule)


_color = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour the output."
)
_config = click.option(
    "--config", type=click.Path(path_type=Path), help="Use this configuration file and look for no other."
)
_isolated = click.option("--isolated", is_flag=True, help="Look for no configuration file.")


@commands.command()
@click.argument("paths", nargs=-1, type=click.Path())
@_rule_option("--select", "Check these rules only: codes, first letters of codes, or names, with commas between.")
@_rule_option("--extend-select", "Check these rules besides.")
@_rule_option("--ignore", "Do not check these rules.")
@click.option("--min-severity", type=click.Choice([s.value for s in Severity]), help="Report nothing less grave.")
@click.option("--min-confidence", type=click.Choice([c.value for c in Confidence]), help="Report nothing less sure.")
@click.option("--output-format", type=click.Choice(FORMATS), help="How to print findings.")
@click.option("--output-file", type=click.Path(path_type=Path), help="Write findings here.")
@click.option("--exit-zero", is_flag=True, help="Leave with status 0 even with findings.")
@click.option("--statistics", is_flag=True, help="Count the findings by rule.")
@_config
@_isolated
@click.option("--no-cache", is_flag=True, help="Take no result from an earlier run.")
@click.option("--jobs", type=click.IntRange(min=0), metavar="N", help="Processes; 0 for as many as are useful.")
@click.option("--force-exclude", is_flag=True, default=None, help="Exclude files even where they are named.")
@click.option("--stdin-filename", metavar="NAME", help="What to call standard input (`-`).")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
@click.option("-v", "--verbose", is_flag=True, help="Say more: the configuration, what was cut short, tracebacks.")
@_color
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Lint files and folders; `-` is standard input.

    Leaves with 0 if there is nothing to report, 1 with findings, 2 if gradlint could not do its work.
    """
    from gradlint.catalogue import CatalogueError
    from gradlint.engine import check as check_paths
    from gradlint.engine import check_bytes
    from gradlint.reports import Context, render
    from gradlint.reports.source_text import SourceText
    from gradlint.reports.style import PLAIN

    if options["quiet"] and options["verbose"]:
        raise click.UsageError("--quiet and --verbose exclude each other")
    if _STDIN in paths and len(paths) > 1:
        raise click.UsageError("standard input cannot be linted together with other paths")
    name = options["stdin_filename"] or "<stdin>"
    settings = _settings([name] if _STDIN in paths else paths, options)
    given: dict[str, bytes] = {}
    try:
        if _STDIN in paths:
            given[name] = sys.stdin.buffer.read()
            report = check_bytes(given[name], name, settings)
        else:
            report = check_paths(paths or ["."], settings)
    except (CatalogueError, ConfigError) as error:
        raise _Failed(str(error)) from None
    if options["verbose"]:
        click.echo(f"note: configuration: {settings.file or 'none'}", err=True)
    _say(report.failures, report.warnings, report.notes, options)
    file: Path | None = options["output_file"]
    context = Context(
        style=_style(options["color"]) if file is None else PLAIN,
        source_line=SourceText(given),
        statistics=options["statistics"],
        summary=not options["quiet"],
    )
    _write(render(settings.output_format, report, context), file)
    status = report.exit_status(settings)
    return 0 if options["exit_zero"] and status == 1 else status


def _settings(paths: Sequence[str], options: dict[str, Any]) -> Settings:
    """The settings from the configuration file, with the options of the command line over them."""
    overrides: dict[str, Any] = {
        key: tuple(rule for item in options[key] for rule in item.replace(",", " ").split()) or None
        for key in ("select", "extend_select", "ignore")
    }
    overrides |= {key: options[key] for key in ("output_format", "jobs", "force_exclude")}
    for key, kind in (("min_severity", Severity), ("min_confidence", Confidence)):
        overrides[key] = None if options[key] is None else kind(options[key])
    return _load_settings(paths, options["config"], options["isolated"]).override(overrides)


def _load_settings(paths: Sequence[str], config: Path | None, isolated: bool) -> Settings:
    try:
        return load_settings(common_folder(paths), config, isolated)
    except ConfigError as error:
        raise _Failed(str(error)) from None


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


def _write(text: str, file: Path | None) -> None:
    if file is None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise _ReaderGone from None
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _Failed(f"{file}: {(error.strerror or str(error)).lower()}") from None


@commands.command()
@click.argument("file", type=click.Path())
@click.option("--call", "calls", multiple=True, metavar="EXPRESSION", help='Build this network: "Net(depth=20)".')
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print networks.")
@_config
@_isolated
@_color
def show(
    file: str, calls: tuple[str, ...], output_format: str, config: Path | None, isolated: bool, color: str
) -> None:
    """Show the networks in a file, and the predicted gradient at each layer."""
    import math

    from gradlint.evaluation.errors import CallError
    from gradlint.reports import show_json, show_text
    from gradlint.showing import show as show_networks
    from gradlint.sources import SourceError

    settings = _load_settings([file], config, isolated)
    try:
        showing = show_networks(Path(file), file, calls, settings)
    except OSError as error:
        raise _Failed(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except SourceError as error:
        cell = "" if error.cell is None else f"cell {error.cell}:"
        raise _Failed(f"{file}:{cell}{error.line}:{error.column}: {error.reason}") from None
    except CallError as error:
        raise _Failed(str(error)) from None
    if output_format == "json":
        _write(show_json.render(showing), None)
    else:
        bounds = show_text.Bounds(math.log10(settings.vanishing), math.log10(settings.exploding))
        _write(show_text.render(showing, bounds, _style(color)), None)


@commands.command()
@click.argument("rule", shell_complete=_complete_rule)
@_config
@_isolated
@_color
def explain(rule: str, config: Path | None, isolated: bool, color: str) -> None:
    """Print the page of a rule, by its name or code."""
    from gradlint.catalogue import CatalogueError, load_catalogue
    from gradlint.reports.pages import page_text

    settings = _load_settings((), config, isolated)
    try:
        found = load_catalogue(settings.folders_of_rules).find(rule)
    except CatalogueError as error:
        raise _Failed(str(error)) from None
    _write(page_text(found, _style(color)), None)


@commands.command()
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print the rules.")
@_config
@_isolated
@_color
def rules(output_format: str, config: Path | None, isolated: bool, color: str) -> None:
    """List every rule: code, name, severity, what it does."""
    from gradlint.catalogue import CatalogueError, load_catalogue
    from gradlint.reports.pages import rules_json, rules_text

    settings = _load_settings((), config, isolated)
    try:
        catalogue = load_catalogue(settings.folders_of_rules)
    except CatalogueError as error:
        raise _Failed(str(error)) from None
    _write(rules_json(catalogue.rules) if output_format == "json" else rules_text(catalogue.rules, _style(color)), None)


def _style(color: str) -> Style:
    from gradlint.reports.style import Style, wants_color

    return Style(wants_color(color, sys.stdout, os.environ))
