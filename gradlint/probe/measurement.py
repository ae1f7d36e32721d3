"""What was measured of one network: figures per layer over the seeds, as plain values."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Figures = tuple[float, ...]
"""One number per seed. Gradients are log10: -inf for exactly zero, inf for overflow, NaN for not a number."""


def middle(figures: Figures) -> float | None:
    """The median over the seeds; NaN if any is not a number, None when there is none."""
    if not figures:
        return None
    if any(math.isnan(figure) for figure in figures):
        return math.nan
    return statistics.median_low(figures) if any(map(math.isinf, figures)) else statistics.median(figures)


@dataclass(frozen=True, slots=True)
class Layer:
    """Figures of one weighted layer; `node` is its position among the nodes of the network.

    `gradient` is log10 of the L2 norm of the gradient with respect to the layer's output (before the
    activation), over the whole batch; `weight_gradient` the same with respect to its weights and
    `weight_norm` log10 of the L2 norm of the weights themselves. `signal` is the mean square of its output,
    `correlation` that between its outputs for two different inputs (1: every input gives the same).
    `difference` is how far the weight gradients of its units are apart, relative to their size (0: all units
    get the same gradient). `units` counts its outputs for one sample. `lost` is the share of its non-zero
    gradient entries that half precision rounds to zero. `vanished` says that its gradient is exactly zero
    in the network's own dtype, and the figures are from double precision. `awakened` says the same of a
    gradient that only zero-initialized weights behind it make zero: those were drawn for this figure.
    """

    node: int
    name: str
    gradient: Figures
    weight_gradient: Figures
    weight_norm: Figures
    signal: Figures
    correlation: Figures
    difference: Figures
    lost: Figures
    units: int
    vanished: bool = False
    awakened: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """Figures of one activation: shares of dead units and of saturated entries, from 0 to 1.

    A unit (a feature or channel) is dead when its output is zero for every sample and position.
    `layer` is the position of the weighted layer that feeds it, None when there is none.
    """

    node: int
    layer: int | None
    function: str
    dead: Figures
    saturated: Figures


@dataclass(frozen=True, slots=True)
class Horizon:
    """Steps over which a recurrent layer's gradient falls to 1 %; `limit` is how far was looked (inf beyond)."""

    node: int
    name: str
    steps: Figures
    limit: int


@dataclass(frozen=True, slots=True)
class ParameterFigures:
    """What became of one parameter, over all seeds.

    `blocked`: its gradient was absent or exactly zero. `still`: the optimizer's steps left it as it was
    (None when no steps were taken). `finite`: its gradient was finite.
    """

    position: int
    blocked: bool
    finite: bool
    still: bool | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """All that was measured of one network. `seeds` says how often it was drawn, `batch` how many samples ran.

    `losses` holds, per seed, the loss before and after the steps; `assumptions` what had to be assumed;
    `finite` whether every output and gradient was finite in the network's own dtype; `slack` by how many
    decades the assumptions may move a ratio.
    """

    seeds: int
    batch: int
    layers: tuple[Layer, ...]
    activities: tuple[Activity, ...] = ()
    horizons: tuple[Horizon, ...] = ()
    parameters: tuple[ParameterFigures, ...] = ()
    losses: tuple[tuple[float, float], ...] = ()
    finite: bool = True
    assumptions: tuple[str, ...] = ()
    slack: float = 0.0

    def layer(self, node: int) -> Layer | None:
        """The figures of the weighted layer at this position, or None."""
        return next((layer for layer in self.layers if layer.node == node), None)

    def log10_ratio(self, node: int | None = None, reference: int | None = None) -> float | None:
        """log10 of the gradient at `node` over that at `reference`, median over the seeds.

        Without positions: the first weighted layer over the last. -inf for exactly zero, inf for overflow,
        NaN for not a number, None when a layer was not measured.
        """
        if not self.layers:
            return None
        first = self.layers[0] if node is None else self.layer(node)
        last = self.layers[-1] if reference is None else self.layer(reference)
        if first is None or last is None:
            return None
        pairs = zip(first.gradient, last.gradient, strict=True)
        return middle(tuple(_difference(above, below) for above, below in pairs))

    def log10_profile(self) -> Mapping[int, float | None]:
        """The ratio to the last weighted layer, for every weighted layer by its position."""
        return {layer.node: self.log10_ratio(layer.node) for layer in self.layers}

    def to_plain(self) -> dict[str, Any]:
        """This measurement as what JSON can carry."""
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Measurement:
        """The measurement that `to_plain` (after a trip through JSON) describes."""
        parts: Mapping[str, Any] = {
            "layers": Layer,
            "activities": Activity,
            "horizons": Horizon,
            "parameters": ParameterFigures,
        }
        values = {key: _frozen(value) for key, value in plain.items() if key not in parts}
        for key, part in parts.items():
            values[key] = tuple(part(**{name: _frozen(value) for name, value in row.items()}) for row in plain[key])
        return cls(**values)


def _difference(above: float, below: float) -> float:
    """`above` - `below` for logarithms that may be infinite: zero over zero says nothing."""
    if math.isinf(below) and below < 0:
        return math.nan if math.isinf(above) and above < 0 else math.inf
    return above - below


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, (list, tuple)) else value
