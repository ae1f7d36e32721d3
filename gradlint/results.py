"""What is known of a file after linting it, and what a run makes of all its files. Plain values that can be pickled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from gradlint.baseline import Fixed
from gradlint.catalogue import Catalogue, CatalogueError, Rule
from gradlint.config import Settings
from gradlint.findings import Finding, Related, Span, Status
from gradlint.subjects import Problem, SuppressionUse, Unreadable

if TYPE_CHECKING:
    from gradlint.probe import Question

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that gradlint could not do: a sentence for the user, and details for whoever mends it."""

    message: str
    details: str = ""


class Guard:
    """Calls functions for a file; where one fails, which is gradlint's own fault, the failure is noted.

    A mistake in one stage, rule or network must cost only what depends on it, never the other findings.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures: list[Failure] = []

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """What `function` returns, or None where it fails."""
        try:
            return function(*args, **kwargs)
        except CatalogueError:
            raise
        except Exception as error:
            import traceback  # only where something went wrong

            text = str(error).split("\n")[0]
            message = f"{self.name}: internal error: {type(error).__name__}{': ' if text else ''}{text}"
            if not any(failure.message == message for failure in self.failures):
                self.failures.append(Failure(message, traceback.format_exc(limit=-12)))
            return None

    def problems(self, check: Callable[[S], Iterable[Problem]], subject: S) -> tuple[Problem, ...]:
        """Everything that `check` has to say of `subject`, or nothing where it fails."""
        return self(lambda: tuple(check(subject))) or ()


def finding_of(rule: Rule, problem: Problem, span: Span, related: tuple[Related, ...] = ()) -> Finding:
    """A problem as it is reported: what its rule's page says, save where the problem says otherwise."""
    return Finding(
        code=rule.code,
        name=rule.name,
        severity=problem.severity or rule.severity,
        confidence=problem.confidence or rule.confidence,
        message=problem.message,
        span=span,
        label=problem.label,
        network=problem.network,
        evidence=problem.evidence,
        remedies=problem.remedies,
        related=related,
    )


@dataclass(frozen=True, slots=True)
class PlacedSuppression:
    """A suppression and its reach, in lines as findings have them. `whole_file` where every line is in reach."""

    written: str
    span: Span
    rules: tuple[str, ...]
    first_line: int
    last_line: int
    whole_file: bool = False
    misplaced: bool = False

    def reaches(self, finding: Finding) -> bool:
        """Whether `finding` starts within reach."""
        if self.misplaced:
            return False
        same_cell = finding.span.cell == self.span.cell
        return self.whole_file or (same_cell and self.first_line <= finding.span.line <= self.last_line)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the result of a file rests on, for whoever wants to know whether it still holds.

    `files` are the files that were read, itself among them, by real path, each with a digest of its content (empty
    where it could not be read). `modules` are the imports that were followed: the folder of the importing file, the
    dotted name, the number of dots before it, and the file that it led to, if to one of the project.
    """

    files: tuple[tuple[str, str], ...]
    modules: tuple[tuple[str, str, int, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file after linting: findings not yet suppressed, filtered or merged with those of other files.

    `questions` say, for each of `findings`, what measuring could confirm or refute; they are there only in a run
    that measures. `failures` say what gradlint could not do. `relevant` is false where a look at the bytes was enough.
    `dependencies` are there in a run that keeps its results.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    questions: tuple[tuple[Question, ...], ...] = ()
    unreadable: Unreadable | None = None
    suppressions: tuple[PlacedSuppression, ...] = ()
    networks: int = 0
    unresolved: int = 0
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    relevant: bool = True
    dependencies: Dependencies | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a run.

    `failures` are what gradlint could not do, `warnings` sentences on paths with nothing to do, `notes` on
    what was cut short. `names` are the files that were looked at; `hidden` are findings below the severity or
    confidence asked for. `known` counts the findings that the baseline knows, `unchanged` those on lines that did not
    change; neither are among `findings`. `fixed` is what the baseline knows and is gone.
    """

    findings: tuple[Finding, ...] = ()
    files: int = 0
    networks: int = 0
    unresolved: int = 0
    seconds: float = 0.0
    suppressed: int = 0
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    hidden: tuple[Finding, ...] = ()
    known: int = 0
    unchanged: int = 0
    fixed: tuple[Fixed, ...] = ()

    def exit_status(self, settings: Settings) -> int:
        """0 without a finding of the failing severity, 1 with one, 2 where gradlint could not do its work.

        A finding that measuring refuted is gradlint's mistake, and fails no run.
        """
        if self.failures:
            return 2
        standing = (finding for finding in self.findings if finding.evidence.status is not Status.REFUTED)
        return int(any(finding.severity.rank >= settings.fail_severity.rank for finding in standing))


def deduplicate(findings: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for each rule and place, of all networks that it is found in: the gravest, surest, worst."""
    best: dict[tuple[str, Span], Finding] = {}
    for finding in findings:
        key = (finding.code, finding.span)
        other = best.get(key)
        if other is None or _weight(finding) > _weight(other):
            best[key] = finding
    return iter(best.values())


def _weight(finding: Finding) -> tuple[int, int, float]:
    predicted = finding.evidence.predicted_log10
    return finding.severity.rank, finding.confidence.rank, abs(predicted) if predicted is not None else 0.0


class Suppressor:
    """Applies the suppressions of all files of a run and remembers which of them did something."""

    def __init__(self, results: Sequence[FileResult], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._by_file = {result.name: result.suppressions for result in results}
        self._used: dict[tuple[Span, str], list[str]] = {}
        self.count = 0

    def keep(self, finding: Finding) -> bool:
        """Whether nothing suppresses `finding`; what does is counted as used."""
        kept = True
        for suppression in self._by_file.get(finding.span.file, ()):
            if not suppression.reaches(finding) or (not suppression.rules and suppression.span == finding.span):
                continue  # that a suppression names no rule is not for itself to hide
            for rule in suppression.rules or ("",):
                if not rule or self._means(rule, finding):
                    self._used.setdefault((suppression.span, rule), []).append(finding.name)
                    kept = False
        self.count += not kept
        return kept

    def _means(self, name: str, finding: Finding) -> bool:
        rule = self._catalogue.get(name)
        return rule is not None and rule.code == finding.code

    def uses(self, result: FileResult, looked_for: Callable[[Rule], bool]) -> tuple[SuppressionUse, ...]:
        """What became of the suppressions of a file; `looked_for` says whether a rule was on for it."""
        return tuple(
            use for suppression in result.suppressions if (use := self._use(suppression, looked_for)) is not None
        )

    def _use(self, suppression: PlacedSuppression, looked_for: Callable[[Rule], bool]) -> SuppressionUse | None:
        unused, unknown, suppressed = [], [], []
        for name in suppression.rules or ("",):
            used = self._used.get((suppression.span, name), [])
            rule = self._catalogue.get(name)
            suppressed += used
            if name and rule is None:
                unknown.append(name)
            elif rule is not None and not used and looked_for(rule):
                unused.append(name)
        ours = tuple(name for name in suppression.rules if name not in unknown)
        if suppression.written == "noqa":  # other linters read these, too
            if not ours:
                return None
            unknown = []
        return SuppressionUse(
            written=suppression.written,
            span=suppression.span,
            rules=suppression.rules,
            unused=tuple(unused),
            unknown=tuple(unknown),
            misplaced=suppression.misplaced,
            suppressed=tuple(sorted(set(suppressed))),
        )
