"""Training loops: the ordered record of what a loop does with gradients."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradlint.network.graph import Framework, Network, Node
from gradlint.network.origin import Origin
from gradlint.network.parameters import Parameter


class EventKind(enum.StrEnum):
    """What happens at one point of a training loop."""

    ZERO_GRAD = "zero_grad"
    FORWARD = "forward"
    LOSS = "loss"
    BACKWARD = "backward"
    UNSCALE = "unscale"
    CLIP = "clip"
    STEP = "step"
    UPDATE_SCALER = "update_scaler"
    SCHEDULE = "schedule"
    LOOP_START = "loop_start"
    LOOP_END = "loop_end"
    COMPILE = "compile"
    FIT = "fit"
    ESCAPE = "escape"


@dataclass(slots=True, eq=False)
class Optimizer:
    """An optimizer as it was built.

    `name` is the framework's class name ("SGD", "Adam", "RMSprop"). `parameters` is None when it is not
    known which ones it holds. `clipping` is how it clips by itself ("clipnorm", "global_clipnorm",
    "clipvalue", ...) or empty. `shared` is true when code that is not analysed got hold of it (a scheduler of
    another library, say). Numbers that are not known are None.
    """

    name: str
    learning_rate: float | None = None
    parameters: tuple[Parameter, ...] | None = None
    clipping: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One thing that happens, in order.

    `node` is the tensor concerned (the loss that is backpropagated, the output of a forward pass).
    `conditional` is true when it happens under a condition that is not known (gradient accumulation).
    ESCAPE means that a network, an optimizer or parameters were handed to code that is not analysed, which may do
    anything with them. `details` holds what is special to a kind (None stands for what is not known):

    - BACKWARD: `scaled`, `retain_graph`, `accumulates` (false where gradients are new ones, as those of a tape),
      `carried`, a node of the iteration before that the gradient goes back to; `half`, whether weights are in float16.
    - CLIP: `method` ("norm", "value", "manual"), `limit`, `parameters`.
    - ZERO_GRAD: `parameters`.
    - STEP: `scaled`, `learning_rate` (at that time), `unclipped` (the gradients are those from before clipping).
    - FORWARD: `grad` (false under no_grad), `autocast` (the dtype of automatic mixed precision, if it is on).
    - LOSS: `autocast`.
    - SCHEDULE: `scheduler` (its class name).
    - LOOP_START, LOOP_END: `iterations`, `creates` (a network is made in each iteration).
    """

    kind: EventKind
    origin: Origin | None = None
    optimizer: Optimizer | None = None
    node: Node | None = None
    conditional: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class TrainingLoop:
    """One loop (or one call of `fit`) that trains.

    `events` are in the order in which they happen in one iteration, framed by LOOP_START and LOOP_END for
    each loop entered. `complete` means that everything between was followed, so that the absence of an
    event is known. `optimizers` and `networks` are those that take part. `objectives` are the tensors that are
    minimized; a loss that a Keras model was compiled with is a LOSS node on the model's output.
    """

    framework: Framework
    events: tuple[Event, ...]
    optimizers: tuple[Optimizer, ...] = ()
    networks: tuple[Network, ...] = ()
    origin: Origin | None = None
    complete: bool = True
    epochs: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    objectives: tuple[Node, ...] = ()

    def events_of(self, *kinds: EventKind) -> tuple[Event, ...]:
        """The events of these kinds, in order."""
        return tuple(event for event in self.events if event.kind in kinds)
