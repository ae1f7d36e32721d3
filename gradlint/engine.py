"""One run, end to end: from paths and settings to a report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gradlint.catalogue import Catalogue, CatalogueError, Rule, load_catalogue
from gradlint.config import ConfigError, Measuring, Settings
from gradlint.findings import Finding, Severity, Span
from gradlint.oldcode import OldCode
from gradlint.results import Failure, FileResult, Guard, Report, Suppressor, deduplicate, finding_of
from gradlint.sources import Discovery, Found
from gradlint.sources.real_paths import RealPaths
from gradlint.subjects import SourceSubject

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gradlint.cache import Cache
    from gradlint.probing import Prober, Questions

Progress = Callable[[str], None]
"""Is told in a few words what is being done, each time that changes."""

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

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the rules that are on."""
        return frozenset(rule.code for rule in self.rules)

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


def check(paths: Sequence[Path | str], settings: Settings, progress: Progress | None = None) -> Report:
    """Lint files and folders; measure what is found, if the settings say so. `progress` is told what is being done.

    Raises:
        ProbeUnavailable: gradients are to be measured, and PyTorch or the device is not there.
        CatalogueError: a rule folder cannot be used, or a selector means no rule.
        ConfigError: the same, where the configuration file is to blame; the baseline cannot be read; git cannot
            say what changed.
    """
    start = time.perf_counter()
    plan = Plan.make(settings)
    old_code = OldCode.of(paths, settings)
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
    with _prober(settings, progress) as prober:
        results = _lint_all(plan, files, _watching(plan, old_code, prober), progress)
        report = old_code.sift(_report(plan, results), plan.codes)
        report = _measured(plan, report, results, prober)
    return replace(
        report,
        failures=(*failures, *report.failures),
        warnings=tuple(warnings),
        seconds=time.perf_counter() - start,
    )


def check_bytes(data: bytes, name: str, settings: Settings, progress: Progress | None = None) -> Report:
    """Lint the content of one file that need not exist; what it imports is looked for where `name` points.

    Raises:
        ProbeUnavailable: gradients are to be measured, and PyTorch or the device is not there.
        CatalogueError: a rule folder cannot be used, or a selector means no rule.
        ConfigError: the same, where the configuration file is to blame; the baseline cannot be read; git cannot
            say what changed.
    """
    from gradlint.linting import Linter

    start = time.perf_counter()
    plan = Plan.make(settings)
    old_code = OldCode.of([name], settings)
    found = Found(name, Path(name), named=True)
    discovery = Discovery(settings.root, settings.excluded, force_exclude=settings.force_exclude)
    if discovery.excludes(name):
        return Report(seconds=time.perf_counter() - start)
    linter = Linter(settings, plan.catalogue, plan.rules, _names([found]))
    with linter, _prober(settings, progress) as prober:
        result = linter.lint(found, data)
        report = old_code.sift(_report(plan, [result]), plan.codes)
        report = _measured(plan, report, [result], prober)
    return replace(report, seconds=time.perf_counter() - start)


def _names(files: Iterable[Found]) -> dict[Path, str]:
    real_paths = RealPaths()
    return {Path(real_paths.of(found.path)): found.name for found in files}


def _prober(settings: Settings, progress: Progress | None) -> AbstractContextManager[Prober | None]:
    """What measures the findings of a run, if anything does."""
    if settings.measuring is Measuring.OFF:
        return nullcontext()
    from gradlint.probing import Prober

    return Prober(settings, progress)


def _watching(plan: Plan, old_code: OldCode, prober: Prober | None) -> Callable[[FileResult], None]:
    """Is told the result of each file, and has the measuring made ready as soon as one will be reported."""

    def watch(result: FileResult) -> None:
        if prober is not None and any(result.questions):
            reported = old_code.sift(_report(plan, [result]), plan.codes).findings
            prober.expect(_asked(reported, [result]).values())

    return watch


def _asked(findings: Iterable[Finding], results: Iterable[FileResult]) -> dict[Finding, Questions]:
    """The questions of each of `findings` that speaks of a network."""
    known = {
        _regardless_of_severity(finding): questions
        for result in results
        for finding, questions in zip(result.findings, result.questions, strict=False)
    }
    places = ((finding, _regardless_of_severity(finding)) for finding in findings)
    return {finding: known[place] for finding, place in places if place in known}


