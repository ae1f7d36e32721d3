"""What the tables of `gradlint show` are drawn with: bars on a log scale, and names cut to fit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from gradlint.reports.style import Style

WIDTH = 80
"""Columns that every line fits into."""
VERDICT_COLORS = {"healthy": "green", "vanishing": "red", "exploding": "red", "dead": "red", "unknown": "yellow"}

_WIDEST = 40.0
"""Decades: gradients further down than this are no longer told apart."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Bounds:
    """log10 of the bounds that a healthy gradient stays within."""

    vanishing: float = -3.0
    exploding: float = 3.0


@dataclass(frozen=True, slots=True)
class Scale:
    """log10 of the gradients at which a bar is empty and full, and of those that are healthy."""

    low: float
    high: float
    bounds: Bounds

    def bar(self, gradient: float | None, width: int, style: Style) -> str:
        """A gradient as a bar of at most so many columns, green where it is healthy."""
        if gradient is None:
            return ""
        share = (min(max(gradient, self.low), self.high) - self.low) / (self.high - self.low)
        eighths = round(share * width * 8)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        healthy = self.bounds.vanishing <= gradient <= self.bounds.exploding
        return style(bar or "▏", "green" if healthy else "red")


def scale_of(gradients: Iterable[float | None], bounds: Bounds) -> Scale:
    """The scale that all of these are told apart on."""
    known = [value for value in gradients if value is not None and math.isfinite(value)]
    return Scale(max(min([*known, -1.0]), -_WIDEST), min(max([*known, 0.0]), _WIDEST), bounds)


def shorten(text: str, width: int) -> str:
    """Text on one line, cut at its end."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def shorten_left(text: str, width: int) -> str:
    """A dotted path, cut at its front: its end says most."""
    return text if len(text) <= width else "…" + text[1 - width :]
