"""What a forward pass is called with: its main input in a shape to be tried, the others as their names suggest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.inputs import InputShape
from gradlint.evaluation.syntax import descendants
from gradlint.evaluation.values import Function, Tensor, Value
from gradlint.network import Kind

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_INDEX_NAMES = ("t", "timestep", "timesteps", "time_step")
_FLAG_NAMES = ("mask", "masks")
_NO_TENSORS = frozenset({"bool", "Callable", "dict", "Dict", "float", "int", "Mapping", "str"})
"""The types of annotations that hold no tensor, unless there is one among their arguments."""


def forward_arguments(
    interpreter: Interpreter,
    method: Value,
    shape: InputShape,
    others: Mapping[int | str, InputShape],
    masks: bool,
    inputs: dict[str, Tensor],
) -> tuple[list[Value], dict[str, Value]]:
    """The arguments of a forward pass; `inputs` are filled with its symbolic tensors, by their names.

    Arguments with defaults are given only where `others` has them. Masks are None, or not known with `masks`.
    """
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    if not isinstance(method, Function):
        return [_input(interpreter, "input", shape, inputs)], kwargs
    params: cst.Parameters = _undecorated(method).syntax.params
    for index, param in enumerate([*params.posonly_params, *params.params][1:]):
        if param.default is not None:
            if param.name.value in others:
                name = param.name.value
                kwargs[name] = _input(interpreter, name, others[name], inputs)
        elif index == 0:
            args.append(_input(interpreter, param.name.value, shape, inputs))
        else:
            known = others.get(index, others.get(param.name.value))
            args.append(_other_input(interpreter, param, shape, known, masks, inputs))
    if not args and (isinstance(params.star_arg, cst.Param) or [*params.posonly_params, *params.params][1:]):
        args.append(_input(interpreter, "input", shape, inputs))
    for param in params.kwonly_params:
        if param.default is None:
            name = param.name.value
            kwargs[name] = _other_input(interpreter, param, shape, others.get(name), masks, inputs)
    return args, kwargs


def optional_inputs(method: Value) -> tuple[str, ...]:
    """The parameters of a forward pass that are None if they are not given, and that may be tensors."""
    return tuple(
        param.name.value
        for param in _beside_the_main_one(method)
        if isinstance(param.default, cst.Name)
        and param.default.value == "None"
        and not _is_mask(param.name.value)
        and _may_be_tensor(param)
    )


def needs_mask(method: Value) -> bool:
    """Whether a forward pass has a mask that must be given."""
    return any(param.default is None and _is_mask(param.name.value) for param in _beside_the_main_one(method))


def _beside_the_main_one(method: Value) -> list[cst.Param]:
    """The parameters of a forward pass without `self` and its main input."""
    if not isinstance(method, Function):
        return []
    params: cst.Parameters = _undecorated(method).syntax.params
    return [*[*params.posonly_params, *params.params][2:], *params.kwonly_params]


def _may_be_tensor(param: cst.Param) -> bool:
    if param.annotation is None:
        return not param.name.value.endswith("kwargs")
    named = {node.value for node in descendants(param.annotation) if isinstance(node, cst.Name)}
    return "Tensor" in named or _NO_TENSORS.isdisjoint(named)


def _is_mask(name: str) -> bool:
    return name.endswith(_FLAG_NAMES) or name in _FLAG_NAMES


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


def _other_input(
    interpreter: Interpreter,
    param: cst.Param,
    main: InputShape,
    known: InputShape | None,
    masks: bool,
    inputs: dict[str, Tensor],
) -> Value:
    name = param.name.value
    if known is not None:
        return _input(interpreter, name, known, inputs)
    if name in _INDEX_NAMES and main.shape is not None:
        return _input(interpreter, name, InputShape(main.shape[:1], "int64"), inputs)
    if _is_mask(name):
        return interpreter.unknown(f"mask `{name}`") if masks else None
    annotation: Any = param.annotation.annotation if param.annotation is not None else None
    if isinstance(annotation, cst.Name) and annotation.value in ("int", "float", "bool", "str"):
        return interpreter.unknown(f"argument `{name}` of the forward pass")
    return _input(interpreter, name, main, inputs)


def named_part(interpreter: Interpreter, tensor: Tensor, name: str) -> Tensor | None:
    """What an input that turns out to be a dictionary holds under a name; None if `tensor` is no input of a pass."""
    inputs = interpreter.inputs
    if inputs is None or not any(given is tensor for given in inputs.values()):
        return None
    if name not in inputs:
        known = interpreter.input_shapes.get(name, InputShape(tensor.shape, tensor.dtype))
        return _input(interpreter, name, known, inputs)
    return inputs[name]


def _input(interpreter: Interpreter, name: str, shape: InputShape, inputs: dict[str, Tensor]) -> Tensor:
    kind = "int" if shape.dtype.startswith("int") else "float"
    attributes = {"dtype": kind, "guessed": shape.guessed}
    # Each has a shape of its own, by which it is found again when an operation refuses it.
    own = None if shape.shape is None else (*shape.shape,)
    tensor = interpreter.emit(Kind.INPUT, (), own, attributes=attributes, dtype=shape.dtype)
    inputs[name] = tensor
    return tensor
