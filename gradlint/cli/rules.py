"""`gradlint explain` and `gradlint rules`: the pages of the rules."""

from __future__ import annotations

from pathlib import Path

import click

from gradlint.cli.common import (
    color_option,
    complete_rule,
    config_option,
    isolated_option,
    read_settings,
    style_for,
    write,
)
from gradlint.cli.errors import Failed


@click.command()
@click.argument("rule", shell_complete=complete_rule)
@config_option
@isolated_option
@color_option
def explain(rule: str, config: Path | None, isolated: bool, color: str) -> None:
    """Print the page of a rule, by its name or code."""
    from gradlint.catalogue import CatalogueError, load_catalogue
    from gradlint.reports.pages import page_text

    settings = read_settings((), config, isolated)
    try:
        found = load_catalogue(settings.folders_of_rules).find(rule)
    except CatalogueError as error:
        raise Failed(str(error)) from None
    write(page_text(found, style_for(color)), None)


@click.command()
@click.option("--output-format", type=click.Choice(["text", "json"]), default="text", help="How to print the rules.")
@config_option
@isolated_option
@color_option
def rules(output_format: str, config: Path | None, isolated: bool, color: str) -> None:
    """List every rule: code, name, severity, what it does."""
    from gradlint.catalogue import CatalogueError, load_catalogue
    from gradlint.reports.pages import rules_json, rules_text

    settings = read_settings((), config, isolated)
    try:
        catalogue = load_catalogue(settings.folders_of_rules)
    except CatalogueError as error:
        raise Failed(str(error)) from None
    write(
        rules_json(catalogue.rules) if output_format == "json" else rules_text(catalogue.rules, style_for(color)), None
    )
