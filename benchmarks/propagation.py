"""Time of propagation as a share of the time of evaluating the same network; the bar is a tenth.

python benchmarks/propagation.py FILE CALL [FILE CALL ...]    # torchvision's models, if it is installed, else

"fresh" is what a run of gradlint meets: nothing is read, parsed or tabulated yet. "again" is the same with the files
that the model imports, and the integrals of its activations, already there. Each is the least of several repeats, in
processor time.
"""

from __future__ import annotations

import functools
import gc
import importlib
import pkgutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gradlint.propagation
from benchmarks.real_networks import TORCHVISION, folder_of
from gradlint.evaluation.driver import Evaluator
from gradlint.network import Network
from gradlint.propagation import propagate
from gradlint.sources import SourceLoader, load
from gradlint.stack import on_deep_stack

REPEATS = 12
FRESH_REPEATS = 3


def forget() -> None:
    """Empty the tables that propagation keeps."""
    package = gradlint.propagation
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, functools._lru_cache_wrapper):
                value.cache_clear()


def least(run: Callable[[], object], repeats: int, before: Callable[[], object] = lambda: None) -> float:
    """Seconds of processor time of the fastest of several runs."""
    found = float("inf")
    for _ in range(repeats):
        before()
        start = time.process_time()
        run()
        found = min(found, time.process_time() - start)
    return found


def evaluate(file: Path, call: str, loader: SourceLoader | None = None) -> Network:
    """The network that a call builds."""
    if loader is None:
        loader = SourceLoader()
        loader.add(load(file, str(file)))
    return Evaluator(loader).evaluate(load(file, str(file)), call).networks[0]


def times(file: Path, call: str) -> tuple[int, tuple[float, float], tuple[float, float]]:
    """Number of nodes; seconds to evaluate and to propagate, fresh and again."""
    loader = SourceLoader()
    loader.add(load(file, str(file)))
    network = evaluate(file, call, loader)
    fresh = least(lambda: evaluate(file, call), FRESH_REPEATS), least(lambda: propagate(network), REPEATS, forget)
    propagate(network)
    again = least(lambda: evaluate(file, call, loader), REPEATS), least(lambda: propagate(network), REPEATS)
    return len(network.nodes), fresh, again


def main() -> None:
    arguments = sys.argv[1:]
    cases = [(Path(file), call) for file, call in zip(arguments[::2], arguments[1::2], strict=True)]
    if not cases and (folder := folder_of("torchvision", "models")) is not None:
        cases = [(folder / f"{stem}.py", f"{names[0]}()") for stem, names in TORCHVISION.items()]
    gc.disable()  # as the command line does
    shares: dict[str, list[float]] = {"fresh": [], "again": []}
    print(f"{'':28}           {'fresh: evaluated, propagated':>34}   {'again: evaluated, propagated':>34}")
    for file, call in cases:
        nodes, fresh, again = times(file, call)
        line = f"{call:28} {nodes:5} nodes"
        for name, (evaluation, propagation) in (("fresh", fresh), ("again", again)):
            shares[name].append(propagation / evaluation)
            line += f"   {evaluation * 1e3:9.1f} ms {propagation * 1e3:7.2f} ms {shares[name][-1]:7.1%}"
        print(f"{line}   {again[1] / nodes * 1e6:5.1f} us a node")
    for name, found in shares.items():
        if found:
            print(f"{name}: median share {sorted(found)[len(found) // 2]:.1%}, largest {max(found):.1%}")


if __name__ == "__main__":
    on_deep_stack(main)
