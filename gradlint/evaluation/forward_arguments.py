"""What a forward pass is called with: its main input in a shape to be tried, the others as their names suggest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.inputs import InputShape
from gradlint.evaluation.values import Function, Tensor, Value
from gradlint.network import Kind

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_INDEX_NAMES = ("t", "timestep", "timesteps", "time_step")
_FLAG_NAMES = ("mask", "masks")


def forward_arguments(
    interpreter: Interpreter, method: Value, shape: InputShape, inputs: list[Tensor]
) -> tuple[list[Value], dict[str, Value]]:
    """The arguments of a forward pass."""
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    if not isinstance(method, Function):
        return [_input(interpreter, shape, inputs)], kwargs
    params: cst.Parameters = _undecorated(method).syntax.params
    for index, param in enumerate([*params.posonly_params, *params.params][1:]):
        if param.default is not None:
            break
        if index == 0:
            args.append(_input(interpreter, shape, inputs))
        else:
            args.append(_other_input(interpreter, param, shape, inputs))
    if not args and isinstance(params.star_arg, cst.Param):
        args.append(_input(interpreter, shape, inputs))
    if not args and [*params.posonly_params, *params.params][1:]:
        args.append(_input(interpreter, shape, inputs))
    for param in params.kwonly_params:
        if param.default is None:
            kwargs[param.name.value] = _other_input(interpreter, param, shape, inputs)
    return args, kwargs


def _undecorated(method: Function) -> Function:
    """The method whose arguments a decorator hands on: `def wrapper(self, *args, **kwargs)` names none."""
    for _ in range(_MOST_DECORATORS):
        params: cst.Parameters = method.syntax.params
        if not isinstance(params.star_arg, cst.Param) or params.star_kwarg is None or len(params.params) > 1:
            break
        around = [value for value in method.scope.variables.values() if isinstance(value, Function)]
        inner = [function for function in around if function is not method and function.owner is not None]
        if len(inner) != 1:
            break
        method = inner[0]
    return method


_MOST_DECORATORS = 4


def _other_input(interpreter: Interpreter, param: cst.Param, shape: InputShape, inputs: list[Tensor]) -> Value:
    name = param.name.value
    if name in _INDEX_NAMES and shape.shape is not None:
        return _input(interpreter, InputShape(shape.shape[:1], "int64"), inputs)
    if name.endswith(_FLAG_NAMES) or name in _FLAG_NAMES:
        return interpreter.unknown(f"mask `{name}`")
    annotation: Any = param.annotation.annotation if param.annotation is not None else None
    if isinstance(annotation, cst.Name) and annotation.value in ("int", "float", "bool", "str"):
        return interpreter.unknown(f"argument `{name}` of the forward pass")
    return _input(interpreter, shape, inputs)


def _input(interpreter: Interpreter, shape: InputShape, inputs: list[Tensor]) -> Tensor:
    kind = "int" if shape.dtype.startswith("int") else "float"
    attributes = {"dtype": kind, "guessed": shape.guessed}
    tensor = interpreter.emit(Kind.INPUT, (), shape.shape, attributes=attributes, dtype=shape.dtype)
    inputs.append(tensor)
    return tensor
