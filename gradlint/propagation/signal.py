"""What is carried through the graph: statistics of a signal going forward, of a gradient going back.

Nothing changes a `Signal` or a `Gradient` once it is made. They are not declared frozen: one is made for every node
and its fields are read all the time, and making it would take several times as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradlint.network import Node
from gradlint.propagation.functions import Key
from gradlint.propagation.geometry import extent


@dataclass(slots=True, eq=False)
class Latent:
    """The Gaussian before an activation, and the activation: what max-pooling needs to know."""

    key: Key
    mean: float
    square: float
    positions: float


@dataclass(slots=True, eq=False)
class Signal:
    """Second moments of the entries of a tensor, over random weights and random inputs.

    `mean` is E[x]; `square` E[x^2] of an entry; the others are E[x x'] of two entries that differ only in
    the sample (`samples`), in the position in space or time (`positions`), in both (`apart`), or in the unit
    (`units`).
    `channel` is the axis of the units. `mixed` holds the parts of a concatenation along that axis.
    `overlap` is how much `samples` differs from pair to pair: the variance of the covariance of two samples
    over (`square` - `samples`)^2, 1 / n for n independent units. `skew` is the third central moment.
    """

    mean: float
    square: float
    samples: float
    positions: float
    apart: float
    units: float
    channel: int
    latent: Latent | None = None
    mixed: tuple[tuple[float, Signal], ...] = ()
    overlap: float = 0.0
    skew: float = 0.0

    @property
    def variance(self) -> float:
        """Variance of an entry over everything."""
        variance = self.square - self.mean * self.mean
        return variance if variance > 0.0 else 0.0

    def scaled(self, factor: float) -> Signal:
        """The signal times a number."""
        f = factor * factor
        mixed = self.mixed
        return Signal(
            self.mean * factor,
            self.square * f,
            self.samples * f,
            self.positions * f,
            self.apart * f,
            self.units * f,
            self.channel,
            None,
            tuple([(share, part.scaled(factor)) for share, part in mixed]) if mixed else (),
            self.overlap,
            self.skew * f * factor,
        )

    def bare(self) -> Signal:
        """The signal without what is known of how it came about."""
        return self if self.latent is None else self.moved(self.channel, self.mixed, None)

    def moved(self, channel: int, mixed: tuple[tuple[float, Signal], ...], latent: Latent | None) -> Signal:
        """The signal with its units along another axis."""
        return Signal(
            self.mean,
            self.square,
            self.samples,
            self.positions,
            self.apart,
            self.units,
            channel,
            latent,
            mixed,
            self.overlap,
            self.skew,
        )

    def repeated(self, units: int, others: int) -> Signal:
        """The signal after broadcasting to so many copies along the units and along the rest: copies are equal."""
        if units == others == 1:
            return self
        return Signal(
            self.mean,
            self.square,
            self.samples,
            self.square if others > 1 else self.positions,
            self.samples if others > 1 else self.apart,
            self.square if units > 1 else self.units,
            self.channel,
            self.latent,
            self.mixed,
            self.overlap,
            self.skew,
        )

    def elsewhere(self, covariance: float) -> float:
        """E[x x'] of entries that differ in the unit and in what `covariance` says besides.

        Units share what they have in common (`units`), and of that the share that the other difference leaves.
        """
        common = self.mean * self.mean
        units = self.units
        spread = self.square - common
        if spread <= 0.0 or units == common:
            return common
        return common + (units - common) * (covariance - common) / spread


@dataclass(slots=True, eq=False)
class Gradient:
    """The gradient of the loss with respect to a tensor.

    `log` is the natural logarithm of the expected squared L2 norm, over all entries; `spread` the variance
    of that logarithm over draws of the weights, so that a typical network lies at `log` - `spread` / 2
    (Hanin and Nica 2020). `samples`, `positions` and `units` are correlations between entries that differ in
    sample, in position or in unit; `overlap` is E[cos^2] of the angle between the gradients of two samples,
    `local` of two positions of one sample. `work` is the inner product of a sample's gradient with its signal
    over the norm of the gradient: linear and positively homogeneous operations pass that product on
    unchanged (Euler's theorem), which bounds the gradient from below where the signal is small. `rectified`
    is the share of units that the rectifier just behind lets through, `luck` how much likelier than others the
    units with a gradient are to pass the rectifier just before. `alike` is the correlation between two samples of
    the gradient of one and the same output. `selected` is the Gaussian that max-pooling
    chose its entries from; `shares` how the squared norm is spread over the parts of a concatenation, where
    it is not by their size.
    """

    log: float
    spread: float = 0.0
    samples: float = 0.0
    positions: float = 0.0
    units: float = 0.0
    overlap: float = 0.0
    local: float = 0.0
    work: float = 0.0
    rectified: float = 0.0
    luck: float = 1.0
    alike: float = 1.0
    selected: tuple[float, float] | None = None
    shares: tuple[float, ...] = ()

    def times(self, factor: float) -> Gradient:
        """The gradient with its squared norm multiplied; what was selected or shared out ends."""
        return self.changed(factor, self.samples, self.positions, self.units, self.overlap, self.local)

    def changed(
        self,
        factor: float,
        samples: float,
        positions: float,
        units: float,
        overlap: float,
        local: float,
    ) -> Gradient:
        """The gradient with its squared norm multiplied, and with other correlations."""
        return Gradient(
            self.log + ln(factor),
            self.spread,
            samples,
            positions,
            units,
            overlap,
            local,
            self.work / math.sqrt(factor) if factor > 0.0 else 0.0,
            0.0,
            1.0,
            self.alike,
        )

    def chosen(self, mean: float, variance: float) -> Gradient:
        """The gradient of entries that max-pooling chose, which are of this distribution."""
        return Gradient(
            self.log,
            self.spread,
            self.samples,
            self.positions,
            self.units,
            self.overlap,
            self.local,
            self.work,
            self.rectified,
            self.luck,
            self.alike,
            (mean, variance),
            self.shares,
        )


def ln(x: float) -> float:
    """Natural logarithm, with -inf for zero and for what rounding made negative."""
    return math.log(x) if x > 0.0 else -math.inf


def merge(first: Gradient, second: Gradient, strength: float) -> Gradient:
    """The sum of two gradients of the same tensor, which agree only along the signal.

    `strength` is the squared L2 norm of the signal of one sample.
    """
    high, low = (first, second) if first.log >= second.log else (second, first)
    if low.log == -math.inf or high.log == math.inf:
        return high
    ratio = math.exp(low.log - high.log)
    a = 1.0 / (1.0 + ratio)
    b = 1.0 - a
    a2, b2 = a * a, b * b
    # What both have in common fluctuates together; what only one has, averages out.
    of_high, of_low = high.work * math.sqrt(a), low.work * math.sqrt(b)
    total = 1.0 + 2.0 * of_high * of_low / strength if strength > 0.0 else 1.0
    if total < _LEAST_SUM:
        total = _LEAST_SUM
    one, other = high.spread, low.spread
    shared = other if other < one else one
    shares: tuple[float, ...] = ()
    if high.shares and len(high.shares) == len(low.shares):
        shares = tuple([a * x + b * y for x, y in zip(high.shares, low.shares, strict=True)])
    return Gradient(
        high.log + math.log((1.0 + ratio) * total),
        shared + a2 * (one - shared) + b2 * (other - shared),
        a * high.samples + b * low.samples,
        a * high.positions + b * low.positions,
        a * high.units + b * low.units,
        a2 * high.overlap + b2 * low.overlap,
        a2 * high.local + b2 * low.local,
        (of_high + of_low) / math.sqrt(total),
        0.0,
        a * high.luck + b * low.luck,
        a * high.alike + b * low.alike,
        None,
        shares,
    )


NONE = Gradient(-math.inf)
# Two gradients that cancel leave at least this of their squared norm.
_LEAST_SUM = 1e-6


def strength(node: Node, signal: Signal) -> float:
    """Squared L2 norm of the signal of one sample."""
    return extent(node.shape, signal.channel).of_sample * signal.square
