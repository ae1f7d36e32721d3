"""Predicted against measured gradients: measures grids of networks in PyTorch and writes docs/accuracy.md.

    python benchmarks/accuracy.py                 # everything that is installed
    python benchmarks/accuracy.py mlp recurrent   # these families only; the others keep their last figures

The figures are kept in docs/accuracy.json, one entry a network. Model libraries are measured where their
packages can be imported (`torchvision`, `keras`).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import accuracy_page, real_networks  # noqa: E402
from gradlint.network import Network  # noqa: E402
from gradlint.propagation import Settings, propagate, remedies  # noqa: E402
from tests import grids  # noqa: E402
from tests.measuring import log10_ratio  # noqa: E402
from tests.sequences import CELLS, measured_horizon, predicted_horizon  # noqa: E402

DATA = ROOT / "docs" / "accuracy.json"
Row = dict[str, Any]


def measure(cases: Iterable[tuple[str, Network]], seeds: int, batch: int) -> Iterator[Row]:
    """Predicted and measured log10 ratio of each network."""
    settings = Settings(dtype="float64", batch=batch)
    for name, network in cases:
        start = time.perf_counter()
        profile = propagate(network, settings)
        seconds = time.perf_counter() - start
        ratio = profile.log10_gradient_ratio
        yield {
            "name": name,
            "predicted": ratio,
            "measured": log10_ratio(network, seeds),
            "seconds": seconds,
        }


def horizons() -> Iterator[Row]:
    """Gradient horizons of recurrent layers, in steps."""
    for name, cell in CELLS.items():
        for inputs in (8, 32, 128):
            yield {
                "name": f"{name}, {inputs} inputs",
                "predicted": predicted_horizon(cell, inputs),
                "measured": statistics.median(measured_horizon(cell, inputs, seed) for seed in range(5)),
            }


def mended() -> Iterator[Row]:
    """Bad networks, each with the first remedy that is offered, measured."""
    for name, network in grids.bad(50):
        offered = remedies(network, propagate(network))
        if not offered:
            yield {"name": f"{name}: no remedy", "predicted": None, "measured": None}
            continue
        best = offered[0]
        yield {
            "name": f"{name}: {best.text}",
            "predicted": best.predicted_log10,
            "measured": log10_ratio(best.network, 5),
        }


FAMILIES: dict[str, Callable[[], Iterable[Row]]] = {
    "mlp": lambda: measure(grids.mlps(400), 7, 32),
    "narrow": lambda: measure(grids.mlps(60, 1, grids.NARROW), 15, 32),
    "convolution": lambda: measure(grids.convolutions(120), 5, 8),
    "transformer": lambda: measure(grids.transformers(60), 5, 8),
    "recurrent": horizons,
    "torchvision": real_networks.torchvision_rows,
    "keras": real_networks.keras_rows,
    "remedies": mended,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", choices=[[], *FAMILIES], help="all by default")
    chosen = parser.parse_args().families or list(FAMILIES)
    torch.set_num_threads(1)
    data: dict[str, list[Row]] = json.loads(DATA.read_text()) if DATA.exists() else {}
    for family in chosen:
        rows = []
        for row in FAMILIES[family]():
            rows.append(row)
            print(f"{family}: {row['name']}: predicted {row['predicted']}, measured {row['measured']}", flush=True)
        if rows:
            data[family] = [{k: _plain(v) for k, v in row.items()} for row in rows]
            DATA.write_text(json.dumps(data, indent=0))
    accuracy_page.write(data, ROOT / "docs")


def _plain(value: Any) -> Any:
    """Numbers short, and infinities as JSON can hold them."""
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else str(value)
    return value


if __name__ == "__main__":
    main()
