"""Parameters of a network and the distributions that they are drawn from at initialization."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from gradlint.network.origin import Origin

Family = Literal["normal", "truncated_normal", "uniform", "constant", "orthogonal", "identity", "unknown"]


@dataclass(frozen=True, slots=True)
class Distribution:
    """What the entries of a parameter are drawn from.

    `mean` and `std` are those of the entries as drawn (for truncated families: after truncation), so
    `std**2` is the weight variance of the theory. For `orthogonal`, `std` is the root mean square of the
    entries (gain / sqrt(max(rows, columns)) of the flattened matrix) and `gain` its gain. `unknown` has NaN,
    or moments that are known of a distribution that has no name.

    `scheme` is the lower-case name of the scheme that chose the scale: "he", "xavier", "lecun", "torch"
    (a * sqrt(5) He-uniform default), "keras" (Glorot default), "orthogonal", "explicit" (a literal scale),
    "constant", "reparametrized" (what spectral normalization and the like leave, whatever was drawn),
    "unknown". `text` is how the user's source writes it. `explicit` is true when user code chose it, and `origin`
    is then where. `parts` are later draws that overwrote only some of the entries, each with its
    window (axis, start, stop), or None where it is not known which entries (the forget bias of an LSTM, say);
    mean and std are those of the others.
    """

    family: Family
    mean: float = 0.0
    std: float = 0.0
    scheme: str = "explicit"
    gain: float = 1.0
    text: str = ""
    explicit: bool = False
    origin: Origin | None = None
    parts: tuple[tuple[tuple[int, int, int] | None, Distribution], ...] = ()

    @property
    def variance(self) -> float:
        """Variance of an entry."""
        return self.std * self.std

    @property
    def mean_square(self) -> float:
        """E[w^2] of an entry."""
        return self.std * self.std + self.mean * self.mean

    @property
    def known(self) -> bool:
        """Whether mean and std are numbers."""
        return not math.isnan(self.std)


UNKNOWN = Distribution("unknown", math.nan, math.nan, "unknown")
ZEROS = Distribution("constant", 0.0, 0.0, "constant", text="zeros")
ONES = Distribution("constant", 1.0, 0.0, "constant", text="ones")


@dataclass(slots=True, eq=False)
class Parameter:
    """One tensor of parameters; identity is sharing: the same object in two nodes is one parameter.

    `shape` is the framework's own (torch: (out, in, ...); Keras: (..., in, out)); None while unknown.
    `assumed` marks a shape that rests on assumed widths. Buffers are not parameters, but Keras's
    non-trainable weights are (`trainable` false). `copy_of` is the parameter that its entries were copied from
    (those of a target network from the one that is trained).
    """

    shape: tuple[int, ...] | None
    distribution: Distribution = UNKNOWN
    trainable: bool = True
    dtype: str = "float32"
    name: str = ""
    origin: Origin | None = None
    assumed: bool = False
    history: list[Distribution] = field(default_factory=list)
    copy_of: Parameter | None = None

    @property
    def size(self) -> int | None:
        """Number of entries; None while the shape is unknown."""
        return None if self.shape is None else math.prod(self.shape)

    def initialize(self, distribution: Distribution) -> None:
        """Overwrite the entries with a fresh draw; what was there before is kept in `history`."""
        self.history.append(self.distribution)
        self.distribution = distribution
