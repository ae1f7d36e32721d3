"""What a run costs: cold, in two processes, warm, after one change, on a small file; beside other linters.

    python benchmarks/speed.py FOLDER... [--others VENV]

Every figure is that of a process of its own, all in one run: compare the ratios, not the seconds. `--others` names a
virtual environment with flake8, pylint and torchfix; each that is there lints the same files. Seconds are those on the
wall, but where it says CPU: that is what all processes of a run used together, and is steadier on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SMALL = """\
import torch
from torch import nn

net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(net.parameters())
for x, y in [(1, 2)]:
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), y).backward()
    optimizer.step()
"""
PARSE = """\
import gc, sys, libcst
from pathlib import Path
from gradlint.sources import may_matter
gc.disable()
number = 0
for path in sorted(path for folder in sys.argv[1:] for path in Path(folder).rglob("*.py")):
    data = path.read_bytes()
    if may_matter(data):
        number += 1
        libcst.parse_module(data)
print(number)
"""
TIMES = 5
"""How often what is short is run; the fastest counts."""
ROUNDS = 3
"""How often parsing, linting in one process and linting in two are timed in turn; the fastest of each counts."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process used: seconds on the wall and of all its processors, its memory at most in MiB, and its output."""

    wall: float
    cpu: float
    memory: float
    output: str


def cost(*command: str, cwd: Path | None = None, **environment: str) -> Cost:
    """Run a command to its end, whatever its exit status."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # users have compiled modules, too
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT)
        _, _, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def fastest(*command: str, cwd: Path | None = None, **environment: str) -> Cost:
    """The fastest of several runs."""
    return min((cost(*command, cwd=cwd, **environment) for _ in range(TIMES)), key=lambda each: each.wall)


def gradlint(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "gradlint", "check", "--isolated", "-q", "--output-format", "concise", *arguments)


def line(what: str, figure: str, bar: str = "") -> None:
    print(f"{what:44} {figure:>28}   {f'bar: {bar}' if bar else ''}".rstrip(), flush=True)


def measure(folders: Sequence[str]) -> None:
    """The figures of gradlint itself."""
    parsing = (sys.executable, "-c", PARSE, *folders)
    alone, together = (gradlint("--no-cache", "--jobs", jobs, *folders) for jobs in "12")
    rounds = [[cost(*command) for command in (parsing, alone, together)] for _ in range(ROUNDS)]
    parse, one, two = (min(runs, key=lambda each: each.cpu) for runs in zip(*rounds, strict=True))
    start = fastest(sys.executable, "-c", "pass")
    libcst = fastest(sys.executable, "-c", "import libcst")
    line("files parsed", parse.output.strip())
    line("libcst.parse_module over them", f"{parse.wall:.1f} s, CPU {parse.cpu:.1f} s")
    line("cold, one process", f"{one.wall:.1f} s, CPU {one.cpu:.1f} s")
    line("  to parsing, CPU", f"{one.cpu / parse.cpu:.2f}", "2.0")
    line("  memory at most", f"{one.memory:.0f} MiB", "1024 MiB")
    line("cold, two processes", f"{two.wall:.1f} s, CPU {two.cpu:.1f} s")
    line("  faster than one by", f"{one.wall / two.wall:.2f}", "1.7, on two cores that are free")
    with tempfile.TemporaryDirectory() as folder:
        copies = [shutil.copytree(each, Path(folder, "tree", Path(each).name)) for each in folders]
        warm(Path(folder), [str(copy) for copy in copies], one, start)
        small = Path(folder, "small.py")
        small.write_text(SMALL)
        least = fastest(*gradlint("--no-cache", str(small)))
        line("a small file", f"{least.wall:.2f} s")
        line("  above `import libcst`", f"{least.wall - libcst.wall:.2f} s", "0.35 s")


def warm(folder: Path, copies: Sequence[str], cold: Cost, start: Cost) -> None:
    """The figures with the cache, on copies of the sources."""
    run = gradlint("--cache-dir", str(folder / "cache"), *copies)
    cost(*run)
    time.sleep(2.5)  # younger files are looked at twice
    cost(*run)
    again = fastest(*run)
    line("warm", f"{again.wall:.2f} s", "1 s")
    line("  to cold", f"{again.wall / cold.wall:.1%}", "10 %")
    changed = Path(copies[0], "nobody_imports_this.py")
    changed.write_text(SMALL)
    cost(*run)
    walls = []
    for number in range(TIMES):
        changed.write_text(f"{SMALL}# {number}\n")
        walls.append(cost(*run).wall)
    line("one changed file", f"{min(walls):.2f} s")
    line("  above Python's own start", f"{min(walls) - start.wall:.2f} s", "0.5 s")


def others(home: Path, folders: Sequence[str]) -> None:
    """The time of other linters on the same sources, each in one process."""
    commands = {
        "flake8": ("-j1",),
        "pylint": ("-j1", "--recursive=y"),
        "torchfix": ("--select=ALL",),
    }
    for name, options in commands.items():
        program = home / "bin" / name
        if program.exists():
            used = cost(str(program), *options, *folders, PYTHONPATH="")
            line(f"{name}", f"{used.wall:.1f} s, CPU {used.cpu:.1f} s")
            if not used.output.strip():
                line("  (it printed nothing)", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--others", type=Path, help="a virtual environment with flake8, pylint and torchfix")
    arguments = parser.parse_args()
    measure(arguments.folders)
    if arguments.others is not None:
        others(arguments.others, arguments.folders)


if __name__ == "__main__":
    main()
