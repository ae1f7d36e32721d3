"""The networks of a file as a plot: gradient and signal of each layer, as it is and with changes made."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradlint.reports.show_bars import Bounds, shorten, shorten_left
from gradlint.reports.show_what_if import PRESENT, Place, layers_by_place, title
from gradlint.showing import ShownNetwork

SUFFIXES = (".svg", ".png", ".pdf")
MOST = 40
"""Networks in one plot."""

_WIDTH = 11.0
_HEIGHT = 3.4
_DPI = 120
"""Inches, inches for each network, and dots per inch of a .png."""
_NAMED = 32
"""Layers that still have room for a name each."""
_NAME = 24
_TITLE = 110
_ROOM = 0.5
"""Decades above and below what is drawn."""
_SETTINGS = {"svg.hashsalt": "gradlint", "svg.fonttype": "none", "text.parse_math": False, "font.size": 9.0}


def write(networks: Sequence[ShownNetwork], file: Path, bounds: Bounds) -> None:
    """Draw the first `MOST` networks to a file of one of `SUFFIXES`.

    Raises:
        ImportError: matplotlib is not installed.
        OSError: the file cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shown = networks[:MOST]
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of names in scripts that the font lacks
        figure = Figure(figsize=(_WIDTH, _HEIGHT * len(shown)), layout="constrained")
        for network, (row,) in zip(shown, figure.subfigures(len(shown), 1, squeeze=False), strict=True):
            _draw(network, row, bounds)
        kind = file.suffix.lower().removeprefix(".")
        # Nothing of the time or the machine, so that the same networks give the same file.
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(file, format=kind, dpi=_DPI, metadata=dates.get(kind))


def _draw(network: ShownNetwork, figure: Any, bounds: Bounds) -> None:
    lines = [(PRESENT, network)]
    lines += [(title(change), change.network) for change in network.what_if if change.network is not None]
    places = tuple(layers_by_place(network))
    call = f", {network.call}" if network.call not in ("", network.name) else ""
    heading = f"{network.name} ({network.framework}){call}: {network.verdict}"
    figure.suptitle(shorten(heading, _TITLE), x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    left.set_ylabel("log10 gradient")
    right.set_ylabel("log10 signal")
    left.axhspan(bounds.vanishing, bounds.exploding, color="tab:green", alpha=0.08, linewidth=0)
    for text, changed in lines:
        layers = layers_by_place(changed)
        found = [layers.get(place) for place in places]
        label = f"{shorten(text, _NAME)}: {changed.verdict}"
        _line(left, [None if layer is None else layer.log10_gradient for layer in found], label)
        _line(right, [_log10(None if layer is None else layer.signal) for layer in found], label)
    for axes in (left, right):
        _frame(axes, places)
    if not any(layer.log10_gradient is not None for layer in network.layers):
        left.text(0.5, 0.5, network.reason or "no number", ha="center", wrap=True, transform=left.transAxes)
    left.legend(loc="best", fontsize="small")


def _line(axes: Any, values: Sequence[float | None], label: str) -> None:
    """One value for each layer; zero and infinity are marks at the edge."""
    heights = [value if value is not None and math.isfinite(value) else math.nan for value in values]
    (line,) = axes.plot(range(len(values)), heights, marker="o", markersize=3, linewidth=1.2, label=label)
    for mark, edge, limit in (("v", 0.0, -math.inf), ("^", 1.0, math.inf)):
        found = [i for i, value in enumerate(values) if value == limit]
        style = {"marker": mark, "linestyle": "none", "color": line.get_color(), "clip_on": False}
        if found:
            axes.plot(found, [edge] * len(found), transform=axes.get_xaxis_transform(), **style)


def _frame(axes: Any, places: Sequence[Place]) -> None:
    low, high = axes.dataLim.intervaly
    if math.isfinite(low) and math.isfinite(high):
        axes.set_ylim(low - _ROOM, high + _ROOM)
    axes.set_xlim(-_ROOM, max(len(places), 1) - _ROOM)
    axes.grid(alpha=0.3)
    if len(places) <= _NAMED:
        names = [shorten_left(name or "-", _NAME) for name, _ in places]
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize="x-small")
    else:
        axes.set_xlabel("layer, in the order in which they run")


def _log10(value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return None
    if value <= 0.0:
        return -math.inf
    return math.log10(value) if value < math.inf else math.inf
