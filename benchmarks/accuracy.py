"""Predicted against measured gradient ratios over grids of networks: prints a table, writes docs/accuracy.md."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from gradlint.propagation import Settings, propagate
from tests import grids
from tests.measuring import log10_profile

torch.set_num_threads(1)


def verdict(ratio: float) -> str:
    return "dead" if ratio == -math.inf else "vanishing" if ratio < -3 else "exploding" if ratio > 3 else "healthy"


def compare(cases, seeds, batch):
    rows = []
    for name, network in cases:
        start = time.perf_counter()
        profile = propagate(network, Settings(dtype="float64", batch=batch))
        spent = time.perf_counter() - start
        found = sorted(p[0] for p in log10_profile(network, seeds))
        measured = found[len(found) // 2]
        predicted = profile.log10_gradient_ratio
        rows.append((name, predicted, measured, profile.spread, spent))
    return rows


def report(title, rows, worst):
    errors = sorted(abs(p - m) for _, p, m, _, _ in rows if p is not None and math.isfinite(p) and math.isfinite(m))
    right = sum(verdict(p) == verdict(m) for _, p, m, _, _ in rows if p is not None)
    n = len(errors)
    print(f"{title}: {len(rows)} networks, median {errors[n // 2]:.3f}, 90th {errors[int(n * 0.9)]:.3f}, "
          f"verdict {right / len(rows):.3f}, bias {sum(p - m for _, p, m, _, _ in rows if math.isfinite(p - m)) / n:.3f}, "
          f"{sum(r[4] for r in rows) / len(rows) * 1e3:.2f} ms")
    for name, p, m, s, _ in sorted(rows, key=lambda r: -abs(r[1] - r[2]) if math.isfinite(r[1] - r[2]) else -99)[:worst]:
        print(f"   {p:8.2f} {m:8.2f} {p - m:6.2f} (spread {s:.2f})  {name}")


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    which = sys.argv[1] if len(sys.argv) > 1 else "mlp"
    if which == "mlp":
        report("MLP", compare(grids.mlps(count, seed), 7, 32), 25)
    if which == "conv":
        report("conv", compare(grids.convolutions(count, seed), 5, 8), 25)
