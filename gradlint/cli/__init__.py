"""The command line: arguments in, exit status out, no logic. One module for each command."""

from gradlint.cli.main import commands, run

__all__ = ["commands", "run"]
