"""Calls in progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradlint.evaluation.scopes import Scope
from gradlint.evaluation.values import Value
from gradlint.network import Origin, PositionSource

if TYPE_CHECKING:
    from gradlint.evaluation.values import Function


class Frame:
    """One call in progress: whose code runs, from where it was called, and what it may yet return."""

    __slots__ = (
        "arguments",
        "caller",
        "condition",
        "function",
        "possible_break",
        "possible_returns",
        "scope",
        "source",
        "syntax",
        "yields",
    )

    def __init__(self, source: PositionSource, function: Function | None, caller: Origin | None) -> None:
        self.source = source
        self.function = function
        self.caller = caller
        self.syntax: Any = None
        self.arguments: dict[str, Value] = {}
        self.scope: Scope | None = None
        self.possible_returns: list[Value] = []
        self.possible_break = False
        self.condition = ""
        """What is said of values that depend on the last condition that was not known."""
        self.yields: list[Value] | None = None
