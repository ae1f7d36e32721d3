"""Class definitions, the order in which attributes are looked up, and the notice taken of new layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.records import Created
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import MISSING, Class, Instance, Native, Symbol, Unknown, Value
from gradlint.network import Origin

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

LAYER_BASES = ("torch.nn.Module", "keras.Layer")
"""The classes from which every layer and model of a framework derives."""


NETWORK_BASES = ("torch.nn.Sequential", "keras.Model", "torch.nn.Transformer", "torch.nn.TransformerEncoder")
"""Framework classes whose objects are networks, not single layers."""


def define(interpreter: Interpreter, syntax: cst.ClassDef, scope: Scope) -> Class:
    """The class that a `class` statement makes."""
    interpreter.frame.syntax = syntax
    bases: list[Value] = []
    for arg in syntax.bases:
        value = interpreter.evaluate(arg.value, scope)
        bases.extend(interpreter.iterate(value) if arg.star == "*" else [value])
    frame = interpreter.frame
    cls = Class(
        syntax.name.value,
        tuple(base for base in bases if isinstance(base, (Class, Symbol, Unknown))),
        syntax=syntax,
        origin=Origin(frame.source, syntax, frame.caller),
        module=str(scope.module.variables.get("__name__", "")),
    )
    cls.mro = linearize(cls)
    body = Scope(scope.source, scope, is_class=True)
    body.variables["__class_under_construction__"] = cls
    interpreter.block(syntax.body, body)
    body.variables.pop("__class_under_construction__")
    cls.namespace = body.variables
    _assume_module(cls)
    interpreter.record.classes.append(cls)
    for base in cls.mro[1:]:
        finish = base.namespace.get("__gradlint_finish__") if isinstance(base, Class) else None
        if finish is not None:
            finish.call(interpreter, cls)
            break
    hook = next((b.namespace["__init_subclass__"] for b in cls.mro[1:] if _has_hook(b)), None)
    if hook is not None:
        keywords = {a.keyword.value: interpreter.evaluate(a.value, scope) for a in syntax.keywords if a.keyword}
        keywords.pop("metaclass", None)
        interpreter.call(getattr(hook, "function", hook), cls, **keywords)
    return cls


def _has_hook(base: Value) -> bool:
    return isinstance(base, Class) and base.syntax is not None and "__init_subclass__" in base.namespace


def _assume_module(cls: Class) -> None:
    """Let a class with a `forward` method and a base that is not analysed be a torch module, as it nearly always is."""
    if "forward" in cls.namespace and cls.opaque and not cls.derives_from("torch.nn.Module"):
        from gradlint.frameworks import resolve

        module = resolve("torch.nn.Module")
        if isinstance(module, Class):
            cls.mro = (*cls.mro, *module.mro)


def linearize(cls: Class) -> tuple[Value, ...]:
    """The method resolution order (C3); where there is none, depth first, each class once."""
    sequences = [list(base.mro) if isinstance(base, Class) else [base] for base in cls.bases]
    sequences.append(list(cls.bases))
    order: list[Value] = [cls]
    while sequences := [sequence for sequence in sequences if sequence]:
        head = next(
            (s[0] for s in sequences if not any(_is_in(s[0], other[1:]) for other in sequences)), sequences[0][0]
        )
        order.append(head)
        sequences = [[item for item in sequence if item is not head] for sequence in sequences]
    return tuple(order)


def _is_in(item: Value, others: list[Value]) -> bool:
    return any(item is other for other in others)


def is_layer_class(cls: Class) -> bool:
    """Whether objects of `cls` are layers or models of a framework."""
    known = cls.namespace.get("__gradlint_layer__")
    if known is None:
        known = cls.namespace["__gradlint_layer__"] = any(cls.derives_from(base) for base in LAYER_BASES)
    return bool(known)


def is_network_class(cls: Class) -> bool:
    """Whether objects of `cls` are networks of their own: layers of the source, and containers of a framework."""
    known = cls.namespace.get("__gradlint_network__")
    if known is None:
        container = cls.syntax is not None or any(cls.derives_from(name) for name in NETWORK_BASES)
        known = cls.namespace["__gradlint_network__"] = container and is_layer_class(cls)
    return bool(known)


def note_creation(interpreter: Interpreter, made: Instance) -> None:
    """Remember a new layer or model; every other object is none of our business."""
    cls = made.cls
    if isinstance(cls.syntax, cst.ClassDef):
        cls.namespace["__instantiated__"] = True
    if is_layer_class(cls):
        if interpreter.uncertain:
            made.hidden["uncertain"] = interpreter.uncertain
        frame = interpreter.frames[-1] if interpreter.frames else None
        syntax: Any = frame.syntax if frame is not None else None
        interpreter.record.created.append(Created(made, interpreter.uncertain, syntax, interpreter.constructing > 0))


def python_class(name: str, bases: tuple[Class, ...] = (), namespace: dict[str, Value] | None = None) -> Class:
    """A class of Python itself or its standard library."""
    cls = Class(name, bases, namespace or {})
    cls.mro = linearize(cls)
    return cls


def find_method(cls: Class, name: str) -> Value:
    """A method that is defined in the analysed source, or `MISSING`."""
    found = cls.find(name)
    return MISSING if isinstance(found, Native) else found
