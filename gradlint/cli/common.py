"""What the commands share: options, settings, style and writing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from gradlint.cli.errors import Failed, ReaderGone
from gradlint.config import ConfigError, Settings, common_folder, load_settings

if TYPE_CHECKING:
    from gradlint.reports.style import Style

F = TypeVar("F", bound=Callable[..., Any])


def complete_rule(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The rules whose name or code starts with what was typed, for a shell."""
    from gradlint.catalogue import own_rules

    return [
        CompletionItem(key, help=rule.summary)
        for rule in own_rules()
        for key in (rule.name, rule.code)
        if key.lower().startswith(incomplete.lower())
    ]


def rule_option(name: str, text: str) -> Callable[[F], F]:
    """An option that takes rules, may be repeated, and completes their names in a shell."""
    return click.option(name, multiple=True, metavar="RULES", help=text, shell_complete=complete_rule)


color_option = click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour the output."
)
config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="Use this configuration file and look for no other."
)
isolated_option = click.option("--isolated", is_flag=True, help="Look for no configuration file.")


def read_settings(paths: Sequence[str], config: Path | None, isolated: bool) -> Settings:
    """The settings that hold for `paths`; a mistake in the configuration ends the command."""
    try:
        return load_settings(common_folder(paths), config, isolated)
    except ConfigError as error:
        raise Failed(str(error)) from None


def write(text: str, file: Path | None) -> None:
    """Write to a file, or to standard output where there is none."""
    if file is None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        return
    try:
        file.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Failed(f"{file}: {(error.strerror or str(error)).lower()}") from None


def style_for(color: str) -> Style:
    """Colours or none, as asked for and as standard output can show them."""
    from gradlint.reports.style import Style, wants_color

    return Style(wants_color(color, sys.stdout, os.environ))
