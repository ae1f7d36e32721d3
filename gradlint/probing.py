"""The stage between linting and the report: findings are measured, and say what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from gradlint.config import Measuring, Settings
from gradlint.findings import Evidence, Finding, Severity, Status
from gradlint.probe import Probe, ProbeSettings, ProbeUnavailable, Question
from gradlint.probe.building import callee
from gradlint.probe.settings import DEVICES

Questions = tuple[Question, ...]
Progress = Callable[[str], None]
"""Is told in a few words what is being done, each time that changes."""

GIB = 1 << 30
NOTHING = "it claims nothing that can be measured"
_OPENING = "There is nothing to measure: "
"""How a page begins to say why its rule is never measured."""


class Prober:
    """Measures the findings of one run, in one child process. Use it as a context manager.

    Raises:
        ProbeUnavailable: PyTorch is not installed, or does not find the device.
    """

    def __init__(self, settings: Settings, progress: Progress | None = None) -> None:
        self.calls = settings.calls
        self.progress = progress
        self.probe = Probe(probe_settings(settings))

    def __enter__(self) -> Self:
        if self.probe.settings.device != "cpu" and self.progress is not None:
            self.progress("starting PyTorch")
        self.probe.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.probe.close()

    def expect(self, asked: Iterable[Questions]) -> None:
        """Start the child process in the background if any of these can be measured."""
        if any(not question.obstacle for questions in asked for question in questions):
            self.probe.warm()

    def measured(
        self, findings: Sequence[Finding], asked: Mapping[Finding, Questions], pages: Mapping[str, str]
    ) -> tuple[tuple[Finding, ...], str | None]:
        """The findings with their evidence, and why PyTorch cannot be used at all, if so.

        `asked` holds the questions of the findings that speak of networks; others are left as they are. `pages` is
        what the pages of the rules, by their codes, say of the probe.
        """
        calls = called(self.calls, {question.network.name for questions in asked.values() for question in questions})
        unavailable: str | None = None
        found: list[Finding] = []
        for number, finding in enumerate(findings, 1):
            questions = asked.get(finding)
            evidence = Evidence(reason=unavailable or nothing_to_measure(pages.get(finding.code, "")))
            if questions and unavailable is None:
                if self.progress is not None:
                    self.progress(f"measuring {questions[0].network.name} ({number} of {len(findings)})")
                try:
                    evidence = self.probe.answer(*(_with_call(question, calls) for question in questions))
                except ProbeUnavailable as error:
                    unavailable = str(error)
                    evidence = Evidence(reason=unavailable)
            found.append(finding if questions is None else with_evidence(finding, evidence))
        return tuple(found), unavailable


def probe_settings(settings: Settings) -> ProbeSettings:
    """What the settings of a run say to the probe."""
    return ProbeSettings(
        seeds=settings.probe_seeds,
        steps=settings.probe_steps,
        device=next(device for device in DEVICES if device == settings.probe_device),
        time_limit=settings.probe_time_limit,
        memory_limit=int(settings.probe_memory_limit * GIB),
        live=settings.measuring is Measuring.LIVE,
    )


def with_evidence(finding: Finding, evidence: Evidence) -> Finding:
    """The finding as measuring left it: one that was refuted is a note, since the mistake is gradlint's."""
    predicted = finding.evidence.predicted_log10
    if predicted is not None:
        evidence = replace(evidence, predicted_log10=predicted)
    refuted = evidence.status is Status.REFUTED
    return replace(finding, evidence=evidence, severity=Severity.NOTE if refuted else finding.severity)


def nothing_to_measure(page: str) -> str:
    """Why a finding that asks nothing is not measured, in the words of its rule's page where that says so."""
    sentence = " ".join(page.split("\n\n")[0].split())
    return sentence.removeprefix(_OPENING).rstrip(".") if sentence.startswith(_OPENING) else NOTHING


def called(calls: Iterable[str], names: Collection[str]) -> Mapping[str, str]:
    """Which call builds the network of which name: "Net(depth=20)" those named `Net`.

    One call whose own name is that of no network builds the one network that no other call builds, if there is one.
    """
    by_name = {callee(call): call for call in calls}
    found = {name: call for name, call in by_name.items() if name in names}
    spare = [call for name, call in by_name.items() if name not in names]
    rest = [name for name in names if name not in found]
    return found | {rest[0]: spare[0]} if len(spare) == len(rest) == 1 else found


def _with_call(question: Question, calls: Mapping[str, str]) -> Question:
    call = calls.get(question.network.name)
    if call is None:
        return question
    files = dict.fromkeys(file for file, _ in question.builds)
    return replace(question, builds=tuple((file, call) for file in files))
