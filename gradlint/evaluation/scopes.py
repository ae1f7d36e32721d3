"""Variables: one scope per module, class body, function call and comprehension."""

from __future__ import annotations

from typing import Any

from gradlint.evaluation.values import MISSING
from gradlint.sources import SourceFile


class Scope:
    """Variables of one block, and the block around it.

    `module` is the scope of the file. `function` is the call in progress whose body this is, if any.
    `closures` are those that are kept with the source, by identity of their syntax.
    `outer_names` are the names declared `global` or `nonlocal`, with the scope that they live in.
    """

    __slots__ = ("closures", "function", "is_class", "module", "outer_names", "parent", "source", "variables")

    def __init__(
        self,
        source: SourceFile,
        parent: Scope | None = None,
        function: Any = None,
        is_class: bool = False,
    ) -> None:
        self.variables: dict[str, Any] = {}
        self.parent = parent
        self.closures: dict[int, tuple[Any, Any]] = source.closures if parent is None else parent.closures
        self.source = source
        self.module: Scope = parent.module if parent is not None else self
        self.function: Any = function if function is not None else (parent.function if parent is not None else None)
        self.outer_names: dict[str, Scope] | None = None
        self.is_class = is_class

    def find(self, name: str) -> Any:
        """The value of `name` here or around here, or `MISSING`. Class bodies are invisible from inside functions."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.variables.get(name, MISSING)
            if value is not MISSING and (scope is self or not scope.is_class):
                return value
            scope = scope.parent
        return MISSING

    def find_around(self, name: str) -> Any:
        """The value of `name` around here, or `MISSING`."""
        scope = self.parent
        while scope is not None:
            if not scope.is_class:
                value = scope.variables.get(name, MISSING)
                if value is not MISSING:
                    return value
            scope = scope.parent
        return MISSING

    def assign(self, name: str, value: Any) -> None:
        """Bind `name`, in the scope that a `global` or `nonlocal` statement names if there is one."""
        if self.outer_names is not None and name in self.outer_names:
            self.outer_names[name].variables[name] = value
        else:
            self.variables[name] = value

    def owner_of(self, name: str) -> Scope | None:
        """The innermost scope around this one that binds `name`."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.variables:
                return scope
            scope = scope.parent
        return None
