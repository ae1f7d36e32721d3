"""Exceptions that travel through evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self


class CallError(Exception):
    """An expression given to build a network cannot be evaluated; the text says why, for the user."""


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What an operation asks of a tensor that it cannot take, whose `shape` tells by its identity which tensor it is.

    The tensor would need so many axes (`rank`), or `size` entries along an `axis` (counted from the end, or of a tensor
    of that rank), where these are not None; or it would have to hold `indices`; or have these `sides`, the sizes behind
    the axes of batch and channels.
    """

    shape: Any
    rank: int | None = None
    axis: int = -1
    size: int | None = None
    indices: bool = False
    sides: tuple[int, ...] | None = None


class Raised(Exception):
    """The analysed program raises: `type_name` is the exception's class name, `value` the exception object.

    `demand` is what the operation that raises asked for, if that is known.
    """

    def __init__(self, type_name: str, message: str = "", value: Any = None, demand: Demand | None = None) -> None:
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.type_name = type_name
        self.message = message
        self.value = value
        self.demand = demand

    def bare(self) -> Self:
        """This exception, to be kept: without the calls that were in progress, and all that they hold."""
        self.__context__ = None
        return self.with_traceback(None)


class ShapeMismatch(Raised):
    """The analysed program would raise because shapes do not fit; another input size may."""

    def __init__(self, message: str, demand: Demand | None = None) -> None:
        super().__init__("RuntimeError", message, demand=demand)


OWN_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError, NotImplementedError)
"""What a mistake in gradlint itself raises on source that it does not foresee.

It costs the statement, function or network at hand, which becomes unknown, and is noted; never the run.
"""


class BudgetExceeded(Exception):
    """A limit on steps, nodes or depth was reached; the text says which."""


class AttemptExceeded(BudgetExceeded):
    """One of several things that are tried, `attempt`, has reached its limit; the others may go on."""

    def __init__(self, message: str, attempt: object) -> None:
        super().__init__(message)
        self.attempt = attempt
