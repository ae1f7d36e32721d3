"""Initializers that are assigned to layers whose weights are drawn already: they change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Property, Tensor, Value
from gradlint.network import Origin, Parameter

LATE = "late_initializers"
"""Key of `Instance.hidden`: what was assigned after the layer was built."""
_SUFFIX = "_initializer"


class Late(NamedTuple):
    """One such assignment: the attribute, its place, and the weight with the number of draws that it had by then."""

    name: str
    origin: Origin
    parameter: Parameter
    draws: int

    @property
    def idle(self) -> bool:
        """Whether nothing drew the weight again afterwards."""
        return len(self.parameter.history) == self.draws


def initializer_properties(names: Iterable[str]) -> dict[str, Property]:
    """Properties for those arguments of a layer that are initializers."""
    return {name: _property(name) for name in names if name.endswith(_SUFFIX)}


def _property(name: str) -> Property:
    def get(ctx: Context, self: Instance) -> Value:
        return self.attrs.get(name)

    def assign(ctx: Context, self: Instance, value: Value) -> None:
        ctx.modified(self)
        self.attrs[name] = value
        weight = self.hidden.get("weights", {}).get(name.removesuffix(_SUFFIX))
        if self.hidden.get("built") and isinstance(weight, Tensor) and weight.parameter is not None:
            late = Late(name, ctx.origin(), weight.parameter, len(weight.parameter.history))
            self.hidden.setdefault(LATE, []).append(late)

    return Property(Native(f"keras.Layer.{name}", get), Native(f"keras.Layer.{name}", assign))
