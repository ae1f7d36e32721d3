"""What ends a command before its time, and the exit status of each."""

from __future__ import annotations

from typing import Any

import click

FAILED = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


class Failed(click.ClickException):
    """Something that kept gradlint from its work, in a sentence."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        """Print the sentence to standard error."""
        click.echo(f"error: {self.format_message()}", file=file, err=True)


class ReaderGone(Exception):
    """Whoever reads our output has closed the pipe."""
