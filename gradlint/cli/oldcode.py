"""The options that set old code apart from new, and what they have done after a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gradlint.config import Settings
    from gradlint.results import Report

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--baseline", metavar="FILE", help="Report only what this baseline does not know."),
    click.option(
        "--write-baseline",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Make a baseline of what is found, and leave with status 0.",
    ),
    click.option("--prune-baseline", is_flag=True, help="Take out of the baseline what is fixed."),
    click.option("--diff-base", metavar="REVISION", help="Report only what is on lines changed since this revision."),
    click.option("--add-ignore", metavar="REASON", help="Write suppressions, with this reason, for all that is found."),
)


def old_code_options(command: F) -> F:
    """Options that set old code apart; `old_code_overrides` and `after_run` read them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def old_code_overrides(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the options say.

    Raises:
        UsageError: they do not go together.
    """
    if options["write_baseline"] is not None:
        for name in ("baseline", "prune_baseline", "diff_base", "add_ignore"):
            if options[name]:
                raise click.UsageError(f"--write-baseline and --{name.replace('_', '-')} exclude each other")
    if options["add_ignore"] is not None and not options["add_ignore"].strip():
        raise click.UsageError("--add-ignore needs a reason that says something")
    baseline = None if options["baseline"] is None else str(Path(options["baseline"]).absolute())
    unused = options["write_baseline"] is not None
    return {"baseline": "" if unused else baseline, "diff_base": options["diff_base"]}


def hold_old_code(settings: Settings, options: Mapping[str, Any], stdin: bool) -> None:
    """Hold that there is a baseline where one is to be pruned, and a file where one is to be changed."""
    if stdin and options["add_ignore"] is not None:
        raise click.UsageError("--add-ignore cannot write to standard input")
    if options["prune_baseline"] and settings.baseline_file is None:
        raise click.UsageError("--prune-baseline needs --baseline, or a baseline in the configuration")


def after_run(report: Report, settings: Settings, options: Mapping[str, Any]) -> Report:
    """Write the baseline or the suppressions that are asked for; what is left to report."""
    say: Callable[[str], None] = (lambda _: None) if options["quiet"] else (lambda text: click.echo(text, err=True))
    if options["write_baseline"] is not None:
        return _written(report, options["write_baseline"], say)
    if report.fixed:
        _tell_fixed(report, settings, options["prune_baseline"], say)
    if options["add_ignore"] is not None:
        return _ignored(report, options["add_ignore"], say)
    return report


def _written(report: Report, file: Path, say: Callable[[str], None]) -> Report:
    from gradlint.baseline import Baseline
    from gradlint.reports.numbers import count

    if report.failures:  # what was not looked at would count as new from then on
        say(f"note: {file} is not written")
        return report
    Baseline.of(report.findings, file).save()
    say(f"{file}: {count(len(report.findings), 'finding')} of {count(report.files, 'file')}")
    return replace(report, findings=(), known=len(report.findings))


def _tell_fixed(report: Report, settings: Settings, prune: bool, say: Callable[[str], None]) -> None:
    from gradlint.baseline import Baseline
    from gradlint.reports.numbers import count

    file = settings.baseline_file
    assert file is not None
    for entry in report.fixed:
        say(f"note: fixed: {count(entry.count, 'finding')} of {entry.code} in {entry.path}")
    number = count(sum(entry.count for entry in report.fixed), "fixed finding")
    if prune:
        Baseline.load(file).without(report.fixed).save()
        say(f"note: {file}: {number} taken out")
    else:
        say(f"note: {file} still holds {number}; --prune-baseline takes out what is fixed")


def _ignored(report: Report, reason: str, say: Callable[[str], None]) -> Report:
    """Suppress all findings of the files of the run; those that cannot be are left."""
    from gradlint.ignoring import NOT_SUPPRESSED, IgnoreError, add_ignores
    from gradlint.reports.numbers import count
    from gradlint.results import Failure

    written: set[str] = set()
    statements, failures = 0, list(report.failures)
    for name in report.names:
        findings = [finding for finding in report.findings if finding.span.file == name]
        if any(finding.code not in NOT_SUPPRESSED for finding in findings):
            try:
                statements += add_ignores(Path(name), findings, reason)
                written.add(name)
            except IgnoreError as error:
                failures.append(Failure(str(error)))
    left = tuple(f for f in report.findings if f.span.file not in written or f.code in NOT_SUPPRESSED)
    if written:
        say(f"{count(statements, 'suppression')} written in {count(len(written), 'file')}")
    suppressed = report.suppressed + len(report.findings) - len(left)
    return replace(report, findings=left, failures=tuple(failures), suppressed=suppressed)
