"""One file from bytes to findings: every stage in its order."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradlint.catalogue import Catalogue, Rule
from gradlint.config import Measuring, Settings
from gradlint.findings import Confidence, Finding, Related, Span
from gradlint.flow import gradient_flow
from gradlint.network import Network, Origin
from gradlint.results import Dependencies, Failure, FileResult, Guard, PlacedSuppression, finding_of
from gradlint.sources import Found, Scope, SourceError, SourceFile, SourceLoader
from gradlint.sources.parsing import make_old, syntax_error
from gradlint.stack import DeepStack
from gradlint.subjects import NetworkSubject, Place, Problem, TrainingSubject, Unreadable

if TYPE_CHECKING:
    from gradlint.evaluation.driver import Evaluation, Evaluator
    from gradlint.probe import Question
    from gradlint.propagation import Settings as Bounds

MAXIMUM_HELD_BYTES = 4 * 1024 * 1024
"""Source whose trees are held for other files that import it; each byte takes some 60 of memory."""

_FILES_BETWEEN_LOOKS = 4
"""How often it is looked at how much is held."""

MAXIMUM_UNCOLLECTED = 30_000
"""How many objects may have been made before the garbage among them is collected."""


@dataclass(frozen=True, slots=True)
class _Raised:
    """A problem, the rule that raised it, the networks concerned, and what is predicted where it is about one."""

    rule: Rule
    problem: Problem
    networks: tuple[Network, ...]
    subject: NetworkSubject | None = None

    @property
    def confidence_rank(self) -> int:
        return (self.problem.confidence or self.rule.confidence).rank

    def yields_to(self, other: _Raised, minimum: int) -> bool:
        """Whether `other` says the same more to the point, and is sure enough to be reported."""
        more_specific = other.rule.name in self.rule.yields_to or other.rule.code in self.rule.yields_to
        return more_specific and other.confidence_rank >= min(minimum, self.confidence_rank)


class Linter:
    """Lints files one by one; what they import from each other is read and parsed once.

    `names` says how the run calls each of its files, by their real paths: a finding is reported in one of them.
    The thread that it lints in ends with the context.
    """

    def __init__(
        self, settings: Settings, catalogue: Catalogue, rules: Iterable[Rule], names: Mapping[Path, str]
    ) -> None:
        self.settings = settings
        self.names = dict(names)
        rules = tuple(rules)
        self.active = frozenset(rule.code for rule in rules)
        needed = self.active.union(*(rule.yields_to for rule in rules))
        self.rules = tuple(r for r in catalogue if (r.code in needed or r.name in needed) and not r.of_files)
        self.measures = settings.measuring is not Measuring.OFF
        self.loader = SourceLoader(self.names)
        self._linted = 0
        self._deep_stack = DeepStack()
        make_old()

    def __enter__(self) -> Linter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._deep_stack.__exit__(*error)

    def lint(self, found: Found, data: bytes | None = None) -> FileResult:
        """Everything there is to say about a file; `data` is its content where it is not to be read from disk."""
        self._linted += 1
        if self._linted % _FILES_BETWEEN_LOOKS == 0:
            self.loader.release(MAXIMUM_HELD_BYTES)
        self.loader.forget()
        try:
            source = self._source(found, data)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return FileResult(found.name, failures=(Failure(f"{found.name}: {reason}"),))
        if not source.may_matter:
            return replace(_glance(source, found.named), dependencies=self._dependencies())
        guard = Guard(found.name)
        with _collecting_afterwards():
            result = guard(self._deep_stack, lambda: self._lint(source, guard))
        self.loader.done(found.path)
        result = result or FileResult(found.name)
        return replace(result, failures=tuple(guard.failures), dependencies=self._dependencies())

    def _dependencies(self) -> Dependencies | None:
        """What the result of a file rests on, in a run that keeps its results."""
        if not self.settings.cache:
            return None
        self.loader.note_packages()
        loaded, found = self.loader.loaded, self.loader.found
        return Dependencies(
            tuple((path, "" if source is None else source.digest) for path, source in loaded.items()),
            tuple((*key, path) for key, path in found.items()),
        )

    def _source(self, found: Found, data: bytes | None) -> SourceFile:
        """The file with its tree, if another file that imports it has had it parsed already."""
        held = self.loader.load(found.path) if data is None else None
        if held is not None:
            return held
        source = SourceFile(found.path.read_bytes() if data is None else data, found.name, found.path)
        self.loader.add(source)
        return source

    def _lint(self, source: SourceFile, guard: Guard) -> FileResult:
        try:
            source.module  # noqa: B018 - parses, and raises if that fails
        except SourceError as error:
            return FileResult(source.name, unreadable=_unreadable(source, error), suppressions=_suppressions(source))
        if not self.rules:
            return FileResult(source.name, suppressions=_suppressions(source))
        with self._evaluator() as evaluator:
            evaluation = guard(evaluator.evaluate, source)
            if evaluation is None:
                return FileResult(source.name, suppressions=_suppressions(source))
            found = tuple(self._findings(source, evaluation, guard))
        return FileResult(
            source.name,
            findings=tuple(finding for finding, _ in found),
            questions=tuple(questions for _, questions in found) if self.measures else (),
            suppressions=_suppressions(source),
            networks=len(evaluation.networks),
            unresolved=len(evaluation.unresolved),
            notes=tuple(f"{source.name}: {note}" for note in evaluation.notes),
        )

    @contextmanager
    def _evaluator(self) -> Iterator[Evaluator]:
        """What evaluates a file as if it were alone: the others, their order and how many at once change nothing.

        What it shares with them is the reading and parsing of what they import.
        """
        from gradlint.evaluation.driver import Evaluator  # loaded once there is a file that matters

        evaluator = Evaluator(self.loader)
        try:
            yield evaluator
        finally:
            evaluator.close()

    def _findings(
        self, source: SourceFile, evaluation: Evaluation, guard: Guard
    ) -> Iterator[tuple[Finding, tuple[Question, ...]]]:
        """The findings of a file, each with what can be asked of PyTorch where the run measures."""
        by_network: dict[int, list[_Raised]] = {}
        raised = list(self._check(source, evaluation, guard))
        for item in raised:
            for network in item.networks:
                by_network.setdefault(id(network), []).append(item)
        minimum = self.settings.min_confidence.rank
        for item in raised:
            others = (other for network in item.networks for other in by_network[id(network)])
            if item.rule.code in self.active and not any(item.yields_to(other, minimum) for other in others):
                finding = guard(self._finding, item, source)
                if finding is not None:
                    yield finding, (guard(_questions, item) or ()) if self.measures else ()

    @cached_property
    def bounds(self) -> Bounds:
        """Between which ratios a gradient is healthy."""
        from gradlint.propagation import Settings as Bounds

        return Bounds(vanishing=self.settings.vanishing, exploding=self.settings.exploding)

    def _check(self, source: SourceFile, evaluation: Evaluation, guard: Guard) -> Iterator[_Raised]:
        """Everything that the rules have to say about the networks and training loops of a file."""
        subjects: dict[int, NetworkSubject] = {}
        for network in (*evaluation.networks, *(network for loop in evaluation.loops for network in loop.networks)):
            loops = [loop for loop in evaluation.loops if network in loop.networks]
            subjects.setdefault(id(network), NetworkSubject(network, self.bounds, loops))
        for rule in self.rules:
            if check := rule.checks.network:
                for network in evaluation.networks:
                    for problem in guard.problems(check, subjects[id(network)]):
                        yield _Raised(rule, _judged(problem, rule, (network,)), (network,), subjects[id(network)])
            if training_check := rule.checks.training:
                for loop in evaluation.loops:
                    members = tuple(subjects[id(network)] for network in loop.networks)
                    loop_subject = TrainingSubject(loop, members, self.bounds)
                    for problem in guard.problems(training_check, loop_subject):
                        yield _Raised(rule, _judged(problem, rule, loop.networks), tuple(loop.networks))

    def _finding(self, item: _Raised, source: SourceFile) -> Finding:
        place, inner = self._place(item.problem.where, source)
        asides = (Related(_span(aside.where), aside.message) for aside in item.problem.related)
        finding = finding_of(item.rule, item.problem, place, (*inner, *asides))
        if item.subject is None or item.problem.evidence.predicted_log10 is None:
            return finding
        return replace(finding, flow=gradient_flow(item.subject, item.problem.where))

    def _place(self, where: Place, source: SourceFile) -> tuple[Span, tuple[Related, ...]]:
        """Where to report: the innermost place of the chain of calls in a file of this run, and where it leads."""
        if isinstance(where, Span):
            return where, ()
        for origin in where.chain():
            path: Path | None = getattr(origin.source, "path", None)
            if origin.source is source or (path is not None and Path(os.path.realpath(path)) in self.names):
                inner = () if origin is where else (Related(where.span, "this is what it builds"),)
                return origin.span, inner
        return where.span, ()


def _judged(problem: Problem, rule: Rule, networks: Iterable[Network]) -> Problem:
    """A problem, less sure where the defaults of some configuration, which nobody may use, are all that it is of."""
    confidence = problem.confidence or rule.confidence
    if confidence is Confidence.HIGH and any(network.configuration_assumed for network in networks):
        return replace(problem, confidence=Confidence.MEDIUM)
    return problem


def _questions(item: _Raised) -> tuple[Question, ...]:
    from gradlint.probe import questions  # only in a run that measures

    return questions(item.networks, item.problem.claims)


@contextmanager
def _collecting_afterwards() -> Iterator[None]:
    """Keep the cyclic garbage collector off while a file is linted; it looks at what was made then, if that is much.

    On its own it would walk all trees and graphs again and again.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MAXIMUM_UNCOLLECTED:
            gc.collect(0)
        if enabled:
            gc.enable()


