"""Which functions would only run again what has run already: variants of one network, of which a library has dozens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import libcst as cst

from gradlint.evaluation.classes import is_layer_class
from gradlint.evaluation.syntax import descendants, dotted_name
from gradlint.evaluation.values import MISSING, Class, Deferred, Function, ModuleValue, Symbol, Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

_WORK = (cst.For, cst.While, cst.With, cst.Try, cst.CompFor, cst.Yield)
"""A function that holds one of these does something of its own."""


class Novelty:
    """Remembers the functions that ran, and tells of others whether they lead to code that has not run yet."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._ran: list[Function] = []
        self._mentioned: set[str] = set()

    def ran(self, function: Function) -> None:
        """Note that `function` runs now."""
        self._ran.append(function)

    def has(self, function: Function) -> bool:
        """Whether `function` does work of its own, or is the first to name something that has never run.

        Work of its own are loops and the like, and layers of a framework; to call other functions of the source with
        other numbers is none.
        """
        while self._ran:
            self._mentioned.update(_names(self._ran.pop().syntax.body))
        if not isinstance(function.syntax, cst.FunctionDef) or any(
            isinstance(node, _WORK) for node in descendants(function.syntax.body)
        ):
            return True
        names = {*_names(function.syntax.body)}
        return any(self._is_work(self._value(function, name), name) for name in names)

    def _is_work(self, value: Value, name: str) -> bool:
        if type(value) is Class and is_layer_class(value):
            return value.syntax is None or ("__instantiated__" not in value.namespace and name not in self._mentioned)
        if type(value) is Function:
            return "__called__" not in value.attributes and name not in self._mentioned
        return type(value) is Deferred and name not in self._mentioned

    def _value(self, function: Function, name: str) -> Value:
        """What a name in the body of a function means before the function has run; `MISSING` if it is its own."""
        head, _, rest = name.partition(".")
        value = function.scope.find(head)
        if rest and type(value) is ModuleValue:
            return value.scope.variables.get(rest.partition(".")[0], MISSING)
        if rest and type(value) is Symbol:
            return self.interpreter.modules.symbol(f"{value.name}.{rest}")
        return value


def named_by(functions: Iterable[Function]) -> set[str]:
    """The names of those of `functions` that others of them name in their bodies."""
    names = {function.name for function in functions}
    return {
        node.value
        for function in functions
        if isinstance(function.syntax, cst.FunctionDef)
        for node in descendants(function.syntax.body)
        if isinstance(node, cst.Name) and node.value in names and node.value != function.name
    }


def _names(syntax: cst.CSTNode) -> Iterator[str]:
    """The names in a piece of source, those of their attributes with dots (`nn.Linear`)."""
    for node in descendants(syntax):
        if isinstance(node, (cst.Name, cst.Attribute)) and (name := dotted_name(node)):
            yield name
