"""The group of commands, and what becomes of whatever ends one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from gradlint import __version__
from gradlint.cli.check import check
from gradlint.cli.clean import clean
from gradlint.cli.config import config
from gradlint.cli.errors import BROKEN_PIPE, FAILED, INTERRUPTED, ReaderGone
from gradlint.cli.rules import explain, rules
from gradlint.cli.show import show


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
    for stream in (sys.stdout, sys.stderr):
        cast("Any", stream).reconfigure(errors="replace")
    try:
        status = commands.main(list(arguments), prog_name="gradlint", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except ReaderGone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # the last resort: a mistake of gradlint's own outside of any file
        click.echo(f"error: internal error: {type(error).__name__}: {error}", err=True)
        if os.environ.get("GRADLINT_DEBUG"):
            import traceback

            traceback.print_exc()
        return FAILED
    return status if isinstance(status, int) else 0


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gradlint %(version)s")
def commands() -> None:
    """Find what makes gradients vanish, explode, die or be cut off in PyTorch and Keras source.

    `gradlint PATH...` is short for `gradlint check PATH...`.
    """


for _command in (check, show, explain, rules, config, clean):
    commands.add_command(_command)