def _regardless_of_severity(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.NOTE)  # the configuration may have changed it


def _measured(plan: Plan, report: Report, results: Sequence[FileResult], prober: Prober | None) -> Report:
    """The report with what measuring says of each finding; one that becomes a note may no longer be shown."""
    if prober is None:
        return report
    pages = {rule.code: rule.sections.get("Probe", "") for rule in plan.catalogue}
    findings, unavailable = prober.measured(report.findings, _asked(report.findings, results), pages)
    failures = report.failures if unavailable is None else (*report.failures, Failure(unavailable))
    lowest = plan.settings.min_severity.rank
    shown = tuple(finding for finding in findings if finding.severity.rank >= lowest)
    return replace(report, findings=shown, failures=failures)


def _lint_all(
    plan: Plan, files: Sequence[Found], watch: Callable[[FileResult], None], progress: Progress | None
) -> list[FileResult]:
    """The results of all files, in their order; `watch` is told each new one as soon as it is there."""
    names = _names(files)
    cache = _cache(plan, names)
    kept = {} if cache is None else {found.name: result for found in files if (result := cache.get(found)) is not None}
    rest = [found for found in files if found.name not in kept]
    done = len(kept)

    def tell(result: FileResult) -> None:
        nonlocal done
        done += 1
        watch(result)
        if progress is not None:
            progress(f"linting: {done} of {len(files)} files")

    new = dict(zip((found.name for found in rest), _lint(plan, rest, names, tell), strict=True))
    if cache is not None:
        for found in rest:
            cache.put(found, new[found.name])
        cache.save()
    return [new.get(found.name) or kept[found.name] for found in files]


def _cache(plan: Plan, names: Mapping[Path, str]) -> Cache | None:
    """The cache, unless it is off or findings are measured: what measuring needs is not kept."""
    if not plan.settings.cache or plan.settings.measuring is not Measuring.OFF:
        return None
    from gradlint.cache import Cache, cache_folder

    folder = cache_folder(plan.settings.cache_folder)
    return None if folder is None else Cache(folder, plan.settings, plan.codes, names)


def _lint(
    plan: Plan, files: Sequence[Found], names: Mapping[Path, str], tell: Callable[[FileResult], None]
) -> list[FileResult]:
    useful = len(files) if plan.settings.jobs else 1 + len(files) // FILES_PER_PROCESS
    jobs = min(plan.settings.jobs or _cores(), useful)
    if jobs > 1:
        from gradlint.workers import lint_in_processes

        return lint_in_processes(plan.settings, names, files, jobs, tell)
    results: list[FileResult] = []
    if files:
        from gradlint.linting import Linter

        with Linter(plan.settings, plan.catalogue, plan.rules, names) as linter:
            for found in files:
                results.append(linter.lint(found))
                tell(results[-1])
    return results


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _report(plan: Plan, results: Sequence[FileResult]) -> Report:
    """Merge the results of all files: one finding for each cause, suppressions, severities and filters."""
    settings = plan.settings
    ignored = {result.name: plan.ignored(result.name) for result in results} if settings.per_file_ignores else {}
    nothing: frozenset[str] = frozenset()
    suppressor = Suppressor(results, plan.catalogue)
    active = plan.codes

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
    shown: list[Finding] = []
    hidden: list[Finding] = []
    for finding in findings:
        low = finding.severity.rank < settings.min_severity.rank
        (hidden if low or finding.confidence.rank < settings.min_confidence.rank else shown).append(finding)
    return Report(
        findings=tuple(sorted(shown, key=lambda finding: finding.sort_key)),
        files=len(results),
        networks=sum(result.networks for result in results),
        unresolved=sum(result.unresolved for result in results),
        suppressed=suppressor.count,
        failures=tuple(failures),
        notes=tuple(note for result in results for note in result.notes),
        names=tuple(result.name for result in results),
        hidden=tuple(hidden),
    )


def _source_findings(rules: Iterable[Rule], subject: SourceSubject, guard: Guard) -> Iterator[Finding]:
    for rule in rules:
        if rule.of_files and rule.checks.source is not None:
            for problem in guard.problems(rule.checks.source, subject):
                assert isinstance(problem.where, Span), "a check of a source has no syntax to point at"
                yield finding_of(rule, problem, problem.where)
