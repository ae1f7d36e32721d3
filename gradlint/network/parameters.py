"""Parameters of a network and the distributions that they are drawn from at initialization."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
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
    "constant", "unknown". `text` is how the user's source writes it. `explicit` is true when user code chose
    it, and `origin` is then where.
    """

    family: Family
    mean: float = 0.0
    std: float = 0.0
    scheme: str = "explicit"
    gain: float = 1.0
    text: str = ""
    explicit: bool = False
    origin: Origin | None = None

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
    non-trainable weights are (`trainable` false).

    `windows` are the parts that were overwritten since the last initialization of the whole, each as
    ((axis, start, stop), distribution), the former None where it is not known which part;
    `distribution` is then that of all entries together.
    """

    shape: tuple[int, ...] | None
    distribution: Distribution = UNKNOWN
    trainable: bool = True
    dtype: str = "float32"
    name: str = ""
    origin: Origin | None = None
    assumed: bool = False
    history: list[Distribution] = field(default_factory=list)
    windows: list[tuple[tuple[int, int, int] | None, Distribution]] = field(default_factory=list)

    @property
    def size(self) -> int | None:
        """Number of entries; None while the shape is unknown."""
        return None if self.shape is None else math.prod(self.shape)

    def initialize(self, distribution: Distribution) -> None:
        """Overwrite the entries with a fresh draw; what was there before is kept in `history`."""
        self.history.append(self.distribution)
        self.distribution = distribution
        self.windows = []

    def initialize_part(self, window: tuple[int, int, int] | None, distribution: Distribution) -> None:
        """Overwrite the entries of one window (axis, start, stop) with a fresh draw."""
        self.history.append(self.distribution)
        self.windows = [*self.windows, (window, distribution)]
        if window is None or self.shape is None or not self.shape[window[0]]:
            self.distribution = UNKNOWN
            return
        axis, start, stop = window
        self.distribution = _mixture(self.distribution, distribution, (stop - start) / self.shape[axis])


def _mixture(rest: Distribution, part: Distribution, share: float) -> Distribution:
    """The distribution of an entry that is of `part` with probability `share`, else of `rest`; moments are exact."""
    if share >= 1 or (rest.family, rest.mean, rest.std) == (part.family, part.mean, part.std):
        return part
    if not (rest.known and part.known):
        return UNKNOWN
    mean = (1 - share) * rest.mean + share * part.mean
    square = (1 - share) * rest.mean_square + share * part.mean_square
    main = rest if share < 0.5 else part
    family = "unknown" if main.family == "constant" else main.family
    return replace(main, family=family, mean=mean, std=math.sqrt(max(square - mean * mean, 0.0)))
