"""Writes docs/accuracy.md and docs/accuracy.svg from the figures that accuracy.py has measured."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TITLES = {
    "mlp": "fully connected, width 16 to 512, depth 2 to 50",
    "narrow": "fully connected, width 4 to 12",
    "convolution": "convolution stacks, depth 3 to 30",
    "transformer": "transformers, 2 to 48 layers",
    "torchvision": "torchvision classification",
    "keras": "Keras applications",
    "remedies": "the first remedy for bad networks",
}
BARS = {
    "mlp": (0.10, 0.5),
    "convolution": (0.15, 0.6),
    "transformer": (0.3, 1.0),
    "torchvision": (0.3, 1.0),
    "keras": (0.3, 1.0),
}
_WORST = 5


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def verdict(ratio: float) -> str:
    """The verdict with the default bounds."""
    return "dead" if ratio == -math.inf else "vanishing" if ratio < -3 else "exploding" if ratio > 3 else "healthy"


def errors(rows: list[Row]) -> list[float]:
    """Absolute errors of the finite predictions, sorted."""
    found = [abs(_number(r["predicted"]) - _number(r["measured"])) for r in rows]
    return sorted(error for error in found if math.isfinite(error))


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie."""
    return values[min(int(share * len(values)), len(values) - 1)] if values else math.nan


def _table(data: dict[str, list[Row]]) -> list[str]:
    lines = [
        "| networks | number | median error | 90th percentile | bar | verdict right |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for family, title in TITLES.items():
        rows = [r for r in data.get(family, []) if r["predicted"] is not None and r["measured"] is not None]
        if not rows:
            continue
        found = errors(rows)
        right = sum(verdict(_number(r["predicted"])) == verdict(_number(r["measured"])) for r in rows)
        bar = " and ".join(f"{value:.2f}" for value in BARS[family]) if family in BARS else ""
        lines.append(
            f"| {title} | {len(rows)} | {quantile(found, 0.5):.3f} | {quantile(found, 0.9):.2f} "
            f"| {bar} | {right / len(rows):.1%} |"
        )
    return lines


def _horizons(rows: list[Row]) -> list[str]:
    lines = ["| layer | predicted steps | measured steps |", "| --- | --- | --- |"]
    for row in rows:
        predicted, measured = (_steps(row[key]) for key in ("predicted", "measured"))
        lines.append(f"| {row['name']} | {predicted} | {measured} |")
    return lines


def _steps(value: Any) -> str:
    number = _number(value)
    return f"{number:.0f}" if math.isfinite(number) and number < 245 else "more than 250"


def _worst(data: dict[str, list[Row]]) -> list[str]:
    lines = ["| network | predicted | measured |", "| --- | --- | --- |"]
    for family in TITLES:
        rows = [
            r
            for r in data.get(family, [])
            if math.isfinite(_number(r["predicted"]) - _number(r["measured"])) and family != "remedies"
        ]
        rows.sort(key=lambda r: -abs(_number(r["predicted"]) - _number(r["measured"])))
        lines += [
            f"| {r['name']} | {_number(r['predicted']):.2f} | {_number(r['measured']):.2f} |" for r in rows[:_WORST]
        ]
    return lines


def plot(data: dict[str, list[Row]], path: Path) -> None:
    """Predicted against measured, one point a network."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "gradlint"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.0, 6.0))
    low, high = -12.0, 8.0
    axes.plot([low, high], [low, high], color="0.6", linewidth=0.8, zorder=0)
    for bound in (-3.0, 3.0):
        axes.axhline(bound, color="0.85", linewidth=0.8, zorder=0)
        axes.axvline(bound, color="0.85", linewidth=0.8, zorder=0)
    for family, title in TITLES.items():
        rows = [r for r in data.get(family, []) if family != "remedies"]
        points = [(_number(r["measured"]), _number(r["predicted"])) for r in rows]
        points = [(x, y) for x, y in points if low < x < high and low < y < high]
        if points:
            axes.scatter(*zip(*points, strict=True), s=9, alpha=0.6, label=title, linewidths=0)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.set_xlabel("measured: log10 of the gradient ratio")
    axes.set_ylabel("predicted")
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def write(data: dict[str, list[Row]], folder: Path) -> None:
    """Write the page and the plot into a folder."""
    plot(data, folder / "accuracy.svg")
    lines = [
        "# How well the prediction agrees with PyTorch",
        "",
        "Each network is drawn several times with its own initial distributions, in float64, on standard normal input",
        "(pixels for networks that scale pixels). The gradient is that of a random linear function of the outputs; the",
        "ratio is the L2 norm at the first weighted layer over that at the last, the median over the draws. Errors are",
        "in decades: the difference of the log10 of predicted and measured ratio. A verdict is right when both are on",
        "the same side of 1e-3 and 1e3. `python benchmarks/accuracy.py` measures all of it again and writes this page.",
        "",
        "![predicted against measured, one point a network](accuracy.svg)",
        "",
        *_table(data),
        "",
        "## Gradient horizon of recurrent layers",
        "",
        "Steps until the gradient of the last output, with respect to the input so many steps before, has fallen to",
        "1 % (hidden size 128).",
        "",
        *_horizons(data.get("recurrent", [])),
        "",
        "## Where the prediction is furthest off",
        "",
        *_worst(data),
        "",
    ]
    (folder / "accuracy.md").write_text("\n".join(lines))
