"""The probe as the rest of gradlint uses it: claims and networks in, evidence and measurements out."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Evidence
from gradlint.network import Network, Parameter
from gradlint.probe.errors import INSTALL_HINT, NotMeasurable, ProbeUnavailable
from gradlint.probe.measurement import Measurement
from gradlint.probe.network_spec import Index, describe
from gradlint.probe.process import ChildProcess
from gradlint.probe.request import Request, StepRequest
from gradlint.probe.settings import DEVICES, ProbeSettings
from gradlint.probe.verdict import LOGARITHMIC, evidence

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
        predicted = claim.predicted if claim.kind in LOGARITHMIC else None
        try:
            request, extra = self._request(network, claim)
            measurement, index = self._measure(network, request, extra)
            plain = None
            if claim.kind is ClaimKind.ATTENUATED:
                position = index.node(claim.layer)
                if position is None:
                    raise NotMeasurable("the activation is no part of the network that was measured")
                plain, _ = self._measure(network, request | {"bypass": position}, extra)
            return evidence(claim, index, measurement, plain)
        except NotMeasurable as reason:
            return Evidence(predicted_log10=predicted, reason=str(reason))

    def measure(self, network: Network) -> Measurement:
        """All figures of `network` at initialization, under a neutral loss.

        Raises:
            NotMeasurable: it cannot be measured; the text says why.
        """
        return self._measure(network, {}, ())[0]

    def _request(self, network: Network, claim: Claim) -> tuple[dict[str, Any], tuple[Parameter, ...]]:
        """The settings that a claim asks for, and the parameters that it speaks of."""
        step = claim.step
        values: dict[str, Any] = {
            "loss": claim.loss.function,
            "from_logits": claim.loss.from_logits,
            "inputs": claim.inputs,
            "steps": claim.steps or self.settings.steps,
            "horizon": claim.kind is ClaimKind.SHORT_HORIZON,
        }
        if claim.kind in (ClaimKind.OVERSHOOT, ClaimKind.UNTRAINED) and not claim.steps:
            values["steps"] = 1
        extra = claim.parameters
        if step is not None:
            extra += step.parameters or ()
            index = describe(network, extra)[1]
            held = None if step.parameters is None else tuple(index.parameters[id(p)] for p in step.parameters)
            options = {key: value for key, value in step.options.items() if isinstance(value, (int, float, str, tuple))}
            values["step"] = StepRequest(step.optimizer, step.learning_rate, options, held)
        elif values["steps"]:
            values["step"] = StepRequest()
        return values, extra

    def _measure(
        self, network: Network, values: dict[str, Any], extra: tuple[Parameter, ...]
    ) -> tuple[Measurement, Index]:
        settings = self.settings
        spec, index = describe(network, extra)
        request = Request(
            **{
                "seeds": settings.seeds,
                "device": settings.device,
                "time_limit": settings.time_limit,
                "memory_limit": settings.memory_limit,
                **values,
            }
        )
        message: dict[str, Any] = {"network": spec.to_plain(), "request": request.to_plain(), "live": None}
        if settings.live and not (request.steps or request.bypass is not None or request.inputs != "random"):
            message["live"] = _live(network)
        key = json.dumps(message, sort_keys=True)
        if key not in self._known:
            self._known[key] = self._asked(network, message)
        known = self._known[key]
        if isinstance(known, NotMeasurable):
            raise known
        return known, index

    def _asked(self, network: Network, message: dict[str, Any]) -> Measurement | NotMeasurable:
        if self._crashes >= _CRASHES:
            return NotMeasurable("the measuring process died too often before")
        if self.progress is not None:
            self.progress(network.name)
        child = self._running()
        try:
            reply = child.ask(message, self.settings.time_limit + (_GRACE if message["live"] else 0.0))
        except NotMeasurable as reason:
            self._crashes += 1
            return reason
        self._crashes = 0
        if reply.get("spent", False):
            self.close()
        return Measurement.from_plain(reply["measurement"]) if reply["ok"] else NotMeasurable(reply["reason"])

    def _running(self) -> ChildProcess:
        if self._child is not None and not self._child.alive:
            self.close()
        if self._child is None:
            self._child = ChildProcess(self.settings)
        return self._child


def _live(network: Network) -> dict[str, str]:
    """Which file and which call build the real object."""
    if network.origin is None or not network.call:
        raise NotMeasurable("it is not known which call of which file builds it")
    return {"file": str(network.origin.source.name), "call": network.call}
