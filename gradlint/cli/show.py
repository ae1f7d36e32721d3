"""`gradlint show`: the networks of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from gradlint.cli.common import color_option, config_option, isolated_option, read_settings, style_for, write
from gradlint.cli.errors import Failed
from gradlint.cli.probing import announce, probe_for, probe_options, probe_overrides

if TYPE_CHECKING:
    from gradlint.reports.show_bars import Bounds
    from gradlint.showing import Showing

Changes = tuple[tuple[str, ...], ...]


def _changes(context: click.Context, parameter: click.Parameter, written: tuple[str, ...]) -> Changes:
    """The words between the commas, all of which stand for a change."""
    if not written:
        return ()
    from gradlint.propagation.whatif import UnknownTransformation, check_words

    changes = tuple(tuple(word.strip() for word in text.split(",") if word.strip()) for text in written)
    try:
        for words in changes:
            check_words(words)
    except UnknownTransformation as error:
        raise click.BadParameter(str(error)) from None
    if not all(changes):
        raise click.BadParameter("there is no change between the commas")
    return changes


def _complete_changes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The changes whose name starts with what was typed behind the last comma."""
    from gradlint.propagation.whatif import NAMES

    before, comma, last = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in NAMES if name.startswith(last)]


def _plot_file(context: click.Context, parameter: click.Parameter, file: Path | None) -> Path | None:
    """A file of a kind that can be drawn, if there is something to draw with."""
    if file is None:
        return None
    from importlib.util import find_spec

    from gradlint.reports.show_plot import SUFFIXES

    if file.suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{file.name!r} should end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if find_spec("matplotlib") is None:
        raise Failed('--plot needs matplotlib: pip install "gradlint[plot]"')
    return file


def _plot(showing: Showing, file: Path, bounds: Bounds) -> None:
    from gradlint.reports import show_plot

    if not showing.networks:
        raise Failed(f"{showing.name} has no network to draw")
    try:
        show_plot.write(showing.networks, file, bounds)
    except OSError as error:
        raise Failed(f"{file}: {(error.strerror or str(error)).lower()}") from None
    if len(showing.networks) > show_plot.MOST:
        click.echo(f"{file}: the first {show_plot.MOST} of {len(showing.networks)} networks are drawn", err=True)


@click.command()
@click.argument("file", type=click.Path())
@click.option("--call", "calls", multiple=True, metavar="EXPRESSION", help='Build this network: "Net(depth=20)".')
@click.option(
    "--what-if",
    multiple=True,
    metavar="CHANGES",
    callback=_changes,
    shell_complete=_complete_changes,
    help='Show the same network changed beside it: "relu,he", "batch-norm", "lstm,forget-bias=3".',
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    callback=_plot_file,
    help="Draw gradient and signal of each layer to a .svg, .png or .pdf file.",
)
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print networks.")
@config_option
@isolated_option
@probe_options
@color_option
def show(
    file: str,
    calls: tuple[str, ...],
    what_if: Changes,
    plot: Path | None,
    output_format: str,
    config: Path | None,
    isolated: bool,
    color: str,
    **probe_given: Any,
) -> None:
    """Show the networks in a file, and the predicted gradient at each layer."""
    import math

    from gradlint.evaluation.errors import CallError
    from gradlint.reports import show_json, show_text
    from gradlint.reports.show_bars import Bounds
    from gradlint.showing import show as show_networks
    from gradlint.sources import SourceError

    settings = read_settings([file], config, isolated).override(probe_overrides(probe_given))
    announce(settings)
    try:
        with probe_for(settings) as probe:
            showing = show_networks(Path(file), file, calls, settings, what_if, probe)
    except OSError as error:
        raise Failed(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except SourceError as error:
        cell = "" if error.cell is None else f"cell {error.cell}:"
        raise Failed(f"{file}:{cell}{error.line}:{error.column}: {error.reason}") from None
    except CallError as error:
        raise Failed(str(error)) from None
    bounds = Bounds(math.log10(settings.vanishing), math.log10(settings.exploding))
    if output_format == "json":
        write(show_json.render(showing), None)
    else:
        write(show_text.render(showing, bounds, style_for(color)), None)
    if plot is not None:
        _plot(showing, plot, bounds)
