"""The probe as the rest of gradlint uses it: claims and networks in, evidence and measurements out."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Evidence, Status
from gradlint.network import Network
from gradlint.probe.building import Build, builds
from gradlint.probe.errors import INSTALL_HINT, NotMeasurable, ProbeUnavailable
from gradlint.probe.measurement import Measurement
from gradlint.probe.network_spec import NetworkSpec, describe
from gradlint.probe.process import ChildProcess
from gradlint.probe.question import Question, ask
from gradlint.probe.request import Request, StepRequest
from gradlint.probe.settings import DEVICES, ProbeSettings
from gradlint.probe.verdict import LOGARITHMIC, horizon_steps, judge

_GRACE = 10.0
"""Seconds beyond the time limit after which the child, which watches user code itself, is given up."""
_CRASHES = 5
"""Children that may die one after another before the rest of the run is left unmeasured."""


class Probe:
    """Measures networks in one child process, started when there is first something to measure.

    Use it as a context manager; `progress` is told what is being measured. All twins and real objects of a
    run share the child. If it dies or hangs, that costs the network at hand its measurement, and the next
    one gets a new child.

    Raises:
        ProbeUnavailable: PyTorch is not installed (at once), cannot be imported, or does not find the device.
    """

    def __init__(self, settings: ProbeSettings | None = None, progress: Callable[[str], None] | None = None) -> None:
        self.settings = settings or ProbeSettings()
        self.progress = progress
        if self.settings.device not in DEVICES:
            raise ProbeUnavailable(f"no such device: {self.settings.device} (one of {', '.join(DEVICES)})")
        if importlib.util.find_spec("torch") is None:
            raise ProbeUnavailable(INSTALL_HINT)
        self._child: ChildProcess | None = None
        self._crashes = 0
        self._known: dict[str, Measurement | NotMeasurable] = {}
        self._broken: dict[str, str] = {}  # files that cannot be imported, and why

    def __enter__(self) -> Self:
        if self.settings.device != "cpu":
            self._running().wait_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> None:
        """Start the child without waiting for it: torch is imported while something else is done."""
        self._running()

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def confirm(self, network: Network, claim: Claim) -> Evidence:
        """Measure `network` and say whether `claim` holds; "not measured", with the reason, where that cannot be."""
        return self.answer(ask(network, claim))

    def answer(self, *questions: Question) -> Evidence:
        """Measure what a finding claims: refuted if one claim is, confirmed if one is and none is refuted."""
        found = [self._answer(question) for question in questions]
        for status in (Status.REFUTED, Status.CONFIRMED):
            for evidence in found:
                if evidence.status is status:
                    return evidence
        return found[0] if found else Evidence(reason="it claims nothing that can be measured")

    def measure(self, network: Network, imagined: bool = False) -> Measurement:
        """All figures of `network` at initialization (or after the steps of the settings), under a neutral loss.

        Of an `imagined` network, which no source builds, there is only a twin.

        Raises:
            NotMeasurable: it cannot be measured; the text says why.
            ProbeUnavailable: nothing can be.
        """
        spec, _ = describe(network)
        step = StepRequest() if self.settings.steps else None
        values = {"steps": self.settings.steps, "step": step}
        return self._measure(spec, None if imagined else builds(network), values)

    def _answer(self, question: Question) -> Evidence:
        try:
            if question.obstacle:
                raise NotMeasurable(question.obstacle)
            values = self._values(question)
            measurement = self._measure(question.network, question.builds, values)
            plain = None
            if question.kind is ClaimKind.ATTENUATED:
                values["bypass"] = question.layer
                plain = self._measure(question.network, question.builds, values)
            evidence = judge(question, measurement, plain)
            if evidence.status is Status.REFUTED and question.inputs == "zero":  # zeros may be stopped on the way
                values["inputs"] = "equal"
                return judge(question, self._measure(question.network, question.builds, values))
            return evidence
        except NotMeasurable as reason:
            predicted = question.predicted if question.kind in LOGARITHMIC else None
            return Evidence(predicted_log10=predicted, reason=str(reason))

    def _values(self, question: Question) -> dict[str, Any]:
        """The settings of a measurement that a question asks for."""
        steps = question.steps or self.settings.steps
        if question.kind in (ClaimKind.OVERSHOOT, ClaimKind.UNTRAINED):
            steps = steps or 1
        return {
            "loss": question.loss.function,
            "from_logits": question.loss.from_logits,
            "inputs": question.inputs,
            "steps": steps,
            "step": question.step or (StepRequest() if steps else None),
            "horizon": horizon_steps(question),
        }

    def _measure(self, spec: NetworkSpec, builds: tuple[Build, ...] | None, values: dict[str, Any]) -> Measurement:
        settings = self.settings
        limits = {"time_limit": settings.time_limit, "memory_limit": settings.memory_limit}
        request = Request(**{"seeds": settings.seeds, "device": settings.device, **limits, **values})
        live = None
        if (
            settings.live
            and builds is not None
            and not (request.steps or request.bypass is not None or request.inputs != "random")
        ):
            live = {"builds": self._possible(builds)}
        message = {"network": spec.to_plain(), "request": request.to_plain(), "live": live}
        key = json.dumps(message, sort_keys=True)
        if key not in self._known:
            self._known[key] = self._asked(spec.name, message)
        known = self._known[key]
        if isinstance(known, NotMeasurable):
            raise known
        return known

    def _possible(self, builds: tuple[Build, ...]) -> list[Build]:
        """Those of `builds` whose file is not known to defy import."""
        if not builds:
            raise NotMeasurable("it is not known which call of which file builds it")
        possible = [(file, call) for file, call in builds if file not in self._broken]
        if not possible:
            raise NotMeasurable(self._broken[builds[0][0]])
        return possible

    def _asked(self, name: str, message: dict[str, Any]) -> Measurement | NotMeasurable:
        if self._crashes >= _CRASHES:
            return NotMeasurable("the measuring process died too often before")
        if self.progress is not None:
            self.progress(name)
        child = self._running()
        try:
            reply = child.ask(message, self.settings.time_limit + (_GRACE if message["live"] else 0.0))
        except NotMeasurable as reason:
            self._crashes += 1
            return reason
        self._crashes = 0
        if reply.get("spent", False):
            self.close()
        if broken := reply.get("broken"):
            self._broken[broken] = reply["reason"]
        return Measurement.from_plain(reply["measurement"]) if reply["ok"] else NotMeasurable(reply["reason"])

    def _running(self) -> ChildProcess:
        if self._child is not None and not self._child.alive:
            self.close()
        if self._child is None:
            self._child = ChildProcess(self.settings)
        return self._child
