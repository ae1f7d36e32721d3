"""Where the reports of one run go: several formats at once, each to a file or to standard output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradlint.formats import FORMATS


class OutputError(Exception):
    """Outputs that cannot be had together, or a format that does not exist, in a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Output:
    """A format and the file it goes to; None is standard output."""

    format: str
    file: Path | None = None


def parse_output(text: str) -> Output:
    """An output as it is given: `FORMAT` or `FORMAT:FILE`. The file may itself hold colons, as `C:/x` does.

    Raises:
        OutputError: there is no such format, or no file after the colon.
    """
    name, colon, file = text.partition(":")
    if name not in FORMATS:
        raise OutputError(f"{name!r} is not one of {', '.join(FORMATS)}")
    if colon and not file:
        raise OutputError(f"{text!r} names no file after the colon")
    return Output(name, Path(file) if file else None)


def outputs_of(given: Sequence[Output], output_file: Path | None, default: str) -> tuple[Output, ...]:
    """The outputs of a run. `output_file` is for the one that names no file of its own.

    Raises:
        OutputError: two would go to the same place, or `output_file` has no output to take.
    """
    outputs = list(given) or [Output(default)]
    if output_file is not None:
        nowhere = [index for index, output in enumerate(outputs) if output.file is None]
        if not nowhere:
            raise OutputError("--output-file has nothing to write: every --output-format names a file of its own")
        outputs[nowhere[0]] = Output(outputs[nowhere[0]].format, output_file)
    for index, output in enumerate(outputs):
        if any(other.file == output.file for other in outputs[:index]):
            place = "standard output" if output.file is None else str(output.file)
            raise OutputError(f"two outputs go to {place}; give each a file: --output-format {output.format}:FILE")
    return tuple(outputs)
