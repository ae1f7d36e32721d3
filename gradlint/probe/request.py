"""What is asked of the child about one network, as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class StepRequest:
    """An optimizer's settings; `held` are the positions of the parameters that it holds, None for all trainable."""

    optimizer: str = "SGD"
    learning_rate: float = 0.01
    options: Mapping[str, Any] = field(default_factory=dict)
    held: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """How one network is to be measured.

    `seeds`, `time_limit` (seconds) and `memory_limit` (bytes) are upper limits; a very large network is drawn
    fewer times. `loss` is a name of a loss or "neutral". `bypass` is the position of an activation to leave
    out. `inputs` is "random", "zero", or "equal" for random ones that are all the same, and no dropout. `horizon`
    is over how many steps the gradients of recurrent layers are followed, 0 for not at all.
    """

    seeds: int = 5
    device: str = "cpu"
    time_limit: float = 60.0
    memory_limit: int = 4 << 30
    loss: str = "neutral"
    from_logits: bool = True
    steps: int = 0
    step: StepRequest | None = None
    inputs: str = "random"
    bypass: int | None = None
    horizon: int = 256

    def to_plain(self) -> dict[str, Any]:
        """This request as what JSON can carry."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Request:
        """The request that `to_plain` (after a trip through JSON) describes."""
        values = dict(plain)
        step = values.pop("step")
        if step is not None:
            held = step.pop("held")
            step = StepRequest(**step, held=None if held is None else tuple(held))
        return cls(**values, step=step)
