"""One run, end to end: from paths and settings to a report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from gradlint.catalogue import Catalogue, CatalogueError, Rule, load_catalogue
from gradlint.config import ConfigError, Settings
from gradlint.findings import Finding, Span
from gradlint.results import Failure, FileResult, Guard, Report, Suppressor, deduplicate, finding_of
from gradlint.sources import Discovery, Found
from gradlint.subjects import SourceSubject

FILES_PER_PROCESS = 32
"""Fewer files than this do not pay for the start of another process."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run needs besides its files: settings, all rules, and those that are on."""

    settings: Settings
    catalogue: Catalogue
    rules: tuple[Rule, ...]

    @classmethod
    def make(cls, settings: Settings) -> Plan:
        """Load the rules and choose among them.

        Raises:
            CatalogueError: a rule folder cannot be used, or the command line names no rule.
            ConfigError: the configuration file names no rule.
        """
        catalogue = load_catalogue(settings.folders_of_rules)
        from_file = {key for key, origin in settings.origins if origin == str(settings.file)}
        lists = {"select": settings.select, "extend_select": settings.extend_select, "ignore": settings.ignore}
        lists["severity"] = tuple(rule for rule, _ in settings.severity)
        lists["per_file_ignores"] = tuple(rule for _, rules in settings.per_file_ignores for rule in rules)
        for key, selectors in lists.items():
            for selector in selectors:
                try:
                    catalogue.matching(selector)
                except CatalogueError as error:
                    if key in from_file:
                        raise ConfigError(f"{settings.file}: {key.replace('_', '-')}: {error}") from None
                    raise
        rules = catalogue.select(settings.select, settings.extend_select, settings.ignore, settings.preview)
        return cls(settings, catalogue, rules)

    def ignored(self, name: str) -> frozenset[str]:
        """The codes of the rules that the configuration turns off for a file."""
        path, root = Path(name).absolute(), self.settings.root.absolute()
        relative = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
        return frozenset(
            rule.code
            for pattern, selectors in self.settings.per_file_ignores
            if fnmatch(relative, pattern) or fnmatch(path.name, pattern)
            for selector in selectors
            for rule in self.catalogue.matching(selector)
        )


def check(paths: Sequence[Path | str], settings: Settings) -> Report:
    """Lint files and folders.

    Raises:
        CatalogueError: a rule folder cannot be used, or a selector means no rule.
        ConfigError: the same, where the configuration file is to blame.
    """
    start = time.perf_counter()
    plan = Plan.make(settings)
    discovery = Discovery(settings.root, settings.excluded, settings.respect_gitignore, settings.force_exclude)
    files: list[Found] = []
    failures: list[Failure] = []
    warnings: list[str] = []
    for result in discovery.find(paths):
        if isinstance(result, Found):
            files.append(result)
        elif result.fatal:
            failures.append(Failure(f"{result.name}: {result.reason}"))
        else:
            warnings.append(f"{result.name}: {result.reason}")
    results = _lint_all(plan, files)
    report = _report(plan, results)
    return replace(
        report,
        failures=(*failures, *report.failures),
        warnings=tuple(warnings),
        seconds=time.perf_counter() - start,
    )


def check_bytes(data: bytes, name: str, settings: Settings) -> Report:
    """Lint the content of one file that need not exist; what it imports is looked for where `name` points.

    Raises:
        CatalogueError: a rule folder cannot be used, or a selector means no rule.
        ConfigError: the same, where the configuration file is to blame.
    """
    from gradlint.linting import Linter

    start = time.perf_counter()
    plan = Plan.make(settings)
    found = Found(name, Path(name), named=True)
    discovery = Discovery(settings.root, settings.excluded, force_exclude=settings.force_exclude)
    if discovery.excludes(name):
        return Report(seconds=time.perf_counter() - start)
    linter = Linter(settings, plan.catalogue, plan.rules, _names([found]))
    return replace(_report(plan, [linter.lint(found, data)]), seconds=time.perf_counter() - start)


def _names(files: Iterable[Found]) -> dict[Path, str]:
    return {Path(os.path.realpath(found.path)): found.name for found in files}


def _lint_all(plan: Plan, files: Sequence[Found]) -> list[FileResult]:
    names = _names(files)
    jobs = plan.settings.jobs or min(os.cpu_count() or 1, 1 + len(files) // FILES_PER_PROCESS)
    jobs = min(jobs, len(files))
    if jobs > 1:
        from gradlint.workers import lint_in_processes

        return lint_in_processes(plan.settings, names, files, jobs)
    from gradlint.linting import Linter

    linter = Linter(plan.settings, plan.catalogue, plan.rules, names)
    return [linter.lint(found) for found in files]


def _report(plan: Plan, results: Sequence[FileResult]) -> Report:
    """Merge the results of all files: one finding for each cause, suppressions, severities and filters."""
    settings = plan.settings
    ignored = {result.name: plan.ignored(result.name) for result in results} if settings.per_file_ignores else {}
    nothing: frozenset[str] = frozenset()
    suppressor = Suppressor(results, plan.catalogue)
    active = {rule.code for rule in plan.rules}

    def wanted(finding: Finding) -> bool:
        return finding.code not in ignored.get(finding.span.file, nothing)

    def looked_for(file: str, rule: Rule) -> bool:
        return rule.code in active - ignored.get(file, nothing) and not rule.of_files

    merged = deduplicate(finding for result in results for finding in result.findings)
    findings = [finding for finding in merged if wanted(finding) and suppressor.keep(finding)]
    failures: list[Failure] = []
    for result in results:
        judged = result.unreadable is None and not result.failures
        uses = suppressor.uses(result, partial(looked_for, result.name)) if judged else ()
        guard = Guard(result.name)
        subject = SourceSubject(result.name, result.unreadable, uses)
        findings += [f for f in _source_findings(plan.rules, subject, guard) if wanted(f) and suppressor.keep(f)]
        failures += (*result.failures, *guard.failures)
    severities = {rule.code: severity for name, severity in settings.severity for rule in plan.catalogue.matching(name)}
    findings = [replace(f, severity=severities.get(f.code, f.severity)) for f in findings]
    shown = [
        finding
        for finding in findings
        if finding.severity.rank >= settings.min_severity.rank
        and finding.confidence.rank >= settings.min_confidence.rank
    ]
    return Report(
        findings=tuple(sorted(shown, key=lambda finding: finding.sort_key)),
        files=len(results),
        networks=sum(result.networks for result in results),
        unresolved=sum(result.unresolved for result in results),
        suppressed=suppressor.count,
        failures=tuple(failures),
        notes=tuple(note for result in results for note in result.notes),
    )


def _source_findings(rules: Iterable[Rule], subject: SourceSubject, guard: Guard) -> Iterator[Finding]:
    for rule in rules:
        if rule.of_files and rule.checks.source is not None:
            for problem in guard.problems(rule.checks.source, subject):
                assert isinstance(problem.where, Span), "a check of a source has no syntax to point at"
                yield finding_of(rule, problem, problem.where)
