"""What Keras keeps between calls within one evaluation: name counters, the data format, which layer made which node."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance
from gradlint.network import Node

MADE_IN_CALL = "made_in_call"
"""Key of `Instance.hidden`: whether a layer was made in the `call` of another one, and not in its `build`."""


@dataclass(slots=True)
class KerasState:
    """The state of `keras.backend` and of the functional API.

    `owners` maps the identity of a node to the node, the outermost layer whose call emitted it, and the
    number of that call; `depth` is the number of layer calls in progress, `building` that of calls of `build`.
    """

    names: dict[str, int] = field(default_factory=dict)
    data_format: str = "channels_last"
    float_type: str = "float32"
    owners: dict[int, tuple[Node, Instance, int]] = field(default_factory=dict)
    serial: int = 0
    depth: int = 0
    building: int = 0

    def unique_name(self, stem: str) -> str:
        """`stem` the first time, then `stem_1`, `stem_2`, as Keras names layers."""
        count = self.names.get(stem, 0)
        self.names[stem] = count + 1
        return f"{stem}_{count}" if count else stem


def keras_state(ctx: Context) -> KerasState:
    """The state that belongs to this evaluation."""
    state: KerasState | None = ctx.tables.get("keras")
    if state is None:
        state = ctx.tables["keras"] = KerasState()
    return state


@functools.lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """`BatchNormalization` as `batch_normalization`, `Conv2D` as `conv2d`: Keras's automatic layer names."""
    name = name.rpartition(".")[2]
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
