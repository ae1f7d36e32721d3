"""Syntax to closures: each node of a tree is turned, once, into a Python function that evaluates it.

Model code runs the same expressions again and again (blocks of a network, variants of a builder), so what can be
read off the syntax is read once. The closures of whole bodies are kept with their source and live as long as its tree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import libcst as cst

from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Value

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

T = TypeVar("T")

Run = Callable[["Interpreter", Scope], Value]
"""Evaluates an expression, or runs a statement (the result is then None or the signal that ended it)."""

Bind = Callable[["Interpreter", Value, Scope], None]
"""Assigns a value to a target."""

Compiler = Callable[[Any], Run]


class Table(dict[type[cst.CSTNode], Compiler]):
    """Compilers by kind of syntax."""

    def __init__(self, otherwise: Compiler) -> None:
        super().__init__()
        self.otherwise = otherwise

    def __missing__(self, kind: type[cst.CSTNode]) -> Compiler:
        return self.otherwise

    def handles(self, *kinds: type[cst.CSTNode]) -> Callable[[Compiler], Compiler]:
        """Registers the compiler of some kinds of syntax."""

        def register(compiler: Compiler) -> Compiler:
            for kind in kinds:
                self[kind] = compiler
            return compiler

        return register

    def compiled(self, syntax: Any) -> Run:
        """A new closure of a node."""
        return self[type(syntax)](syntax)


def kept(scope: Scope, syntax: Any, make: Callable[[Any], T]) -> T:
    """What `make` makes of a node of the source that `scope` belongs to: made once, and kept as long as the tree."""
    entry = scope.closures.get(id(syntax))
    if entry is None or entry[0] is not syntax:
        entry = scope.closures[id(syntax)] = (syntax, make(syntax))
    return entry[1]


def _not_modelled(syntax: Any) -> Run:
    reason = f"{type(syntax).__name__} is not modelled"
    return lambda interpreter, scope: interpreter.unknown(reason)


EXPRESSIONS = Table(_not_modelled)

expression = EXPRESSIONS.compiled
"""The closure of an expression."""


def late(syntax: Any) -> Run:
    """The closure of an expression that may never be needed: it is made when it first is."""
    made: list[Run] = []

    def run(interpreter: Interpreter, scope: Scope) -> Value:
        if not made:
            made.append(expression(syntax))
        return made[0](interpreter, scope)

    return run
