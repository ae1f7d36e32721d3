"""What layers over spatial axes share: data format, windows, and where the channels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks.keras.arguments import integer
from gradlint.frameworks.keras.state import keras_state
from gradlint.network import Shape


def channels_first(ctx: Context, self: Instance) -> bool:
    """Whether the layer's data format has the channels before the spatial axes."""
    declared = self.attrs.get("data_format")
    return (declared if isinstance(declared, str) else keras_state(ctx).data_format) == "channels_first"


def channel_count(shape: Value, first: bool) -> int | None:
    """The number of channels of a shape with batch; None where it is not known."""
    if not isinstance(shape, (list, tuple)) or len(shape) < 2:
        return None
    return integer(shape[1] if first else shape[-1])


@dataclass(frozen=True, slots=True)
class Layout:
    """A batch of grids taken apart: spatial sizes and channels, whichever way round they stand."""

    batch: int
    spatial: tuple[int, ...]
    channels: int
    first: bool

    def shape(self, spatial: Sequence[int], channels: int | None = None) -> Shape:
        """A shape of the same layout with other spatial sizes and channels."""
        count = self.channels if channels is None else channels
        return (self.batch, count, *spatial) if self.first else (self.batch, *spatial, count)

    @property
    def spatial_axes(self) -> tuple[int, ...]:
        """The axes of the spatial sizes."""
        start = 2 if self.first else 1
        return tuple(range(start, start + len(self.spatial)))


def layout(x: Tensor, rank: int, first: bool, name: object) -> Layout | None:
    """The layout of a tensor of `rank` spatial axes; None when its shape is not known."""
    shape = x.shape
    if shape is None:
        return None
    if len(shape) != rank + 2:
        raise ShapeMismatch(f"{name} expects {rank + 2} axes, but the input is {shape}")
    if first:
        return Layout(shape[0], shape[2:], shape[1], True)
    return Layout(shape[0], shape[1:-1], shape[-1], False)


def tensor_or_none(value: Value) -> Tensor | None:
    """`value` if it is a tensor."""
    return value if isinstance(value, Tensor) else None


def rank_of(self: Instance) -> int:
    """The number of spatial axes in the name of a layer's framework class (`Conv2D`: 2)."""
    for cls in self.cls.mro:
        name = getattr(cls, "name", "")
        if getattr(cls, "syntax", None) is None:
            for digit in "123":
                if f"{digit}D" in name:
                    return int(digit)
    return 2


def class_name(self: Instance) -> str:
    """The dotted name of the framework class that a layer is or derives from."""
    for cls in self.cls.mro:
        if getattr(cls, "syntax", None) is None:
            return str(getattr(cls, "name", ""))
    return self.cls.name
