"""Evaluates one file: its top level, the functions and classes that nothing uses, then every network it builds."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import libcst as cst

from gradlint.evaluation.classes import is_layer_class
from gradlint.evaluation.errors import OWN_ERRORS, AttemptExceeded, BudgetExceeded, CallError, Raised
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.inputs import InputShape
from gradlint.evaluation.interpreter import Interpreter
from gradlint.evaluation.limits import Budget, Limits
from gradlint.evaluation.networks import assumed_arguments, build, needs_arguments, roots
from gradlint.evaluation.records import Created, Record
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.training import training_loops
from gradlint.evaluation.values import Class, Function, Instance, ModuleValue, Unknown, Value
from gradlint.network import Event, Network, TrainingLoop, Unresolved
from gradlint.sources import SourceFile, SourceLoader

LIGHTNING_MODULE = "lightning.pytorch.LightningModule"
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
        self._use_functions(record)
        self._use_classes(record)
        self._use_trainees(record)

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
        for item in roots(record.created)[: self.limits.networks]:
            try:
                networks.append((item.instance, build(interpreter, item, shapes=self._shapes(record, item))))
            except OWN_ERRORS as error:
                interpreter.failed(error)

    def _module(self, source: SourceFile) -> ModuleValue:
        dotted = _dotted_name(source)
        if source.path is None:
            return self.modules.run(self.interpreter, source, dotted, None)
        module = self.modules.module(self.interpreter, source.path, dotted, main=True)
        assert module is not None
        return module

    def _record(self, source: SourceFile) -> Record:
        key = source.path if source.path is not None else Path(source.name)
        return self.modules.records.get(key) or Record()

    def _shapes(self, record: Record, item: Created) -> list[InputShape] | None:
        known = record.forwards.get(id(item.instance))
        return [InputShape(*known[0], guessed=False)] if known else None

    def _use_functions(self, record: Record) -> None:
        """Call the functions that nothing calls, with their defaults and assumed or unknown arguments.

        What a function made on assumptions is forgotten if another one turns out to call it with arguments.
        """
        used: list[tuple[Function, list[Created], list[Event]]] = []
        # Those that need no arguments first: what they call need not be tried on assumptions.
        for function in sorted(record.functions, key=lambda function: needs_arguments(function)):
            if "__called__" not in function.attributes:
                if self.interpreter.budget.steps > self.limits.alternatives:
                    self.interpreter.cut_short("functions that nothing calls, after several others")
                    break
                created, events = len(record.created), len(record.events)
                self._attempt(partial(self._use_function, function))
                function.attributes.pop("__called__", None)
                used.append((function, record.created[created:], record.events[events:]))
        outdated = [found for found in used if "__called__" in found[0].attributes]
        objects = {id(item) for _, created, _ in outdated for item in created}
        happenings = {id(event) for _, _, events in outdated for event in events}
        record.created[:] = [item for item in record.created if id(item) not in objects]
        record.events[:] = [event for event in record.events if id(event) not in happenings]

    def _use_function(self, function: Function) -> None:
        before = len(self.interpreter.record.created)
        self.interpreter.frame.syntax = function.syntax
        arguments, assumptions = assumed_arguments(self.interpreter, function, 0)
        try:
            self.interpreter.call(function, **arguments)
        finally:
            for item in self.interpreter.record.created[before:]:
                item.instance.hidden.setdefault("assumptions", assumptions)

    def _use_classes(self, record: Record) -> None:
        """Instantiate the layers and models that nothing instantiates, with their defaults and assumed arguments."""
        classes = [cls for cls in record.classes if is_layer_class(cls)]
        used_as_base = {id(base) for cls in classes for base in cls.mro[1:]}
        for cls in classes:
            if "__instantiated__" in cls.namespace:
                continue
            if id(cls) in used_as_base and not (cls.namespace.keys() & {"forward", "call"}):
                continue
            self._attempt(partial(self._use_class, cls))

    def _use_class(self, cls: Class) -> None:
        interpreter = self.interpreter
        interpreter.frame.syntax = cls.syntax
        initializer = cls.find("__init__")
        before = len(interpreter.record.created)
        arguments: dict[str, Value] = {}
        assumptions: list[str] = []
        if isinstance(initializer, Function):
            arguments, assumptions = assumed_arguments(interpreter, initializer, 1)
        interpreter.instantiate(cls, **arguments)
        for item in interpreter.record.created[before:]:
            item.instance.hidden.setdefault("assumptions", assumptions)

    def _use_trainees(self, record: Record) -> None:
        """Train the Lightning modules that no trainer of the file trains, one step each."""
        trainees = [item.instance for item in record.created if item.instance.cls.derives_from(LIGHTNING_MODULE)]
        if trainees:
            from gradlint.frameworks.lightning_trainer import rehearse

            for module in trainees:
                self._attempt(partial(rehearse, self.interpreter, module))

    def _attempt(self, action: Callable[[], object]) -> None:
        """Do something that the source itself does not; what costs too much leaves nothing behind."""
        interpreter = self.interpreter
        depth, record = len(interpreter.frames), interpreter.record
        created, events = len(record.created), len(record.events)
        try:
            with interpreter.budget.trying(lambda: len(record.created) > created or len(record.events) > events):
                action()
        except AttemptExceeded as error:
            interpreter.cut_short(str(error))
            del record.created[created:], record.events[events:]
        except OWN_ERRORS as error:
            self.interpreter.failed(error)
        except Raised as error:
            self.interpreter.unknown(f"the program would stop here: {error}")
        finally:
            del self.interpreter.frames[depth:]
            self.interpreter.trails.clear()
            self.interpreter.layer_calls = self.interpreter.uncertain = 0
            self.interpreter.training = self.interpreter.gradients = True

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


def _dotted_name(source: SourceFile) -> str:
    """The name that the module of a file has when it is imported; scripts run as `__main__`."""
    if source.path is None or "__main__" in source.text:
        return "__main__"
    path = source.path.absolute()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists() and folder.parent != folder:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or "__main__"


_EVALUATORS: weakref.WeakKeyDictionary[SourceLoader, Evaluator] = weakref.WeakKeyDictionary()


def evaluate(source: SourceFile, loader: SourceLoader, *, call: str | None = None) -> Evaluation:
    """The networks and training loops of `source`, as `Evaluator.evaluate` has them; one evaluator per loader."""
    evaluator = _EVALUATORS.get(loader)
    if evaluator is None:
        evaluator = _EVALUATORS[loader] = Evaluator(loader)
    return evaluator.evaluate(source, call)
