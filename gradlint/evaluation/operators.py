"""Python's operators on known values, within limits."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradlint.evaluation.errors import Raised
from gradlint.evaluation.values import (
    MISSING,
    Array,
    Class,
    Instance,
    Symbol,
    Tensor,
    Unknown,
    Value,
    contains_unknown,
)

if TYPE_CHECKING:
    from gradlint.evaluation.interpreter import Interpreter

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}

_DUNDER = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "truediv",
    "//": "floordiv",
    "%": "mod",
    "**": "pow",
    "@": "matmul",
    "&": "and",
    "|": "or",
    "^": "xor",
    "<<": "lshift",
    ">>": "rshift",
}

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_COMPARISON_DUNDER = {"==": "__eq__", "!=": "__ne__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}

_UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "+": operator.pos, "~": operator.invert}
_UNARY_DUNDER = {"-": "__neg__", "+": "__pos__", "~": "__invert__"}

_WIDE_FORMAT = re.compile(r"\d{5}|\*")
_NUMBERS = frozenset({int, float, bool, complex})
_ATOMS = _NUMBERS | {str, bytes, type(None)}
"""Types whose values are known in whole, and compare as they do in Python."""
_OF_SETS = frozenset({"|", "&", "^", "-"})
_SETS = (list, set, frozenset)
_GROWING = frozenset({"*", "**", "<<", "@"})
"""Operators whose result may be far larger than two numbers, or that numbers do not have."""
_ERRORS = (TypeError, ValueError, ZeroDivisionError, OverflowError, KeyError, IndexError, AttributeError, MemoryError)


def binary(interpreter: Interpreter, symbol: str, left: Value, right: Value) -> Value:
    """`left symbol right` as Python and the frameworks define it."""
    if type(left) in _NUMBERS and type(right) in _NUMBERS:
        if symbol in _GROWING and type(left) is not float and type(right) is not float:
            return known(interpreter, symbol, left, right)
        try:
            return BINARY[symbol](left, right)
        except _ERRORS as error:
            raise Raised(type(error).__name__, str(error)) from None
    if type(left) is Array or type(right) is Array or _is_row(left, right) or _is_row(right, left):
        left, right = as_tensor(interpreter, left), as_tensor(interpreter, right)
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        from gradlint.frameworks.operators import binary_operation

        return binary_operation(interpreter, symbol, left, right)
    result = _by_method(interpreter, left, right, _DUNDER[symbol])
    if result is not MISSING:
        return result
    left, right = plain(left), plain(right)
    for side in (left, right):
        if isinstance(side, Unknown):
            side.cost += 1
            return side
    if (
        symbol == "|"
        and isinstance(left, (Class, Symbol, type(None)))
        and isinstance(right, (Class, Symbol, type(None)))
    ):
        return (left, right)
    if (
        symbol in _OF_SETS
        and isinstance(left, _SETS)
        and isinstance(right, _SETS)
        and list in (type(left), type(right))
    ):
        left, right = set(left), set(right)  # the keys of a dict are represented by a list
    return known(interpreter, symbol, left, right)


def _is_row(value: Value, other: Value) -> bool:
    return type(value) is list and isinstance(other, Tensor)


def as_tensor(interpreter: Interpreter, value: Value) -> Value:
    """An array of numpy, or a list of numbers, as a tensor; anything else as it is."""
    if type(value) is list and value and all(type(entry) in (int, float) for entry in value):
        value = Array(value)
    if type(value) is not Array:
        return value
    from gradlint.frameworks.numpy import array_tensor

    return array_tensor(interpreter, value)


def plain(value: Value) -> Value:
    """The Python value that an object wraps, or the object itself."""
    return value.payload if isinstance(value, Instance) and value.payload is not None else value


def _by_method(interpreter: Interpreter, left: Value, right: Value, name: str) -> Value:
    if isinstance(left, Instance):
        method = left.cls.find(f"__{name}__")
        if method is not MISSING:
            return interpreter.call(method, left, right)
    if isinstance(right, Instance):
        method = right.cls.find(f"__r{name}__")
        if method is not MISSING:
            return interpreter.call(method, right, left)
    return MISSING


def known(interpreter: Interpreter, symbol: str, left: Any, right: Any) -> Value:
    """`left symbol right` on Python values; Unknown when the result would be too large, `Raised` as Python would."""
    limit = too_large(interpreter, symbol, left, right)
    if limit:
        return interpreter.unknown(f"the result of {symbol} is too large")
    if not (_is_data(left) and _is_data(right)):
        return interpreter.unknown(f"{symbol} on {describe(left)} and {describe(right)} is not modelled")
    try:
        return BINARY[symbol](left, right)
    except _ERRORS as error:
        raise Raised(type(error).__name__, str(error)) from None


def too_large(interpreter: Interpreter, symbol: str, left: Any, right: Any) -> bool:
    """Whether computing `left symbol right` would exceed the limits on integers, strings or containers."""
    limits = interpreter.budget.limits
    if symbol == "**" and isinstance(left, int) and isinstance(right, int):
        return left.bit_length() * abs(right) > limits.bits
    if symbol == "<<" and isinstance(left, int) and isinstance(right, int):
        return left.bit_length() + right > limits.bits
    if symbol == "*":
        for sequence, count in ((left, right), (right, left)):
            if isinstance(sequence, (str, bytes)) and isinstance(count, int):
                return len(sequence) * count > limits.characters
            if isinstance(sequence, (list, tuple)) and isinstance(count, int):
                return len(sequence) * count > limits.items
        if isinstance(left, int) and isinstance(right, int):
            return left.bit_length() + right.bit_length() > 2 * limits.bits
    if symbol == "+":
        if isinstance(left, (str, bytes)) and isinstance(right, (str, bytes)):
            return len(left) + len(right) > limits.characters
        if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
            return len(left) + len(right) > limits.items
    return symbol == "%" and isinstance(left, (str, bytes)) and bool(_WIDE_FORMAT.search(str(left)))


def _is_data(value: Any) -> bool:
    return isinstance(value, (int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type(None)))


def describe(value: Value) -> str:
    """A short name of what `value` is, for messages."""
    if isinstance(value, Instance):
        return value.cls.name
    if isinstance(value, (Class, Symbol)):
        return value.name
    return type(value).__name__.lower()


def compare(interpreter: Interpreter, symbol: str, left: Value, right: Value) -> Value:
    """One comparison; a bool, an Unknown, or a tensor."""
    if symbol in ("is", "is not"):
        same = identical(left, right)
        if same is None:
            return _unknown_of(left, right) or interpreter.unknown("identity of what a library names")
        return same == (symbol == "is")
    if symbol in ("in", "not in"):
        found = contains(interpreter, right, left)
        return found if isinstance(found, Unknown) else found == (symbol == "in")
    if type(left) is Array or type(right) is Array:
        left, right = as_tensor(interpreter, left), as_tensor(interpreter, right)
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        if symbol in ("==", "!=") and (left is None or right is None):
            return symbol == "!="
        from gradlint.frameworks.operators import compare as compare_tensors

        return compare_tensors(interpreter, symbol, left, right)
    if type(left) not in _ATOMS or type(right) not in _ATOMS:
        for side in (left, right):
            if isinstance(side, Unknown):
                return side
        name = _COMPARISON_DUNDER[symbol]
        for receiver, other in ((left, right), (right, left)):
            if isinstance(receiver, Instance) and (method := receiver.cls.find(name)) is not MISSING:
                return interpreter.call(method, receiver, other)
        left, right = plain(left), plain(right)
    if symbol in ("==", "!="):
        equal = equals(left, right)
        if equal is None:
            return contains_unknown([left, right]) or interpreter.unknown("equality with what a library names")
        return equal == (symbol == "==")
    try:
        return COMPARISONS[symbol](left, right)
    except (TypeError, RecursionError) as error:
        if (unknown := contains_unknown([left, right])) is not None:
            return unknown
        if isinstance(left, Symbol) or isinstance(right, Symbol):
            return interpreter.unknown(f"comparison with {describe(left if isinstance(left, Symbol) else right)}")
        raise Raised("TypeError", str(error)) from None


def _unknown_of(*values: Value) -> Unknown | None:
    """The first of `values` that is not known, if any is not."""
    return next((value for value in values if isinstance(value, Unknown)), None)


def identical(left: Value, right: Value) -> bool | None:
    """Whether `left is right`; None when one of them is not known."""
    if left is right:
        return True
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return None
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        return left.name == right.name
    if isinstance(left, Symbol) or isinstance(right, Symbol):
        other = right if isinstance(left, Symbol) else left
        return False if other is None or isinstance(other, (bool, Instance, Class)) else None
    if isinstance(left, (int, str, float)) and type(left) is type(right):
        return bool(left == right)
    return False


def equals(left: Value, right: Value) -> bool | None:
    """Whether `left == right`; None when that depends on something unknown."""
    if type(left) in _ATOMS and type(right) in _ATOMS:
        return bool(left == right)
    left, right = plain(left), plain(right)
    if left is right and not isinstance(left, Unknown):
        return True
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return None
    if isinstance(left, Symbol) != isinstance(right, Symbol):
        other = right if isinstance(left, Symbol) else left
        return False if other is None or isinstance(other, (Instance, Class)) else None
    if isinstance(left, (list, tuple)) and type(left) is type(right):
        if len(left) != len(right):
            return False
        results = [equals(a, b) for a, b in zip(left, right, strict=True)]
        return False if False in results else None if None in results else True
    try:
        return bool(left == right)
    except (TypeError, RecursionError):
        return None


def contains(interpreter: Interpreter, container: Value, item: Value) -> Value:
    """Whether `item in container`: a bool or an Unknown."""
    if isinstance(container, Instance):
        method = container.cls.find("__contains__")
        if method is not MISSING:
            return interpreter.call(method, container, item)
        if container.payload is None:
            return any(equals(entry, item) for entry in interpreter.iterate(container))
    container = plain(container)
    if isinstance(container, Unknown):
        return container
    if isinstance(item, Unknown):
        return item
    item = plain(item) if not isinstance(container, (list, tuple, dict, set, frozenset)) else item
    if isinstance(container, (dict, set, frozenset, range)):
        try:
            return item in container
        except TypeError as error:
            raise Raised("TypeError", str(error)) from None
    if isinstance(container, (str, bytes)):
        try:
            return item in container
        except TypeError as error:
            raise Raised("TypeError", str(error)) from None
    if isinstance(container, (list, tuple)):
        if type(item) in _ATOMS and _ATOMS.issuperset(map(type, container)):
            return item in container
        results = [equals(entry, item) for entry in container]
        if True in results:
            return True
        return (contains_unknown(container) or interpreter.unknown("membership")) if None in results else False
    if isinstance(container, Class):
        return any(equals(entry, item) for entry in interpreter.iterate(container))
    return interpreter.unknown(f"membership in {describe(container)}")


def unary(interpreter: Interpreter, symbol: str, operand: Value) -> Value:
    """`symbol operand` for "-", "+", "~" and "not"."""
    if symbol == "not":
        truth = interpreter.truth(operand)
        if truth is None:
            return _unknown_of(operand) or interpreter.unknown(f"whether {describe(operand)} is true")
        return not truth
    if type(operand) is Array:
        operand = as_tensor(interpreter, operand)
    if isinstance(operand, Tensor):
        from gradlint.frameworks.operators import unary_operation

        return unary_operation(interpreter, symbol, operand)
    if isinstance(operand, Instance):
        method = operand.cls.find(_UNARY_DUNDER[symbol])
        if method is not MISSING:
            return interpreter.call(method, operand)
        operand = plain(operand)
    if isinstance(operand, Unknown):
        return operand
    try:
        return _UNARY[symbol](operand)
    except TypeError as error:
        raise Raised("TypeError", str(error)) from None
