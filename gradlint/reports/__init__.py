"""From a report to what is printed: one file per output format."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from gradlint.formats import FORMATS
from gradlint.reports.context import Context
from gradlint.results import Report


class Renderer(Protocol):
    """A module of an output format."""

    def render(self, report: Report, context: Context) -> str:
        """The text to print, with a newline at its end, or empty."""


def render(output_format: str, report: Report, context: Context) -> str:
    """The report in an output format that `FORMATS` names."""
    module = cast("Renderer", importlib.import_module(FORMATS[output_format]))
    return module.render(report, context)


__all__ = ["FORMATS", "Context", "render"]
