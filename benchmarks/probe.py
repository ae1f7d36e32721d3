"""What measuring costs beside importing torch: `python benchmarks/probe.py` prints seconds and ratios.

Bars: `gradlint check --probe` on a network of ten sigmoid layers takes at most a second more than
`python -c "import torch"`, and ten further findings in the same run at most two seconds more.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 5
FURTHER = 10
HEAD = """\
from torch import nn

def stack(depth):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(128, 128), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(128, 1))

"""
ONE = HEAD + "net = stack(10)\n"
MANY = HEAD + "".join(
    f"class Net{number}(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    f"        self.layers = nn.Sequential(*[m for _ in range({10 + number}) for m in (nn.Linear(128, 128), "
    f"nn.Sigmoid())], nn.Linear(128, 1))\n    def forward(self, x):\n        return self.layers(x)\n\n"
    for number in range(1 + FURTHER)
)
Seconds = tuple[float, float]
"""By the clock, and of the processor: the second does not depend on what else the machine does."""


def seconds(*command: str, statuses: tuple[int, ...] = (0,)) -> tuple[Seconds, str]:
    """How long a command takes, and what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, env=environment, cwd=ROOT
    )
    clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in statuses, done.stderr
    return (clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done.stdout


def probe_seconds(file: Path, findings: int) -> Seconds:
    """How long `gradlint check --probe` takes on a file with so many findings, all of which it confirms."""
    options = ("--probe", "--output-format", "json", "--isolated", "--no-cache", "--select", "deep-sigmoid-stack")
    taken, output = seconds("-m", "gradlint", "check", str(file), *options, statuses=(1,))
    statuses = [finding["evidence"]["status"] for finding in json.loads(output)["findings"]]
    assert statuses == ["confirmed"] * findings, statuses
    return taken


def main() -> None:
    """Print medians over some runs, taken in turn."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one.py", Path(folder) / "many.py"
        one.write_text(ONE)
        many.write_text(MANY)
        rows = [
            (seconds("-c", "import torch")[0], probe_seconds(one, 1), probe_seconds(many, 1 + FURTHER))
            for _ in range(REPEATS)
        ]
    print(f"{'':28}{'clock':>8}{'processor':>12}")
    medians = [[statistics.median(row[column][unit] for row in rows) for unit in (0, 1)] for column in range(3)]
    torch, first, all_of_them = medians
    for text, figures in (("import torch", torch), ("one finding", first), (f"{1 + FURTHER} findings", all_of_them)):
        print(f"{text:28}{figures[0]:6.2f} s{figures[1]:10.2f} s")
    print(f"{'one finding / import torch':28}{first[0] / torch[0]:8.2f}{first[1] / torch[1]:12.2f}")
    print(f"{'one finding - import torch':28}{first[0] - torch[0]:6.2f} s{first[1] - torch[1]:10.2f} s")
    print(f"{f'{FURTHER} further findings':28}{all_of_them[0] - first[0]:6.2f} s{all_of_them[1] - first[1]:10.2f} s")


if __name__ == "__main__":
    main()
