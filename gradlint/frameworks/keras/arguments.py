"""Signatures of Keras layers as data, and checks that arguments are what they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Assumed, Value
from gradlint.network import Shape


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameter names in order; those in `defaults` may be left out."""

    names: tuple[str, ...]
    defaults: Mapping[str, Any]

    def bind(
        self, ctx: Context, callee: str, args: Sequence[Value], kwargs: Mapping[str, Value]
    ) -> tuple[dict[str, Value], dict[str, Value]]:
        """The value of each parameter, and the keyword arguments that are no parameter.

        Raises the program's TypeError for too many, repeated or missing arguments.
        """
        names = self.names
        if len(args) > len(names):
            ctx.fail("TypeError", f"{callee}() takes {len(names)} positional arguments but {len(args)} were given")
        bound = dict(self.defaults)
        bound.update(zip(names, args, strict=False))
        rest: dict[str, Value] = {}
        taken = names[: len(args)]
        for key, value in kwargs.items():
            if key in taken:
                ctx.fail("TypeError", f"{callee}() got multiple values for argument '{key}'")
            if key in names:
                bound[key] = value
            else:
                rest[key] = value
        if len(bound) < len(names):
            missing = next(name for name in names if name not in bound)
            ctx.fail("TypeError", f"{callee}() missing required argument: '{missing}'")
        return bound, rest


def signature(*required: str, **defaults: Any) -> Signature:
    """A signature from the required names and, in order, the names with defaults."""
    return Signature((*required, *defaults), defaults)


def is_int(value: Value) -> TypeGuard[int]:
    """Whether `value` is a known integer (an assumed one too)."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Value) -> TypeGuard[float]:
    """Whether `value` is a known real number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def integer(value: Value) -> int | None:
    """`value` as an integer, or None when it is not a known one. Whole floats count."""
    if is_int(value):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return None


def number(value: Value, default: float) -> float:
    """`value` if it is a known number, else `default`."""
    return float(value) if is_number(value) else default


def flag(value: Value, default: bool = False) -> bool:
    """`value` as a truth value; `default` when it is not known."""
    if isinstance(value, (bool, int, float, str)) or value is None:
        return bool(value)
    return default


def sizes(value: Value, count: int) -> tuple[int, ...] | None:
    """`count` integers from one integer or a sequence of that many (`kernel_size=3`); None when not known."""
    if (single := integer(value)) is not None:
        return (single,) * count
    if isinstance(value, (list, tuple)):
        entries = [integer(entry) for entry in value]
        if len(entries) == 1:
            entries *= count
        if len(entries) == count and all(entry is not None for entry in entries):
            return tuple(entry for entry in entries if entry is not None)
    return None


def shape_or_none(*dimensions: Value) -> Shape | None:
    """The dimensions as a shape, or None when one of them is not a known integer."""
    if all(is_int(dimension) for dimension in dimensions):
        return dimensions
    return None


def assumed(shape: Sequence[Value] | None) -> bool:
    """Whether a shape rests on an assumed width."""
    return shape is not None and any(isinstance(dimension, Assumed) for dimension in shape)


def argument(args: Sequence[Value], kwargs: Mapping[str, Value], position: int, name: str) -> Value:
    """An argument by position or by name, or `MISSING`."""
    return args[position] if len(args) > position else kwargs.get(name, MISSING)
