"""`for` and `while`: known loops run as often as they say, loops over something unknown run once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import tables
from gradlint.evaluation.branches import BREAK, CONTINUE
from gradlint.evaluation.carrying import Carrying
from gradlint.evaluation.compiling import Bind, Run, expression
from gradlint.evaluation.initializers import walks_layers, watched_loop
from gradlint.evaluation.iteration import is_uncertain
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.syntax import descendants
from gradlint.evaluation.targets import target
from gradlint.evaluation.values import Instance, Unknown, walk
from gradlint.frameworks.modules import all_parameters
from gradlint.network import Event, EventKind, Origin

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_MOST_OBJECTS = 8
_GRADIENTS = frozenset({"backward", "apply_gradients", "train_on_batch", "zero_grad"})
_LOOKING = frozenset({EventKind.FORWARD, EventKind.LOSS})
_TRAINING = frozenset({EventKind.BACKWARD, EventKind.STEP, EventKind.FIT})


class _Marked:
    """Frames the events that a loop adds with LOOP_START and LOOP_END, if it adds any."""

    def __init__(self, interpreter: Interpreter, syntax: Any, scope: Scope) -> None:
        frame = interpreter.frame
        self.events = interpreter.record.events
        self.start = len(self.events)
        self.created = len(interpreter.record.created)
        self.interpreter = interpreter
        self.carrying = Carrying(interpreter, scope)
        self.origin = Origin(frame.source, syntax, frame.caller)

    def trains(self) -> bool:
        """Whether what happened so far in the loop takes optimization steps: one iteration then says it all."""
        return any(event.kind in _TRAINING for event in self.events[self.start :])

    def evaluates(self) -> bool:
        """Whether a network ran so far in the loop, and only to look at what comes out: no gradient is recorded."""
        idle = not self.interpreter.gradients and not self.interpreter.layer_calls
        return idle and any(event.kind in _LOOKING for event in self.events[self.start :])

    def look_ahead(self, iterate: Callable[[], Any]) -> None:
        """Find out what the next iteration gets from this one."""
        self.carrying.look(iterate, self.events, self.start)

    def close(self, iterations: int | None) -> None:
        if len(self.events) > self.start:
            made = self.interpreter.record.created[self.created :]
            creates = any(all_parameters(item.instance) for item in made)
            details = {"iterations": iterations, "creates": creates}
            self.events.insert(self.start, Event(EventKind.LOOP_START, self.origin, details=details))
            self.events.append(Event(EventKind.LOOP_END, self.origin, details=details))


def _objects(items: list[Any]) -> bool:
    """Whether a loop runs over a few objects (optimizers, models), each of which is another story."""
    return len(items) <= _MOST_OBJECTS and any(isinstance(inner, Instance) for item in items for inner in walk(item, 1))


@dataclass(frozen=True, slots=True)
class _Items:
    """What a loop runs over. `uncertain` is true where they may be any number of others.

    `times` is how often the loop runs, None where that is not known: of what loads data, one batch stands for all.
    """

    values: list[Any]
    uncertain: bool
    times: int | None


def _items(interpreter: Interpreter, iterable: Any, optimizes: Callable[[], bool]) -> _Items:
    uncertain = is_uncertain(iterable)
    values = interpreter.iterate(iterable)
    if isinstance(iterable, range) and len(values) > _MOST_OBJECTS and optimizes():
        return _Items([Unknown("which of many iterations this is", interpreter.origin())], False, len(values))
    one_for_all = len(values) == 1 and not isinstance(iterable, range)
    return _Items(values, uncertain, None if one_for_all or uncertain else len(values))


def _optimizes(syntax: cst.For) -> bool:
    """Whether the body of a loop computes gradients itself: it runs once, and that has to stand for all times."""
    return any(
        isinstance(node, cst.Attribute) and node.attr.value in _GRADIENTS
        for node in descendants(syntax.body, but=(cst.FunctionDef, cst.ClassDef))
    )


def for_loop(syntax: cst.For) -> Run:
    """The closure of a `for` statement."""
    iterable, bind = expression(syntax.iter), target(syntax.target)
    watched = walks_layers(syntax)
    optimizes = functools.cache(partial(_optimizes, syntax))  # few loops need to know

    def run(interpreter: Interpreter, scope: Scope) -> Any:
        items = _items(interpreter, iterable(interpreter, scope), optimizes)
        if not watched:
            return _run_over(interpreter, syntax, scope, items, bind)
        return watched_loop(
            interpreter, syntax, items.values, lambda: _run_over(interpreter, syntax, scope, items, bind)
        )

    return run


def _run_over(interpreter: Interpreter, syntax: cst.For, scope: Scope, items: _Items, bind: Bind) -> Any:
    marked = _Marked(interpreter, syntax, scope)
    body = syntax.body
    budget = interpreter.budget
    long = budget.steps + tables.LARGE
    interpreter.uncertain += items.uncertain
    completed = True
    try:
        for count, item in enumerate(items.values):
            budget.step()
            if budget.steps > long:
                if tables.fill(interpreter, syntax, scope):
                    bind(interpreter, items.values[-1], scope)
                    break
                long = budget.limits.steps
            if count >= budget.limits.iterations:
                interpreter.cut_short(f"a loop of more than {count} iterations")
                break
            bind(interpreter, item, scope)
            signal = interpreter.block(body, scope)
            if signal is BREAK:
                completed = False
                break
            if signal is not None and signal is not CONTINUE:
                if items.uncertain:
                    interpreter.frame.possible_returns.append(signal.value)
                    break
                return signal
            if interpreter.frame.possible_break:
                interpreter.frame.possible_break = False
            if marked.trains() and not _objects(items.values):
                if items.times != 1:
                    marked.look_ahead(lambda: interpreter.block(syntax.body, scope))
                break
            if len(items.values) > _MOST_OBJECTS and marked.evaluates():
                break  # another batch tells no more
    finally:
        interpreter.uncertain -= items.uncertain
        marked.close(items.times)
    if completed and syntax.orelse is not None:
        return interpreter.block(syntax.orelse.body, scope)
    return None


def run_while(interpreter: Interpreter, syntax: cst.While, scope: Scope) -> Any:
    """Run a `while` statement; one whose condition is not known runs once."""
    marked = _Marked(interpreter, syntax, scope)
    count = 0
    uncertain = False
    try:
        while True:
            interpreter.budget.step()
            truth = interpreter.truth(interpreter.evaluate(syntax.test, scope))
            if truth is False or uncertain:
                break
            if count >= interpreter.budget.limits.iterations:
                interpreter.cut_short(f"a loop of more than {count} iterations")
                interpreter.uncertain_length()
                break
            count += 1
            if truth is None:
                uncertain = True
                interpreter.uncertain += 1
            signal = interpreter.block(syntax.body, scope)
            if signal is BREAK:
                return None
            if signal is not None and signal is not CONTINUE:
                return signal
            if interpreter.frame.possible_break:
                interpreter.frame.possible_break = False
                break
            if marked.trains():
                marked.look_ahead(lambda: interpreter.block(syntax.body, scope))
                break
    finally:
        interpreter.uncertain -= uncertain
        marked.close(None)
    if syntax.orelse is not None:
        return interpreter.block(syntax.orelse.body, scope)
    return None
