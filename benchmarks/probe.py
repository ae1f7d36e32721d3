"""What the probe costs beside importing torch: `python benchmarks/probe.py` prints seconds and a ratio.

Bars: one finding in a new child at most one second more than the import, ten further ones at most two seconds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Status
from gradlint.probe import Probe
from tests.graphs import mlp

CLAIM = Claim(ClaimKind.VANISHING)
FURTHER = 10
REPEATS = 5


def import_seconds() -> float:
    """How long a process takes that only imports torch."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - start


def probe_seconds() -> tuple[float, float]:
    """How long the first finding takes, with starting the child, and how long ten further ones."""
    start = time.perf_counter()
    with Probe() as probe:
        assert probe.confirm(mlp(10, function="sigmoid"), CLAIM).status is Status.CONFIRMED
        first = time.perf_counter() - start
        for depth in range(11, 11 + FURTHER):
            probe.confirm(mlp(depth, function="sigmoid"), CLAIM)
        return first, time.perf_counter() - start - first


def main() -> None:
    """Print medians over some runs, taken in turn."""
    rows = [(import_seconds(), *probe_seconds()) for _ in range(REPEATS)]
    torch, first, further = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"import torch             {torch:6.2f} s")
    print(f"first finding            {first:6.2f} s  ({first / torch:.2f} times the import)")
    print(f"{FURTHER} further findings      {further:6.2f} s")


if __name__ == "__main__":
    main()
