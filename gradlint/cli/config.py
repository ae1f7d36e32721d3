"""`gradlint config`: the settings that hold, and where each comes from."""

from __future__ import annotations

from pathlib import Path

import click

from gradlint.cli.common import color_option, config_option, isolated_option, read_settings, style_for, write


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print settings.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of the configuration instead.")
@config_option
@isolated_option
@color_option
def config(
    paths: tuple[str, ...], output_format: str, schema: bool, config: Path | None, isolated: bool, color: str
) -> None:
    """Show the settings that hold for files and folders, and where each comes from."""
    import json

    from gradlint.reports.settings import settings_json, settings_text
    from gradlint.schema import schema as make_schema

    if schema:
        write(json.dumps(make_schema(), indent=2) + "\n", None)
        return
    settings = read_settings(paths, config, isolated)
    write(settings_json(settings) if output_format == "json" else settings_text(settings, style_for(color)), None)
