"""The options that say how and where findings are written, and writing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from gradlint.cli.common import style_for, write
from gradlint.config import Settings, common_folder
from gradlint.formats import FORMATS
from gradlint.outputs import Output, OutputError, outputs_of, parse_output

if TYPE_CHECKING:
    from gradlint.results import Report

F = TypeVar("F", bound=Callable[..., Any])


class OutputType(click.ParamType[Output]):
    """FORMAT or FORMAT:FILE."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        """The output, or an error of usage."""
        try:
            return parse_output(value)
        except OutputError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The formats that start so."""
        return [CompletionItem(name) for name in FORMATS if name.startswith(incomplete)]


def output_options(command: F) -> F:
    """`--output-format` and `--output-file`."""
    formats = ", ".join(FORMATS)
    for option in (
        click.option("--output-file", type=click.Path(path_type=Path), help="Write findings here."),
        click.option(
            "--output-format",
            type=OutputType(),
            multiple=True,
            metavar="FORMAT[:FILE]",
            help=f"How to print findings, and where to write them; may be repeated. Formats: {formats}.",
        ),
    ):
        command = option(command)
    return command


def chosen_outputs(options: Mapping[str, Any], settings: Settings) -> tuple[Output, ...]:
    """Where the options say that findings go; what cannot be had ends the command."""
    try:
        return outputs_of(options["output_format"], options["output_file"], settings.output_format)
    except OutputError as error:
        raise click.UsageError(str(error)) from None


def write_reports(
    report: Report,
    outputs: Sequence[Output],
    paths: Sequence[str],
    settings: Settings,
    options: Mapping[str, Any],
    given: Mapping[str, bytes],
) -> None:
    """Write a report to each output; `given` are the contents of files that are on no disk."""
    from gradlint.catalogue import load_catalogue
    from gradlint.git import repository_root
    from gradlint.reports import Context, render
    from gradlint.reports.source_text import SourceText
    from gradlint.reports.style import PLAIN

    folder = common_folder(paths)
    root = repository_root(folder) or (settings.root if settings.file else Path.cwd())
    rules = {rule.code: rule for rule in load_catalogue(settings.folders_of_rules)}
    source_line = SourceText(given)
    for output in outputs:
        context = Context(
            style=style_for(options["color"]) if output.file is None else PLAIN,
            source_line=source_line,
            statistics=options["statistics"],
            summary=not options["quiet"],
            root=root.absolute(),
            rules=rules,
        )
        write(render(output.format, report, context), output.file)
