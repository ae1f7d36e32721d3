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
    and trained nothing. A `decorator` that costs more steps than that is taken as one that changes nothing.
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
    decorator: int = 1_000
    instances: int = 8_000


_STEPS_BETWEEN_LOOKS = 512
"""How often the clock is read."""
_SHORT = 1.0
"""Seconds on the wall that are taken as so much processor time."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """Something that may be given up: at which step it began, how many it may cost by now, and what it is."""

    start: int
    limit: Callable[[], int]
    what: str


class Budget:
    """What is left of the limits; raises `BudgetExceeded` when something is used up."""

    __slots__ = ("attempts", "deadline", "instances", "limits", "nodes", "pause", "soon", "steps")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.steps = 0
        self.pause = 0
        """Up to which step nothing needs to be looked at; `step` is written out where it matters for speed."""
        self.attempts: list[Attempt] = []
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
        for attempt in self.attempts:
            limit = attempt.limit()
            if self.steps - attempt.start > limit:
                raise AttemptExceeded(f"more than {limit} steps for {attempt.what}", attempt)
        self.pause = min(self.steps + _STEPS_BETWEEN_LOOKS, self.limits.steps)

    def _look_at_clock(self) -> None:
        used = time.thread_time()
        if self.deadline is None:
            self.deadline = used + max(self.limits.seconds - _SHORT, 0.0)
        elif used > self.deadline:
            raise BudgetExceeded(f"more than {self.limits.seconds:g} s")

    @contextmanager
    def trying(self, limit: Callable[[], int], what: str) -> Iterator[Attempt]:
        """Bound what happens meanwhile: it may cost as many steps as `limit` says when it is asked.

        Raises:
            AttemptExceeded: it costs more.
        """
        attempt = Attempt(self.steps, limit, what)
        self.attempts.append(attempt)
        try:
            yield attempt
        finally:
            self.attempts.remove(attempt)

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
