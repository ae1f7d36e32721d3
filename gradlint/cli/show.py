"""`gradlint show`: the networks of a file."""

from __future__ import annotations

from pathlib import Path

import click

from gradlint.cli.common import color_option, config_option, isolated_option, read_settings, style_for, write
from gradlint.cli.errors import Failed


@click.command()
@click.argument("file", type=click.Path())
@click.option("--call", "calls", multiple=True, metavar="EXPRESSION", help='Build this network: "Net(depth=20)".')
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print networks.")
@config_option
@isolated_option
@color_option
def show(
    file: str, calls: tuple[str, ...], output_format: str, config: Path | None, isolated: bool, color: str
) -> None:
    """Show the networks in a file, and the predicted gradient at each layer."""
    import math

    from gradlint.evaluation.errors import CallError
    from gradlint.reports import show_json, show_text
    from gradlint.showing import show as show_networks
    from gradlint.sources import SourceError

    settings = read_settings([file], config, isolated)
    try:
        showing = show_networks(Path(file), file, calls, settings)
    except OSError as error:
        raise Failed(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except SourceError as error:
        cell = "" if error.cell is None else f"cell {error.cell}:"
        raise Failed(f"{file}:{cell}{error.line}:{error.column}: {error.reason}") from None
    except CallError as error:
        raise Failed(str(error)) from None
    if output_format == "json":
        write(show_json.render(showing), None)
    else:
        bounds = show_text.Bounds(math.log10(settings.vanishing), math.log10(settings.exploding))
        write(show_text.render(showing, bounds, style_for(color)), None)
