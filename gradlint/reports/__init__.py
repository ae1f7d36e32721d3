"""From a report to what is printed: one file per output format."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Protocol, cast

from gradlint.reports.context import Context
from gradlint.results import Report

RENDERERS: Mapping[str, str] = {
    "full": "gradlint.reports.full",
    "concise": "gradlint.reports.concise",
    "json": "gradlint.reports.json_report",
}
"""The module of each output format of `gradlint check`; it has a function `render`."""


class Renderer(Protocol):
    """A module of an output format."""

    def render(self, report: Report, context: Context) -> str:
        """The text to print, with a newline at its end, or empty."""


def render(output_format: str, report: Report, context: Context) -> str:
    """The report in an output format that `RENDERERS` names."""
    module = cast("Renderer", importlib.import_module(RENDERERS[output_format]))
    return module.render(report, context)


__all__ = ["RENDERERS", "Context", "render"]
