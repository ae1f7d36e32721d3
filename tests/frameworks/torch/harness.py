"""Layers of the tables beside those of torch: built alike, called alike, compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from gradlint.evaluation.frames import Frame
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.evaluation.values import Instance, Tensor, tensors_in
from gradlint.frameworks import modules, resolve
from gradlint.network import Kind, Parameter
from gradlint.sources import SourceFile, SourceLoader

torch.set_num_threads(1)


@dataclass(frozen=True)
class Sub:
    """A layer as an argument of another, to be built on both sides."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


class Tables:
    """The tables of torch, with an evaluator that runs no file."""

    def __init__(self) -> None:
        self.context = Interpreter(ModuleCache(SourceLoader()))
        self.context.frames.append(Frame(SourceFile.from_text("", "none.py"), None, None))

    def make(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """`torch.<name>(*args, **kwargs)`."""
        return self.context.call(resolve(f"torch.{name}"), *map(self._value, args), **_mapped(self._value, kwargs))

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a value."""
        return self.context.call(function, *args, **kwargs)

    def method(self, value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """`value.name(*args, **kwargs)`."""
        return self.context.call(self.context.getattr(value, name), *args, **kwargs)

    def input(self, *shape: int, dtype: str = "float32") -> Tensor:
        """A fresh input."""
        return self.context.emit(Kind.INPUT, (), shape, dtype=dtype)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Sub):
            return self.make(f"nn.{value.name}", *value.args, **value.kwargs)
        return [self._value(item) for item in value] if isinstance(value, list) else value


def _mapped(function: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {key: function(value) for key, value in values.items()}


def real(name: str, *args: Any, **kwargs: Any) -> Any:
    """`torch.nn.<name>(*args, **kwargs)` itself."""

    def value(item: Any) -> Any:
        if isinstance(item, Sub):
            return real(item.name, *item.args, **item.kwargs)
        return [value(entry) for entry in item] if isinstance(item, list) else item

    cls = torch.nn
    for part in name.split("."):
        cls = getattr(cls, part)
    return cls(*map(value, args), **_mapped(value, kwargs))  # type: ignore[operator]


def shapes_of(layer: Instance) -> list[tuple[str, tuple[int, ...] | None]]:
    """Names and shapes of the parameters."""
    return [(name, parameter_of(tensor).shape) for name, tensor in modules.named_parameters(layer)]


def parameter_of(tensor: Tensor) -> Parameter:
    """The parameter that `tensor` is."""
    assert tensor.parameter is not None
    return tensor.parameter


def real_shapes_of(module: torch.nn.Module) -> list[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the parameters of a module of torch."""
    return [(name, tuple(parameter.shape)) for name, parameter in module.named_parameters()]


def output_shapes(result: Any) -> list[tuple[int, ...] | None]:
    """Shapes of the tensors in what a forward pass of the tables returned."""
    return [tensor.shape for tensor in tensors_in(result)]


def real_output_shapes(result: Any) -> list[tuple[int, ...]]:
    """Shapes of the tensors in what a forward pass of torch returned."""
    if isinstance(result, torch.Tensor):
        return [tuple(result.shape)]
    return [shape for item in result if item is not None for shape in real_output_shapes(item)]
