"""What is remembered while a file is evaluated: objects made, events of training, knowledge lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gradlint.evaluation.values import Class, Function, Instance, Unknown
from gradlint.network import Event, Shape


@dataclass(slots=True, eq=False)
class Created:
    """A layer or model that was made: how deep in uncertain loops, and the syntax of the call.

    `nested` marks one that was made while another layer of the source was being initialized: a part of that one.
    """

    instance: Instance
    uncertain: int
    call: Any
    nested: bool = False


@dataclass(slots=True, eq=False)
class Record:
    """Everything noted for one file, in order.

    `functions` and `classes` are those that its source defines outside other functions. `forwards` maps the
    identity of a layer to the shapes and dtypes that the program itself first calls it with, by position or name.
    """

    created: list[Created] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    unknowns: list[Unknown] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    forwards: dict[int, dict[int | str, tuple[Shape | None, str]]] = field(default_factory=dict)
