"""Evaluates one file: its top level, the functions and classes that nothing uses, then every network it builds."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import libcst as cst

from gradlint.evaluation.attempts import Attempts
from gradlint.evaluation.classes import is_layer_class
from gradlint.evaluation.errors import OWN_ERRORS, BudgetExceeded, CallError, Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.inputs import InputShape
from gradlint.evaluation.interpreter import Interpreter
from gradlint.evaluation.limits import Budget, Limits
from gradlint.evaluation.networks import build, roots
from gradlint.evaluation.records import Created, Record
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.training import training_loops
from gradlint.evaluation.values import Instance, ModuleValue, Unknown
from gradlint.network import Network, TrainingLoop, Unresolved
from gradlint.sources import SourceFile, SourceLoader

_RENEWED = 4
"""What part of the limits drawing up networks may cost, in a file that exceeded them."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What evaluating a file gave.

    `unresolved` lists where knowledge was lost, most costly first; `notes` what a limit cut short;
    `followed` the project files that imports led to.
    """

    networks: tuple[Network, ...] = ()
    loops: tuple[TrainingLoop, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    notes: tuple[str, ...] = ()
    followed: frozenset[Path] = frozenset()


class Evaluator:
    """Evaluates the files of one run; modules that several of them import are evaluated once."""

    def __init__(self, loader: SourceLoader, limits: Limits | None = None) -> None:
        self.modules = ModuleCache(loader)
        self.limits = limits or Limits()
        self.interpreter = Interpreter(self.modules, self.limits)

    def evaluate(self, source: SourceFile, call: str | None = None) -> Evaluation:
        """The networks and training loops of `source`; with `call`, only the network that this expression builds.

        Raises:
            SourceError: the file cannot be decoded or parsed.
            CallError: `call` cannot be evaluated.
        """
        interpreter = self.interpreter
        interpreter.begin(self.limits)
        source.module  # noqa: B018 - parses, and raises if that fails
        notes: list[str] = []
        if call is not None:
            found: list[Evaluation] = []
            self._within_limits(lambda: found.append(self._evaluate_call(source, call)), notes)
            return found[0] if found else Evaluation(notes=tuple(notes))
        whole = self._within_limits(lambda: self._run(source), notes)
        record = self._record(source)
        networks: list[tuple[Instance, Network]] = []
        if not whole:
            self._renew()
        self._within_limits(lambda: self._draw_up(source, record, networks), notes)
        notes.extend(f"evaluation was cut short: {what}" for what in sorted(interpreter.cut))
        loops = training_loops(record.events, tuple(networks))
        if not whole:  # what comes after the cut may change everything
            for loop in loops:
                loop.complete = False
            for _, network in networks:
                network.complete = False
        return Evaluation(
            tuple(network for _, network in networks),
            loops,
            _unresolved(record),
            tuple(notes),
            self.modules.followed,
        )

    def close(self) -> None:
        """Let go of everything that was evaluated, once nothing more is asked of the networks that came of it."""
        self.modules.close()
        self.interpreter.begin()
        self.interpreter.record = Record()

    def _within_limits(self, action: Callable[[], None], notes: list[str]) -> bool:
        """Whether `action` comes to its end within the limits; a note says why if it does not."""
        try:
            action()
        except BudgetExceeded as error:
            notes.append(f"evaluation was cut short: {error}")
        except RecursionError:
            notes.append("evaluation was cut short: too deeply nested")
        else:
            return True
        finally:
            self.interpreter.frames.clear()
        return False

    def _run(self, source: SourceFile) -> None:
        """Run a file as its own program would, and then what nothing in it calls."""
        self._module(source)
        self.interpreter.record = record = self._record(source)
        self.interpreter.frames.append(Frame(source, None, None))
        attempts = Attempts(self.interpreter, record)
        attempts.use_functions()
        attempts.use_classes()
        attempts.use_trainees()

    def _renew(self) -> None:
        """Go on after the limits were exceeded, with smaller ones: what was made so far is drawn up all the same."""
        limits = self.limits
        self.interpreter.budget = Budget(
            replace(limits, steps=limits.steps // _RENEWED, seconds=limits.seconds / _RENEWED)
        )
        self.interpreter.trails.clear()
        self.interpreter.training = self.interpreter.gradients = True
        self.interpreter.layer_calls = self.interpreter.uncertain = self.interpreter.constructing = 0

    def _draw_up(self, source: SourceFile, record: Record, networks: list[tuple[Instance, Network]]) -> None:
        interpreter = self.interpreter
        interpreter.record = record
        interpreter.frames.append(Frame(source, None, None))
        self._build(record, roots(record.created), networks)
        start = len(record.created)
        Attempts(interpreter, record).use_idle_classes()
        self._build(record, roots(record.created[start:]), networks)

    def _build(self, record: Record, items: list[Created], networks: list[tuple[Instance, Network]]) -> None:
        for item in items[: self.limits.networks - len(networks)]:
            try:
                network = build(self.interpreter, item, shapes=self._shapes(record, item))
            except OWN_ERRORS as error:
                self.interpreter.failed(error)
            else:
                networks.append((item.instance, network))

    def _module(self, source: SourceFile) -> ModuleValue:
        dotted = _dotted_name(source, self.modules.loader)
        if source.path is None:
            return self.modules.run(self.interpreter, source, dotted, None)
        module = self.modules.module(self.interpreter, source.path, dotted, main=True)
        assert module is not None
        return module

    def _record(self, source: SourceFile) -> Record:
        key = source.path if source.path is not None else Path(source.name)
        return self.modules.records.get(key) or Record()

    def _shapes(self, record: Record, item: Created) -> dict[int | str, InputShape] | None:
        known = record.forwards.get(id(item.instance))
        return {key: InputShape(*shape, guessed=False) for key, shape in known.items()} if known else None

    def _evaluate_call(self, source: SourceFile, call: str) -> Evaluation:
        interpreter = self.interpreter
        module = self._module(source)
        interpreter.record = record = Record()
        try:
            syntax = cst.parse_expression(call)
        except cst.ParserSyntaxError as error:
            raise CallError(f"{call!r} is not an expression: {error.message}") from None
        interpreter.frames.append(Frame(source, None, None))
        interpreter.frame.syntax = source.module
        try:
            value = interpreter.evaluate(syntax, Scope(source, module.scope))
        except Raised as error:
            raise CallError(f"{call} would fail: {error}") from None
        if isinstance(value, Unknown):
            raise CallError(f"{call} cannot be evaluated: {value.reason}")
        if not isinstance(value, Instance) or not is_layer_class(value.cls):
            raise CallError(f"{call} is not a network")
        shapes = self._shapes(record, Created(value, 0, None))
        network = build(interpreter, Created(value, 0, syntax), call, shapes)
        return Evaluation((network,), (), _unresolved(record), tuple(sorted(interpreter.cut)), self.modules.followed)


def _unresolved(record: Record) -> tuple[Unresolved, ...]:
    costs: dict[tuple[str, int], Unresolved] = {}
    for unknown in record.unknowns:
        key = (unknown.reason, id(unknown.origin.syntax) if unknown.origin is not None else 0)
        cost = costs[key].cost if key in costs else 0
        costs[key] = Unresolved(unknown.reason, unknown.origin, cost + unknown.cost + 1)
    return tuple(sorted(costs.values(), key=lambda item: -item.cost))


def _dotted_name(source: SourceFile, loader: SourceLoader) -> str:
    """The name that the module of a file has when it is imported; scripts run as `__main__`."""
    if source.path is None or "__main__" in source.text:
        return "__main__"
    path = source.path.absolute()
    parts = [] if path.name == "__init__.py" else [path.stem]
    return ".".join((*loader.packages_around(path), *parts)) or "__main__"


_EVALUATORS: weakref.WeakKeyDictionary[SourceLoader, Evaluator] = weakref.WeakKeyDictionary()


def evaluate(source: SourceFile, loader: SourceLoader, *, call: str | None = None) -> Evaluation:
    """The networks and training loops of `source`, as `Evaluator.evaluate` has them; one evaluator per loader."""
    evaluator = _EVALUATORS.get(loader)
    if evaluator is None:
        evaluator = _EVALUATORS[loader] = Evaluator(loader)
    return evaluator.evaluate(source, call)
