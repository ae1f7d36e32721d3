"""`gradlint clean`: remove the results of earlier runs."""

from __future__ import annotations

from pathlib import Path

import click

from gradlint.cli.common import config_option, isolated_option, read_settings
from gradlint.cli.errors import Failed


@click.command()
@click.option("--cache-dir", type=click.Path(path_type=Path), metavar="FOLDER", help="The cache to remove.")
@config_option
@isolated_option
def clean(cache_dir: Path | None, config: Path | None, isolated: bool) -> None:
    """Remove the results of earlier runs."""
    from gradlint.cache import cache_folder
    from gradlint.cache import clean as remove

    folder = cache_folder(cache_dir or read_settings((), config, isolated).cache_folder)
    if folder is None:
        raise Failed("there is no cache: the user has no home; --cache-dir names one")
    try:
        removed = remove(folder)
    except OSError as error:
        raise Failed(f"{folder}: {(error.strerror or str(error)).lower()}") from None
    click.echo(f"Removed {folder}" if removed else f"Nothing to remove in {folder}")
