"""How much a file may cost: every number here bounds what hostile or merely huge source can make gradlint do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gradlint.evaluation.errors import AttemptExceeded, BudgetExceeded


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the evaluation of one file.

    `steps` counts statements, calls and loop iterations; `seconds` is processor time, a last resort, since what
    it cuts depends on the machine; `depth` nested calls; `nodes` graph nodes; `iterations` those of one loop;
    `items` the length of one container; `characters` of one string;
    `bits` the size of one integer; `networks` how many networks are drawn up.
    Once a file has cost `alternatives` steps, of the functions that nothing calls only those are tried that lead to
    code which has not run yet, and after `news` steps none: a library may offer dozens of builders for variants of one
    network. One that is tried is given up after `attempt` steps, or after `idle` steps in which it has made no layer
    and trained nothing.
    """

    steps: int = 120_000
    seconds: float = 10.0
    depth: int = 150
    nodes: int = 60_000
    iterations: int = 20_000
    items: int = 100_000
    characters: int = 100_000
    bits: int = 4_096
    networks: int = 400
    alternatives: int = 2_000
    news: int = 6_000
    attempt: int = 60_000
    idle: int = 8_000
    instances: int = 8_000


_STEPS_BETWEEN_LOOKS = 512
"""How often the clock is read."""
_SHORT = 1.0
"""Seconds on the wall that are taken as so much processor time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that is tried without anybody asking for it: at which step it began, and whether it is worth it."""

    start: int
    fruitful: Callable[[], bool]


class Budget:
    """What is left of the limits; raises `BudgetExceeded` when something is used up."""

    __slots__ = ("attempt", "deadline", "instances", "limits", "nodes", "pause", "soon", "steps")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = 0
        self.pause = 0
        """Up to which step nothing needs to be looked at; `step` is written out where it matters for speed."""
        self.attempt: Attempt | None = None
        self.soon = time.monotonic() + min(_SHORT, limits.seconds)
        """Until then no clock of processor time is read: some systems take long to tell it."""
        self.deadline: float | None = None
        self.nodes = 0
        self.instances = 0

    def step(self) -> None:
        """Count one step."""
        self.steps += 1
        if self.steps > self.pause:
            self.look()

    def look(self) -> None:
        """See whether there is any budget left."""
        if self.steps > self.limits.steps:
            raise BudgetExceeded(f"more than {self.limits.steps} steps")
        if time.monotonic() > self.soon:
            self._look_at_clock()
        if self.attempt is not None:
            self._look_at(self.attempt)
        self.pause = min(self.steps + _STEPS_BETWEEN_LOOKS, self.limits.steps)

    def _look_at_clock(self) -> None:
        used = time.thread_time()
        if self.deadline is None:
            self.deadline = used + max(self.limits.seconds - _SHORT, 0.0)
        elif used > self.deadline:
            raise BudgetExceeded(f"more than {self.limits.seconds:g} s")

    def _look_at(self, attempt: Attempt) -> None:
        limit = self.limits.attempt if attempt.fruitful() else self.limits.idle
        if self.steps - attempt.start > limit:
            raise AttemptExceeded(f"more than {limit} steps for a function or class that nothing uses")

    @contextmanager
    def trying(self, fruitful: Callable[[], bool]) -> Iterator[None]:
        """Bound what happens meanwhile by the limits of one attempt; `fruitful` says whether it has led to anything.

        Raises:
            AttemptExceeded: it costs more.
        """
        self.attempt = Attempt(self.steps, fruitful)
        try:
            yield
        finally:
            self.attempt = None

    def node(self) -> int:
        """Count one graph node and return its number."""
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            raise BudgetExceeded(f"more than {self.limits.nodes} operations on tensors")
        return self.nodes

    def instance(self) -> None:
        """Count one object."""
        self.instances += 1
        if self.instances > self.limits.instances:
            raise BudgetExceeded(f"more than {self.limits.instances} objects")
