"""What of a run is new: not known to the baseline, and on lines that changed since a revision."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gradlint.baseline import Baseline
from gradlint.config import Settings, common_folder
from gradlint.results import Report

if TYPE_CHECKING:
    from gradlint.git import Changes


@dataclass(frozen=True, slots=True)
class OldCode:
    """What is known of the code before this run."""

    baseline: Baseline | None = None
    changes: Changes | None = None

    @classmethod
    def of(cls, paths: Sequence[Path | str], settings: Settings) -> Self:
        """What the settings say of it.

        Raises:
            BaselineError: the baseline cannot be read.
            GitError: git cannot say what changed.
        """
        file = settings.baseline_file
        baseline = None if file is None else Baseline.load(file)
        if not settings.diff_base:
            return cls(baseline)
        from gradlint.git import changes_since  # starts processes, which few runs need

        return cls(baseline, changes_since(settings.diff_base, common_folder(paths)))

    def sift(self, report: Report, codes: Collection[str]) -> Report:
        """The report with new findings only; `codes` are the rules that the run looked for."""
        if self.baseline is not None:
            found = (*report.findings, *report.hidden)
            unknown = self.baseline.unknown(report.findings)
            report = replace(
                report,
                findings=unknown,
                known=len(report.findings) - len(unknown),
                fixed=self.baseline.fixed(found, report.names, codes),
            )
        if self.changes is not None:
            new = tuple(finding for finding in report.findings if self.changes.concern(finding))
            report = replace(report, findings=new, unchanged=len(report.findings) - len(new))
        return report
