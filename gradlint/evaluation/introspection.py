"""`inspect`: signatures of functions and classes of the analysed source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation.classes import python_class
from gradlint.evaluation.values import MISSING, BoundMethod, Class, Function, Instance, Native, Symbol, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

    Context = Interpreter

_KINDS = {
    name: Symbol(f"inspect.Parameter.{name}")
    for name in ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "VAR_POSITIONAL", "KEYWORD_ONLY", "VAR_KEYWORD")
}
_EMPTY = Symbol("inspect.Parameter.empty")
_PARAMETER = python_class("inspect.Parameter", namespace={**_KINDS, "empty": _EMPTY})
_SIGNATURE = python_class("inspect.Signature", namespace={"empty": _EMPTY})


def _signature(context: Context, function: Value) -> Value:
    skip = 0
    receiver: Value = None
    while isinstance(function, BoundMethod):
        receiver, function, skip = function.receiver, function.function, skip + 1
    if isinstance(function, Class):
        function, skip = function.find("__init__"), 1
    wrapped = getattr(function, "attributes", {}).get("__wrapped__")
    while isinstance(wrapped, Function):
        function, wrapped = wrapped, wrapped.attributes.get("__wrapped__")
    if isinstance(function, Native) and isinstance(receiver, Instance) and receiver.cls.derives_from("keras.Layer"):
        return Instance(_SIGNATURE, {"parameters": _keras_parameters(receiver)})
    if not isinstance(function, Function):
        return context.unknown("the signature of something that is not a function of the source")
    params: cst.Parameters = function.syntax.params
    groups = [
        ("POSITIONAL_ONLY", params.posonly_params),
        ("POSITIONAL_OR_KEYWORD", params.params),
        ("VAR_POSITIONAL", [params.star_arg] if isinstance(params.star_arg, cst.Param) else []),
        ("KEYWORD_ONLY", params.kwonly_params),
        ("VAR_KEYWORD", [params.star_kwarg] if params.star_kwarg is not None else []),
    ]
    found: dict[Value, Value] = {}
    for kind, members in groups:
        for param in members:
            name = param.name.value
            default = function.defaults.get(name, _EMPTY)
            attrs = {"name": name, "kind": _KINDS[kind], "default": default, "annotation": _EMPTY}
            found[name] = Instance(_PARAMETER, attrs)
    return Instance(_SIGNATURE, {"parameters": dict(list(found.items())[skip:])})


_TRAINING = ("Dropout", "Normalization", "RNN", "LSTM", "GRU", "GaussianNoise", "RandomFlip")
"""How the names of the layers of Keras end that take `training`."""


def _keras_parameters(layer: Instance) -> dict[Value, Value]:
    """The parameters of the `call` of a layer that Keras itself has, as far as code asks for them."""
    names = ("inputs", "training") if layer.cls.name.endswith(_TRAINING) else ("inputs",)
    return {name: Instance(_PARAMETER, {"name": name, "default": _EMPTY, "annotation": _EMPTY}) for name in names}


def _is_class(context: Context, value: Value) -> Value:
    return isinstance(value, Class)


def _is_function(context: Context, value: Value) -> Value:
    return isinstance(value, (Function, Native))


def _getfullargspec(context: Context, function: Value) -> Value:
    signature = _signature(context, function)
    if not isinstance(signature, Instance):
        return signature
    parameters = signature.attrs["parameters"]
    positional = [
        name
        for name, parameter in parameters.items()
        if parameter.attrs["kind"] in (_KINDS["POSITIONAL_ONLY"], _KINDS["POSITIONAL_OR_KEYWORD"])
    ]
    keyword_only = [n for n, parameter in parameters.items() if parameter.attrs["kind"] == _KINDS["KEYWORD_ONLY"]]
    return Instance(_SPECIFICATION, {"args": positional, "kwonlyargs": keyword_only, "varkw": MISSING})


_SPECIFICATION = python_class("inspect.FullArgSpec")

NAMES: dict[str, Value] = {
    "inspect.signature": Native("inspect.signature", _signature),
    "inspect.Parameter": _PARAMETER,
    "inspect.Signature": _SIGNATURE,
    "inspect.isclass": Native("inspect.isclass", _is_class),
    "inspect.isfunction": Native("inspect.isfunction", _is_function),
    "inspect.ismethod": Native("inspect.ismethod", lambda context, value: isinstance(value, BoundMethod)),
    "inspect.getfullargspec": Native("inspect.getfullargspec", _getfullargspec),
}
