"""Forward passes on symbolic input: shapes are tried until one goes through, as far as the source lets it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.errors import Demand, Raised, ShapeMismatch
from gradlint.evaluation.forward_arguments import forward_arguments, needs_mask, optional_inputs
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.inputs import InputShape, candidates, first_layer
from gradlint.evaluation.refining import asked_of, refined
from gradlint.evaluation.values import Instance, Tensor, Value, tensors_in, walk
from gradlint.frameworks.keras.state import MADE_IN_CALL
from gradlint.network import Kind, Node, topological

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

Others = Mapping[int | str, InputShape]
"""The shapes of inputs other than the main one, by the names or the positions of their parameters."""
_NONE: Others = MappingProxyType({})

_MOST_TRIES = 16
_MOST_REFINED = 16
"""How many of the shapes that were asked for are tried besides."""
_MOST_REFINEMENTS = 5
"""How often in a row a shape is changed to what was asked for."""
_MOST_OPTIONAL = 3
"""How many of the inputs that need not be given are given in turn, where the source cannot do without one."""
_MOST_FAILURES = 3
"""After so many failures of one kind that is not about shapes, other shapes are not tried."""
_MOST_REFUSALS = 2
"""The same for errors that the source raises itself."""
_DEEP = 1_000
"""An error that the source raises itself, after so many steps, is not about the shape of what came in."""


@dataclass(slots=True)
class Pass:
    """One forward pass: what came out, on which inputs, and what went wrong.

    `asked` is the input whose shape an operation could not take, and what it would have to be; `none_used` whether an
    operation on tensors got None.
    """

    inputs: dict[str, Tensor]
    outputs: list[Tensor]
    error: Raised | None
    depth_known: bool
    result: Value = None
    made: tuple[Instance, ...] = ()
    steps: int = 0
    asked: tuple[str, Demand] | None = None
    none_used: bool = False

    @property
    def lacks_input(self) -> bool:
        """Whether the source comes upon None, or refuses to go on, where another input might help."""
        if self.error is None:
            return self.none_used
        return "NoneType" in self.error.message or self.error.type_name in ("AssertionError", "ValueError")

    @property
    def opaque(self) -> int:
        """Number of operations on the way that are not understood."""
        return sum(node.kind is Kind.OPAQUE for node in topological(tuple(t.node for t in self.outputs)))

    @property
    def quality(self) -> tuple[int, int, int]:
        """Larger is better: outputs at all, no loss of knowledge, shapes known; without outputs, to have come far."""
        if not self.outputs:
            return (0, self.steps, 0)
        return (1, -self.opaque, sum(tensor.shape is not None for tensor in self.outputs))


def made_since(interpreter: Interpreter, start: int) -> tuple[Instance, ...]:
    """The layers made since `start` that are lost after the pass: in Keras not those of `build`, which are kept."""
    made = [item.instance for item in interpreter.record.created[start:]]
    return tuple(layer for layer in made if layer.hidden.get(MADE_IN_CALL, True))


def best_pass(interpreter: Interpreter, instance: Instance, known: Mapping[int | str, InputShape] | None) -> Pass:
    """The pass of `instance` that tells most; `known` are the inputs that the program itself calls it with."""
    search = _Search(interpreter, instance)
    if known is not None and search.attempt(known[0], {key: shape for key, shape in known.items() if key != 0}):
        return search.found
    if any(search.attempt(shape) for shape in candidates(instance)) or search.passed:
        return search.found
    if not search.attempt(InputShape(None)):
        first = next(iter(search.found.inputs.values()), None)
        hint = first_layer(first, tuple(t.node for t in search.found.outputs)) if first is not None else None
        if hint is not None:
            any(search.attempt(shape) for shape in candidates(instance, hint))
    return search.found


class _Search:
    """Tries shapes for what goes into one network."""

    def __init__(self, interpreter: Interpreter, instance: Instance) -> None:
        self.interpreter = interpreter
        self.instance = instance
        self._best: Pass | None = None
        self._tried: set[Any] = set()
        self._tries = [0, 0]
        self._masks = False
        """Whether masks are given; where the source does without them, they only hide what the network computes."""
        self._passed_ranks: set[int] = set()
        """The ranks of main inputs of known shape on which a pass came to its end."""
        self._passed = 0
        self._failures: Counter[str] = Counter()

    @property
    def passed(self) -> bool:
        """Whether a pass on an input of known shape came to its end."""
        return bool(self._passed_ranks)

    @property
    def found(self) -> Pass:
        """The pass that told most."""
        assert self._best is not None
        return self._best

    def attempt(self, main: InputShape, others: Others = _NONE, refinements: int = _MOST_REFINEMENTS) -> bool:
        """Try a shape, and what is asked for where it is refused; True when no other one promises more."""
        key = (main, tuple(sorted(others.items(), key=lambda item: str(item[0]))), self._masks)
        first = refinements == _MOST_REFINEMENTS
        if key in self._tried or self._tries[first] >= (_MOST_TRIES if first else _MOST_REFINED):
            return False
        if first and main.shape is not None and len(main.shape) in self._passed_ranks:
            return False  # other sizes go the same way
        self._tried.add(key)
        self._tries[first] += 1
        run = forward(self.interpreter, self.instance, main, others, self._masks)
        if self._best is None or run.quality > self._best.quality:
            self._best = run
        for changed in self._alternatives(run, main, others) if refinements else ():
            passed = self._passed
            if self.attempt(*changed, refinements - 1):
                return True
            if run.asked is not None and self._passed > passed:
                break  # what was asked for is given; what stays unknown then is so for other reasons
        if run.error is not None:
            return run.asked is None and first and self._hopeless(run.error, run.steps)
        self._passed += 1
        if main.shape is not None:
            self._passed_ranks.add(len(main.shape))
        # A pass that runs to its end shows that the shape fits; what is not known then does not depend on it.
        return self._passed > 1 or not run.outputs or run.outputs[0].shape is not None

    def _alternatives(self, run: Pass, main: InputShape, others: Others) -> Iterator[tuple[InputShape, Others]]:
        """What to try after a pass: shapes that were asked for, and inputs without which the source cannot do."""
        if run.asked is not None:
            name, demand = run.asked
            is_main = name == next(iter(run.inputs))
            for shape in refined(main if is_main else others.get(name, main), demand, name, is_main):
                yield (shape, others) if is_main else (main, {**others, name: shape})
        elif run.lacks_input and (main.shape is not None or run.error is not None):
            method = forward_method(self.instance)
            if not self._masks and needs_mask(method):
                self._masks = True
                yield main, others
            for name in optional_inputs(method)[:_MOST_OPTIONAL]:
                if name not in others:
                    yield main, {**others, name: main}

    def _hopeless(self, error: Raised, steps: int) -> bool:
        """Whether other shapes will not help: an error has come too often, or late and from the source itself."""
        if isinstance(error, ShapeMismatch):
            return False
        refusal = error.value is not None
        self._failures[str(error)] += 1
        if refusal and steps > _DEEP:
            return True
        return self._failures[str(error)] >= (_MOST_REFUSALS if refusal else _MOST_FAILURES)


def forward_method(instance: Instance) -> Value:
    """What runs when a layer is called."""
    return instance.cls.find("call" if instance.cls.derives_from("keras.Layer") else "forward")


def forward(interpreter: Interpreter, instance: Instance, shape: InputShape, others: Others, masks: bool) -> Pass:
    """Call `instance` on symbolic input; its main input has `shape`, `others` theirs or what their names suggest."""
    unknowns = len(interpreter.record.unknowns)
    events = len(interpreter.record.events)
    created = len(interpreter.record.created)
    start = interpreter.budget.steps
    origin = instance.origin
    assert origin is not None
    frame = Frame(origin.source, None, None)
    frame.syntax = origin.syntax
    interpreter.frames.append(frame)
    flag, interpreter.depth_flag = interpreter.depth_flag, False
    uncertain, interpreter.uncertain_since = interpreter.uncertain_since, interpreter.uncertain
    inputs: dict[str, Tensor] = {}
    nodes: list[Node] = []
    interpreter.emitted, interpreter.none_used = nodes, False
    interpreter.inputs, interpreter.input_shapes = inputs, others
    error: Raised | None = None
    result: Value = None
    try:
        args, kwargs = forward_arguments(interpreter, forward_method(instance), shape, others, masks, inputs)
        interpreter.layer_calls += 1
        result = interpreter.call(instance, *args, **kwargs)
    except Raised as raised:
        error = raised.bare()
    finally:
        del interpreter.frames[interpreter.frames.index(frame) :]
        interpreter.layer_calls = 0
        interpreter.trails.clear()
        depth_known = not interpreter.depth_flag
        interpreter.depth_flag, interpreter.uncertain_since = flag, uncertain
        del interpreter.record.events[events:]
        interpreter.emitted = interpreter.inputs = None
    if error is not None:
        del interpreter.record.unknowns[unknowns:]
    outputs = [t for t in _tensors_of(result) if t.node.kind not in (Kind.INPUT, Kind.CONSTANT, Kind.PARAMETER)]
    made = made_since(interpreter, created)
    asked = asked_of(error.demand, inputs, nodes) if error is not None and error.demand is not None else None
    return Pass(
        inputs,
        outputs,
        error,
        depth_known,
        result,
        made,
        interpreter.budget.steps - start,
        asked,
        interpreter.none_used,
    )


def _tensors_of(value: Value) -> list[Tensor]:
    found: list[Tensor] = []
    for item in walk(value):
        if isinstance(item, Tensor):
            found.append(item)
        elif isinstance(item, Instance):
            found.extend(tensors_in(item.payload, list(item.attrs.values())))
    return found
