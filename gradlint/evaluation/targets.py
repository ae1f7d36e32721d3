"""Assignment to names, attributes, subscripts and (starred) tuples of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Instance, Tensor, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def bind(interpreter: Interpreter, target: Any, value: Value, scope: Scope) -> None:
    """Assign `value` to `target`, unpacking it where the target is a tuple or list."""
    if isinstance(target, cst.Name):
        if interpreter.trails and scope.outer_names and target.value in scope.outer_names:
            interpreter.modified(scope.outer_names[target.value])
        scope.assign(target.value, value)
        if type(value) is Instance and "variable" not in value.hidden:
            value.hidden["variable"] = target.value
    elif isinstance(target, cst.Attribute):
        receiver = interpreter.evaluate(target.value, scope)
        interpreter.frame.syntax = target
        interpreter.setattr(receiver, target.attr.value, value)
    elif isinstance(target, cst.Subscript):
        from gradlint.evaluation import subscripts

        receiver = interpreter.evaluate(target.value, scope)
        key = subscripts.key(interpreter, target.slice, scope)
        interpreter.frame.syntax = target
        subscripts.assign(interpreter, receiver, key, value)
    elif isinstance(target, (cst.Tuple, cst.List)):
        _unpack(interpreter, target.elements, value, scope)


def _unpack(interpreter: Interpreter, elements: Any, value: Value, scope: Scope) -> None:
    values = _values_to_unpack(interpreter, elements, value)
    star = next((i for i, element in enumerate(elements) if isinstance(element, cst.StarredElement)), None)
    if star is None:
        if len(values) != len(elements):
            raise Raised("ValueError", f"cannot unpack {len(values)} values into {len(elements)} names")
        for element, item in zip(elements, values, strict=True):
            bind(interpreter, element.value, item, scope)
        return
    after = len(elements) - star - 1
    if len(values) < star + after:
        raise Raised("ValueError", "not enough values to unpack")
    for element, item in zip(elements[:star], values[:star], strict=True):
        bind(interpreter, element.value, item, scope)
    bind(interpreter, elements[star].value, values[star : len(values) - after], scope)
    for element, item in zip(elements[star + 1 :], values[len(values) - after :], strict=True):
        bind(interpreter, element.value, item, scope)


def _values_to_unpack(interpreter: Interpreter, elements: Any, value: Value) -> list[Value]:
    if isinstance(value, Unknown):
        if value.shape_of is not None:
            value.shape_of.attributes.setdefault("rank", len(elements))
        return [value] * len(elements)
    if isinstance(value, Tensor) and value.shape is None:
        return [interpreter.opaque("part of a tensor of unknown shape", [value]) for _ in elements]
    values = interpreter.iterate(value)
    if len(values) == 1 and isinstance(values[0], Unknown) and len(elements) != 1:
        return [values[0]] * len(elements)
    return values
