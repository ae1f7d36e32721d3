"""Numbers as people read them."""

from __future__ import annotations

import math

_PLAIN_FROM = -2.0
_PLAIN_TO = 4.0


def ratio(log10: float | None) -> str:
    """The number with this log10, to two figures: "0.8", "1.7e-07", "2.1e-412", "0" or "inf"; "unknown" for None."""
    if log10 is None or math.isnan(log10):
        return "unknown"
    if math.isinf(log10):
        return "inf" if log10 > 0 else "0"
    if _PLAIN_FROM <= log10 < _PLAIN_TO:
        value = 10.0**log10
        return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    exponent = math.floor(log10)
    mantissa = f"{10.0 ** (log10 - exponent):.1f}"
    if mantissa == "10.0":
        mantissa, exponent = "1.0", exponent + 1
    return f"{mantissa}e{exponent:+03d}"


def number(value: float | None) -> str:
    """A number to three figures; "-" where it is not known."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.3g}"


def plain(value: float | None, digits: int = 4) -> float | str | None:
    """A number for JSON, rounded to some decimals: infinity as "inf" or "-inf", what is not known as null."""
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return round(value, digits)


def significant(value: float | None, figures: int = 4) -> float | str | None:
    """As `plain`, but rounded to some figures, for numbers of any size."""
    if value is None or math.isnan(value) or math.isinf(value):
        return plain(value)
    return float(f"{value:.{figures}g}")


def count(number: int, noun: str) -> str:
    """A number and its noun: "1 file", "2 files"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
