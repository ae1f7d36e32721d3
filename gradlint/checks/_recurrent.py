"""Recurrent layers whose gradient does not reach back to where the sequence begins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.findings import Remedy
from gradlint.network import Kind, Network, Node, topological
from gradlint.subjects import NetworkSubject

FAR = 3.0
"""Horizons in a sequence from which on its beginning is lost: 1 % of 1 % of 1 % is left."""
_PASSING = frozenset({Kind.DROPOUT, Kind.NORMALIZATION, Kind.RECURRENT, Kind.ACTIVATION})


@dataclass(frozen=True, slots=True)
class Reach:
    """How far back the gradient of a recurrent layer goes.

    `horizon` is the number of steps until 1 % is left, `length` that of the sequence (None where nothing in the
    source gives it), `last_only` whether only the last step of the output is used.
    """

    node: Node
    horizon: float
    length: int | None
    last_only: bool

    @property
    def left(self) -> str:
        """What is left of the gradient at the first step, as a power of ten."""
        return f"1e{-2 * (self.length or 0) / self.horizon:.0f}"


def reaches(subject: NetworkSubject, *cells: str) -> Iterator[Reach]:
    """The recurrent layers of these kinds that are trained from their initialization, each with its horizon."""
    network = subject.network
    if network.pretrained or not any(node.get("cell") in cells for node in network.nodes):
        return
    for horizon in subject.profile.horizons:
        node = horizon.node
        if node.get("cell") in cells and math.isfinite(horizon.steps) and horizon.steps >= 1:
            length = horizon.length if _length_known(node) else None
            yield Reach(node, horizon.steps, length, _last_step_only(network, node))


def _length_known(node: Node) -> bool:
    inputs = [source for source in topological((node,)) if source.kind is Kind.INPUT]
    return bool(inputs) and not any(source.get("guessed") or source.get("assumed") for source in inputs)


def _last_step_only(network: Network, node: Node) -> bool:
    """Whether what comes after a recurrent layer sees only the last step: no pooling, attention or loss per step."""
    if node.get("return_sequences") is False:
        return True
    users = [user for user in network.nodes if any(source is node for source in user.inputs)]
    return bool(users) and all(_takes_last(network, user, node.get("time_axis")) for user in users)


def _takes_last(network: Network, user: Node, time_axis: int | None) -> bool:
    if user.kind is Kind.RESHAPE and user.get("operation") == "slice" and user.get("axis") == time_axis:
        start, stop = user.get("start"), user.get("stop")
        return bool(user.get("last_step")) or (isinstance(start, int) and isinstance(stop, int) and stop - start == 1)
    return user.kind in _PASSING and _last_step_only(network, user)


def longer(subject: NetworkSubject, steps: float, *unwanted: str) -> tuple[Remedy, ...]:
    """Changes that bring the horizon beyond `steps`, with the horizon that each reaches."""
    from gradlint.propagation import horizon_remedies  # only where there is something to mend

    return tuple(
        Remedy(f"{result.text}: {_horizon(result.horizon)}")
        for result in horizon_remedies(subject.network, steps, subject.bounds)
        if not set(unwanted) & set(result.names)
    )


def _horizon(steps: float | None) -> str:
    if steps is None or not math.isfinite(steps):
        return "no horizon in sight"
    return f"a horizon of {steps:.0f} steps"