def _glance(source: SourceFile, named: bool) -> FileResult:
    """A file that names no framework; whether it is Python at all is looked at only if it was named."""
    error: SourceError | None = None
    if named:
        try:
            error = syntax_error(source.text)
        except SourceError as undecodable:
            error = undecodable
    unreadable = None if error is None else _unreadable(source, error)
    return FileResult(source.name, unreadable=unreadable, suppressions=_suppressions(source), relevant=False)


def _unreadable(source: SourceFile, error: SourceError) -> Unreadable:
    span = Span(source.name, error.line, error.column, error.line, error.column + 1, error.cell)
    return Unreadable(error.reason, span)


def _suppressions(source: SourceFile) -> tuple[PlacedSuppression, ...]:
    placed = []
    for entry in source.suppressions.entries:
        span = source.span_at(entry.line, entry.column, entry.line, entry.end_column)
        shift = span.line - entry.line
        placed.append(
            PlacedSuppression(
                written=entry.scope.value,
                span=span,
                rules=entry.rules,
                first_line=entry.first_line + shift,
                last_line=entry.last_line + shift,
                whole_file=entry.scope is Scope.FILE,
                misplaced=entry.misplaced,
            )
        )
    return tuple(placed)


def _span(where: Place) -> Span:
    return where.span if isinstance(where, Origin) else where
