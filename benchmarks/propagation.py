"""Time of propagation as a share of the time of evaluating the same network; the bar is a tenth.

python benchmarks/propagation.py FILE CALL [FILE CALL ...]    # torchvision's models, if it is installed, else

"fresh" is what a run of gradlint meets: nothing is read, parsed or tabulated yet. "again" is the same with the files
that the model imports, and the integrals of its activations, already there, "parsed" with its own file there as well.
Each is the least of several repeats, in processor time.
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
from gradlint.sources import SourceFile, SourceLoader, load
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


def evaluate(file: Path, call: str, loader: SourceLoader | None = None, source: SourceFile | None = None) -> Network:
    """The network that a call builds."""
    if loader is None:
        loader = SourceLoader()
        loader.add(load(file, str(file)))
    return Evaluator(loader).evaluate(source or load(file, str(file)), call).networks[0]


def times(file: Path, call: str) -> tuple[int, dict[str, tuple[float, float]]]:
    """Number of nodes; seconds to evaluate and to propagate, by what is there already."""
    loader, source = SourceLoader(), load(file, str(file))
    loader.add(source)
    network = evaluate(file, call, loader, source)
    fresh = least(lambda: evaluate(file, call), FRESH_REPEATS), least(lambda: propagate(network), REPEATS, forget)
    propagate(network)
    propagated = least(lambda: propagate(network), REPEATS)
    again = least(lambda: evaluate(file, call, loader), REPEATS), propagated
    parsed = least(lambda: evaluate(file, call, loader, source), REPEATS), propagated
    return len(network.nodes), {"fresh": fresh, "again": again, "parsed": parsed}


def main() -> None:
    arguments = sys.argv[1:]
    cases = [(Path(file), call) for file, call in zip(arguments[::2], arguments[1::2], strict=True)]
    if not cases and (folder := folder_of("torchvision", "models")) is not None:
        cases = [(folder / f"{stem}.py", f"{names[0]}()") for stem, names in TORCHVISION.items()]
    gc.disable()  # as the command line does
    shares: dict[str, list[float]] = {}
    for file, call in cases:
        nodes, found = times(file, call)
        line = f"{call:28} {nodes:5} nodes"
        for name, (evaluation, propagation) in found.items():
            shares.setdefault(name, []).append(propagation / evaluation)
            line += f"   {name} {evaluation * 1e3:6.1f} ms {propagation * 1e3:6.2f} ms {shares[name][-1]:6.1%}"
        print(f"{line}   {found['again'][1] / nodes * 1e6:5.1f} us a node")
    for name, all_ in shares.items():
        print(f"{name}: median share {sorted(all_)[len(all_) // 2]:.1%}, largest {max(all_):.1%}")


if __name__ == "__main__":
    on_deep_stack(main)
