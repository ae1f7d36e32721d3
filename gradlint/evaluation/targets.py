"""Assignment to names, attributes, subscripts and (starred) tuples of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from gradlint.evaluation import attributes
from gradlint.evaluation.compiling import Bind, expression
from gradlint.evaluation.errors import Demand, Raised
from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Instance, Tensor, Unknown, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter


def target(syntax: Any) -> Bind:
    """The closure that assigns to a target, unpacking where that is a tuple or list."""
    return _TARGETS.get(type(syntax), _nothing)(syntax)  # type: ignore[no-any-return]


def _nothing(syntax: Any) -> Bind:
    return lambda interpreter, value, scope: None


def _name(syntax: cst.Name) -> Bind:
    name = syntax.value

    def run(interpreter: Interpreter, value: Value, scope: Scope) -> None:
        if scope.outer_names is None:
            scope.variables[name] = value
        else:
            if interpreter.trails and name in scope.outer_names:
                interpreter.modified(scope.outer_names[name])
            scope.assign(name, value)
        if type(value) is Instance and "variable" not in value.hidden:
            value.hidden["variable"] = name

    return run


def _attribute(syntax: cst.Attribute) -> Bind:
    receiver, name = expression(syntax.value), syntax.attr.value

    def run(interpreter: Interpreter, value: Value, scope: Scope) -> None:
        owner = receiver(interpreter, scope)
        interpreter.frames[-1].syntax = syntax
        attributes.assign(interpreter, owner, name, value)

    return run


def _subscript(syntax: cst.Subscript) -> Bind:
    from gradlint.evaluation import subscripts

    receiver, index = expression(syntax.value), subscripts.index(syntax.slice)

    def run(interpreter: Interpreter, value: Value, scope: Scope) -> None:
        owner = receiver(interpreter, scope)
        key = index(interpreter, scope)
        interpreter.frames[-1].syntax = syntax
        subscripts.assign(interpreter, owner, key, value)

    return run


def _several(syntax: Any) -> Bind:
    targets = tuple(target(element.value) for element in syntax.elements)
    count = len(targets)
    star = next((i for i, element in enumerate(syntax.elements) if isinstance(element, cst.StarredElement)), None)

    def run(interpreter: Interpreter, value: Value, scope: Scope) -> None:
        values = _values_to_unpack(interpreter, count, value)
        if star is None:
            if len(values) != count:
                message = f"cannot unpack {len(values)} values into {count} names"
                raise Raised("ValueError", message, demand=Demand(value, count))
            for assign, item in zip(targets, values, strict=True):
                assign(interpreter, item, scope)
            return
        after = count - star - 1
        if len(values) < star + after:
            raise Raised("ValueError", "not enough values to unpack")
        middle = len(values) - after
        for assign, item in zip(targets[:star], values[:star], strict=True):
            assign(interpreter, item, scope)
        targets[star](interpreter, values[star:middle], scope)
        for assign, item in zip(targets[star + 1 :], values[middle:], strict=True):
            assign(interpreter, item, scope)

    return run


_TARGETS: dict[type[cst.CSTNode], Any] = {
    cst.Name: _name,
    cst.Attribute: _attribute,
    cst.Subscript: _subscript,
    cst.Tuple: _several,
    cst.List: _several,
}


def _values_to_unpack(interpreter: Interpreter, count: int, value: Value) -> list[Value]:
    if isinstance(value, Unknown):
        if value.shape_of is not None:
            value.shape_of.attributes.setdefault("rank", count)
        return [value] * count
    if isinstance(value, Tensor) and value.shape is None:
        return [interpreter.opaque("part of a tensor of unknown shape", [value]) for _ in range(count)]
    values = interpreter.iterate(value)
    if len(values) == 1 and isinstance(values[0], Unknown) and count != 1:
        return [values[0]] * count
    return values
