"""What nothing in a file uses: its functions are called and its layers are built all the same, on assumptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from gradlint.evaluation.assumptions import assumed_arguments
from gradlint.evaluation.classes import is_layer_class
from gradlint.evaluation.errors import OWN_ERRORS, AttemptExceeded, Raised
from gradlint.evaluation.networks import needs_arguments
from gradlint.evaluation.novelty import Novelty, named_by
from gradlint.evaluation.values import Class, Function, Instance, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter
    from gradlint.evaluation.records import Created, Record
    from gradlint.network import Event

LIGHTNING_MODULE = "lightning.pytorch.LightningModule"
_PASSES = frozenset({"forward", "call"})
_TRIED = "__tried__"


def _is_idle(cls: Class, name: str) -> bool:
    method = cls.namespace.get(name)
    return type(method) is Function and "__called__" not in method.attributes


class Attempts:
    """Tries out what the program of one file, whose `record` this is, has not run by itself."""

    def __init__(self, interpreter: Interpreter, record: Record) -> None:
        self.interpreter = interpreter
        self.record = record
        self.novelty = Novelty(interpreter)

    def use_functions(self) -> None:
        """Call the functions that nothing calls, with their defaults and assumed or unknown arguments.

        What a function made on assumptions is forgotten if another one turns out to call it with arguments.
        """
        record, budget = self.record, self.interpreter.budget
        used: list[tuple[Function, list[Created], list[Event]]] = []
        # What others call need not be tried on assumptions, nor with its defaults.
        ready = [function for function in record.functions if not needs_arguments(function)]
        called = named_by(ready) if len(ready) > 1 else set()
        for function in sorted(record.functions, key=lambda item: (needs_arguments(item), item.name in called)):
            if "__called__" in function.attributes:
                continue
            if budget.steps > budget.limits.news:
                self.interpreter.cut_short("functions that nothing calls, after several others")
                break
            if budget.steps > budget.limits.alternatives and not self.novelty.has(function):
                self.interpreter.cut_short("functions that nothing calls, and that run only what others ran already")
                continue
            self.novelty.ran(function)
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
        before = len(self.record.created)
        self.interpreter.frame.syntax = function.syntax
        arguments, assumptions = assumed_arguments(self.interpreter, function, 0)
        try:
            self.interpreter.call(function, **arguments)
        finally:
            self._assume(before, arguments, assumptions)

    def use_classes(self) -> None:
        """Instantiate the layers and models that nothing instantiates, with their defaults and assumed arguments.

        The last come first: a model stands behind the layers that it is made of, which then need no assumptions.
        """
        classes = [cls for cls in self.record.classes if is_layer_class(cls)]
        used_as_base = {id(base) for cls in classes for base in cls.mro[1:]}
        self._build(
            cls
            for cls in reversed(classes)
            if "__instantiated__" not in cls.namespace  # asked late: those before may have built it
            and (id(cls) not in used_as_base or cls.namespace.keys() & _PASSES)
        )

    def use_idle_classes(self) -> None:
        """Do the same for the parts of a model that its forward pass has not come to."""
        classes = [cls for cls in self.record.classes if is_layer_class(cls)]
        self._build(cls for cls in reversed(classes) if any(_is_idle(cls, name) for name in _PASSES))

    def _build(self, classes: Iterable[Class]) -> None:
        """Try `classes`, each at most once; what they make is noted in the order of the source, not of the tries."""
        created = self.record.created
        start = len(created)
        made: list[list[Created]] = []
        for cls in classes:
            if _TRIED not in cls.namespace:
                cls.namespace[_TRIED] = True
                before = len(created)
                self._attempt(partial(self._use_class, cls))
                made.append(created[before:])
        created[start:] = [item for items in reversed(made) for item in items]

    def _use_class(self, cls: Class) -> None:
        interpreter = self.interpreter
        interpreter.frame.syntax = cls.syntax
        initializer = cls.find("__init__")
        before = len(self.record.created)
        arguments: dict[str, Value] = {}
        assumptions: list[str] = []
        if isinstance(initializer, Function):
            arguments, assumptions = assumed_arguments(interpreter, initializer, 1)
        try:
            interpreter.instantiate(cls, **arguments)
        finally:
            self._assume(before, arguments, assumptions)

    def _assume(self, before: int, arguments: dict[str, Value], assumptions: list[str]) -> None:
        configured = any(isinstance(argument, Instance) for argument in arguments.values())
        for item in self.record.created[before:]:
            item.instance.hidden.setdefault("assumptions", assumptions)
            item.instance.hidden.setdefault("configuration assumed", configured)

    def use_trainees(self) -> None:
        """Train the Lightning modules that no trainer of the file trains, one step each."""
        trainees = [item.instance for item in self.record.created if item.instance.cls.derives_from(LIGHTNING_MODULE)]
        if trainees:
            from gradlint.frameworks.lightning_trainer import rehearse

            for module in trainees:
                self._attempt(partial(rehearse, self.interpreter, module))

    def _attempt(self, action: Callable[[], object]) -> None:
        """Do something that the source itself does not; what costs too much leaves nothing behind."""
        interpreter, record = self.interpreter, self.record
        depth = len(interpreter.frames)
        created, events = len(record.created), len(record.events)
        limits = interpreter.budget.limits

        def limit() -> int:
            fruitful = len(record.created) > created or len(record.events) > events
            return limits.attempt if fruitful else limits.idle

        try:
            with interpreter.budget.trying(limit, "a function or class that nothing uses"):
                action()
        except AttemptExceeded as error:
            interpreter.cut_short(str(error))
            del record.created[created:], record.events[events:]
        except OWN_ERRORS as error:
            interpreter.failed(error)
        except Raised as error:
            interpreter.unknown(f"the program would stop here: {error}")
        finally:
            del interpreter.frames[depth:]
            interpreter.trails.clear()
            interpreter.layer_calls = interpreter.uncertain = 0
            interpreter.training = interpreter.gradients = True
