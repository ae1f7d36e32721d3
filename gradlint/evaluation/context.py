"""What framework tables and builtins may ask of the evaluator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, Protocol

from gradlint.evaluation.values import Class, Instance, Tensor, Unknown, Value
from gradlint.network import Distribution, EventKind, Kind, Node, Optimizer, Origin, Parameter, Shape

GRADIENTS_OFF = "gradients off"
"""Key of `Context.tables` under which the place is kept where the recording of gradients was switched off."""

AUTOCAST = "autocast"
"""Key of `Context.tables` under which the dtype of the autocast block in progress is kept."""


class Context(Protocol):
    """The evaluator as native functions see it; every native function receives it as first argument."""

    training: bool
    """Whether modules are evaluated in training mode."""
    gradients: bool
    """False inside `torch.no_grad()` and the like."""
    tables: dict[str, Any]
    """State that framework tables keep while one file is evaluated, by framework (layer names given, data format)."""

    def origin(self) -> Origin:
        """Where the call in progress was made."""

    def unknown(self, reason: str) -> Unknown:
        """A new Unknown whose knowledge was lost here."""

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
        """A new node of the graph, as a tensor. `dtype` defaults to that of the first input."""

    def opaque(self, reason: str, inputs: Iterable[Value], shape: Shape | None = None) -> Tensor:
        """A tensor that comes out of something that is not understood."""

    def as_tensor(self, value: Value) -> Tensor:
        """`value` as a tensor: itself, a constant for a number, a fresh input for an Unknown."""

    def parameter(
        self,
        shape: Shape | None,
        distribution: Distribution,
        *,
        trainable: bool = True,
        dtype: str = "float32",
        assumed: bool = False,
    ) -> Tensor:
        """A new parameter as a tensor (its node is of kind PARAMETER)."""

    def call(self, function: Value, /, *args: Value, **kwargs: Value) -> Value:
        """Call any value of the analysed program."""

    def getattr(self, value: Value, name: str) -> Value:
        """`value.name` with everything that implies; raises `Raised("AttributeError")`."""

    def setattr(self, value: Value, name: str, new: Value) -> None:
        """`value.name = new`."""

    def iterate(self, value: Value) -> list[Value]:
        """The items of `value`, within limits; for an Unknown one Unknown item."""

    def truth(self, value: Value) -> bool | None:
        """Whether `value` is true; None when that is not known."""

    def modified(self, value: Value) -> None:
        """To be called before a native function changes a list, dict, set or instance in place."""

    def uncertain_length(self) -> None:
        """Note that the number of layers of something that was built is not known."""

    def fail(self, type_name: str, message: str = "") -> NoReturn:
        """Raise, as the analysed program would."""

    def instantiate(self, cls: Class, /, *args: Value, **kwargs: Value) -> Value:
        """A new object of `cls`."""

    def local_variables(self) -> dict[str, Value]:
        """The variables of the function of the source that is being run."""

    def named_part(self, tensor: Tensor, name: str) -> Tensor | None:
        """What an input that turns out to be a dictionary holds under a name; None if `tensor` is no such input."""

    def caller_arguments(self) -> dict[str, Value]:
        """The arguments, by name, of the function of the source that is being run."""

    def applied(self, layer: Instance, function: Value, run: Callable[[], Value]) -> Value:
        """The result of `run`, which calls `function` for `layer` and everything below it."""

    def event(
        self,
        kind: EventKind,
        *,
        optimizer: Optimizer | None = None,
        node: Node | None = None,
        **details: Any,
    ) -> None:
        """Record something that a training loop does."""
