"""The evaluator itself: state, dispatch on syntax, and what natives may ask of it (`Context`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from gradlint.evaluation import attributes, calls, iteration
from gradlint.evaluation.branches import Trail
from gradlint.evaluation.compiling import expression, kept
from gradlint.evaluation.context import GRADIENTS_OFF
from gradlint.evaluation.errors import Raised
from gradlint.evaluation.forward_arguments import named_part
from gradlint.evaluation.frames import Frame
from gradlint.evaluation.initializers import watched_apply
from gradlint.evaluation.limits import Budget, Limits
from gradlint.evaluation.records import Record
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.statements import block
from gradlint.evaluation.values import Class, Instance, Tensor, Unknown, Value
from gradlint.network import (
    Distribution,
    Event,
    EventKind,
    Kind,
    Node,
    Optimizer,
    Origin,
    Parameter,
    Shape,
)

# Each of these registers the compilers of its kinds of expressions.
import gradlint.evaluation.call_expressions  # isort: skip
import gradlint.evaluation.comprehensions  # isort: skip
import gradlint.evaluation.expressions  # isort: skip  # noqa: F401

if TYPE_CHECKING:
    from pathlib import Path

    from gradlint.evaluation.imports import ModuleCache
    from gradlint.evaluation.inputs import InputShape


class Interpreter:
    """Evaluates source to values. One is used for a whole run; `begin` starts a file with a fresh budget."""

    def __init__(self, modules: ModuleCache, limits: Limits | None = None) -> None:
        self.modules = modules
        self.budget = Budget(limits or Limits())
        self.training = True
        self.gradients = True
        self.constructing = 0
        """How many layers of the source are being initialized."""
        self.tables: dict[str, Any] = {}
        self.frames: list[Frame] = []
        self.trails: list[Trail] = []
        self.record = Record()
        self.uncertain = 0
        """How many loops around the current point run an unknown number of times."""
        self.uncertain_since = 0
        self.depth_flag = False
        self.layer_calls = 0
        """How many calls of layers are in progress."""
        self.spread: Unknown | None = None
        """What is not known and was spread with a star over the arguments of the call that begins."""
        self.emitted: list[Node] | None = None
        """The nodes of a forward pass that is tried, so that one whose shape does not fit is found."""
        self.inputs: dict[str, Tensor] | None = None
        """The inputs of a forward pass that is tried, by their names."""
        self.input_shapes: Mapping[int | str, InputShape] = {}
        """The shapes that are tried for those that are not the first."""
        self.none_used = False
        """Whether an operation on tensors got None, since this was last set to false."""
        self.state_kept = False
        """Whether a layer has kept something computed in an attribute, since this was last set to false."""
        self.cut: set[str] = set()
        self.given_up: set[int] = set()
        """The decorators of the source, by identity of their syntax, that cost too much to be run again."""

    def begin(self, limits: Limits | None = None) -> None:
        """Start on a file: a fresh budget, and nothing cut short yet."""
        self.budget = Budget(limits or self.budget.limits)
        self.frames.clear()
        self.trails.clear()
        self.training = self.gradients = True
        self.uncertain = self.uncertain_since = self.layer_calls = self.constructing = 0
        self.depth_flag = False
        self.tables = {}
        self.cut = set()
        self.given_up = set()

    # Evaluation of syntax.

    @property
    def frame(self) -> Frame:
        """The innermost call in progress."""
        return self.frames[-1]

    def evaluate(self, syntax: Any, scope: Scope) -> Value:
        """The value of an expression."""
        return kept(scope, syntax, expression)(self, scope)

    def block(self, body: Any, scope: Scope) -> Any:
        """Run the statements of a body; the result is None or the signal that ended it."""
        return block(self, body, scope)

    # Places and losses of knowledge.

    def origin(self) -> Origin:
        """Where the call in progress was made."""
        frame = self.frames[-1]
        return Origin(frame.source, frame.syntax, frame.caller)

    def unknown(self, reason: str) -> Unknown:
        """A new Unknown whose knowledge was lost here; it is remembered for the list of what is unresolved."""
        unknown = Unknown(reason, self.origin() if self.frames else None)
        self.record.unknowns.append(unknown)
        return unknown

    def fail(self, type_name: str, message: str = "") -> NoReturn:
        """Raise, as the analysed program would."""
        raise Raised(type_name, message)

    def modified(self, thing: Any) -> None:
        """To be called before a list, dict, set, instance, parameter or scope is changed in place."""
        # An outer trail learns of the change when the inner branches are merged.
        if self.trails:
            self.trails[-1].record(thing)

    def uncertain_length(self) -> None:
        """Note that the length of something that was built depends on a condition that is not known."""
        self.depth_flag = True

    def failed(self, error: Exception) -> None:
        """Note that gradlint itself failed on a part of the source, which thereby stays unknown."""
        self.cut.add(f"gradlint failed on a part of it ({type(error).__name__}: {error}); please report this")

    def cut_short(self, what: str) -> None:
        """Note that a limit cut evaluation short."""
        self.cut.add(what)

    # The graph.

    def emit(
        self,
        kind: Kind,
        inputs: Sequence[Tensor],
        shape: Shape | None,
        *,
        attributes: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Parameter] | None = None,
        class_name: str = "",
        layer: Instance | None = None,
        dtype: str | None = None,
        values: Any = None,
    ) -> Tensor:
        """A new node of the graph, as a tensor; a layer's node is placed where the layer was created."""
        if self.uncertain > self.uncertain_since and parameters:
            self.depth_flag = True
        origin = layer.origin if layer is not None and layer.origin is not None else self.origin()
        node = Node(
            kind,
            tuple([tensor.node for tensor in inputs]),
            shape,
            attributes if attributes is not None else {},
            parameters if parameters is not None else {},
            class_name,
            "",
            origin,
            layer,
            self.budget.node(),
            None if self.gradients or kind is Kind.PARAMETER else self.tables.get(GRADIENTS_OFF) or origin,
        )
        if self.emitted is not None:
            self.emitted.append(node)
        return Tensor(node, dtype or (inputs[0].dtype if inputs else "float32"), values)

    def opaque(self, reason: str, inputs: Iterable[Value], shape: Shape | None = None) -> Tensor:
        """A tensor that comes out of something that is not understood."""
        from gradlint.evaluation.values import tensors_in

        tensors = tensors_in(*inputs)
        return self.emit(Kind.OPAQUE, tensors, shape, attributes={"reason": reason})

    def as_tensor(self, value: Value) -> Tensor:
        """`value` as a tensor: itself, a constant for a number, a fresh input for an Unknown."""
        if isinstance(value, Tensor):
            return value
        if isinstance(value, (bool, int, float)):
            kind = "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "float32"
            return self.emit(Kind.CONSTANT, (), (), attributes={"value": value}, dtype=kind, values=value)
        if isinstance(value, Unknown):
            return self.emit(Kind.INPUT, (), None, attributes={"unknown": value.reason})
        self.none_used = self.none_used or value is None
        return self.opaque(f"{type(value).__name__.lower()} used as a tensor", [value])

    def parameter(
        self,
        shape: Shape | None,
        distribution: Distribution,
        *,
        trainable: bool = True,
        dtype: str = "float32",
        assumed: bool = False,
    ) -> Tensor:
        """A new parameter as a tensor."""
        parameter = Parameter(shape, distribution, trainable, dtype, origin=self.origin(), assumed=assumed)
        tensor = self.emit(Kind.PARAMETER, (), shape, parameters={"value": parameter}, dtype=dtype)
        tensor.parameter = parameter
        return tensor

    def applied(self, layer: Instance, function: Value, run: Callable[[], Value]) -> Value:
        """The result of `run`, which calls `function` for `layer` and everything below it; what it draws is noted."""
        return watched_apply(self, layer, function, run)

    def event(
        self,
        kind: EventKind,
        *,
        optimizer: Optimizer | None = None,
        node: Node | None = None,
        **details: Any,
    ) -> None:
        """Record something that a training loop does."""
        origin = self.origin() if self.frames else None
        self.record.events.append(Event(kind, origin, optimizer, node, bool(self.trails), details))

    # Operations on values.

    def call(self, function: Value, /, *args: Value, **kwargs: Value) -> Value:
        """Call any value of the analysed program."""
        return calls.call(self, function, list(args), kwargs)

    def instantiate(self, cls: Class, /, *args: Value, **kwargs: Value) -> Value:
        """A new object of `cls`."""
        return calls.instantiate(self, cls, list(args), kwargs)

    def getattr(self, value: Value, name: str) -> Value:
        """`value.name`; raises `Raised("AttributeError")` when there is none."""
        return attributes.get(self, value, name)

    def setattr(self, value: Value, name: str, new: Value) -> None:
        """`value.name = new`."""
        attributes.assign(self, value, name, new)

    def iterate(self, value: Value) -> list[Value]:
        """The items of `value`, within limits; for an Unknown one Unknown item."""
        return iteration.items(self, value)

    def truth(self, value: Value) -> bool | None:
        """Whether `value` is true; None when that is not known."""
        return iteration.truth(self, value)

    def named_part(self, tensor: Tensor, name: str) -> Tensor | None:
        """What an input that turns out to be a dictionary holds under a name; None if `tensor` is no such input."""
        return named_part(self, tensor, name)

    def caller_arguments(self) -> dict[str, Value]:
        """The arguments, by name, of the function of the source that is being run."""
        return self.frame.arguments

    def local_variables(self) -> dict[str, Value]:
        """The variables of the function of the source that is being run."""
        scope = self.frame.scope
        return self.frame.arguments if scope is None else scope.variables

    @property
    def followed(self) -> frozenset[Path]:
        """The project files that imports led to so far."""
        return self.modules.followed
