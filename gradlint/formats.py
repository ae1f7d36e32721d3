"""The output formats of `gradlint check`: to add one, write its module and add its row."""

from __future__ import annotations

from collections.abc import Mapping

FORMATS: Mapping[str, str] = {
    "full": "gradlint.reports.full",
    "concise": "gradlint.reports.concise",
    "json": "gradlint.reports.json_report",
    "sarif": "gradlint.reports.sarif",
    "github": "gradlint.reports.github",
    "gitlab": "gradlint.reports.gitlab",
    "junit": "gradlint.reports.junit",
}
"""The module of each format; it has a function `render(report, context)`."""
