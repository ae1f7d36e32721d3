"""Time of propagation as a share of the time of evaluating the same network; the bar is a tenth.

python benchmarks/propagation.py FILE CALL [FILE CALL ...]    # torchvision's models, if it is installed, else
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.real_networks import TORCHVISION, folder_of
from gradlint.evaluation.driver import Evaluator
from gradlint.propagation import propagate
from gradlint.sources import SourceLoader, load
from gradlint.stack import on_deep_stack


def times(file: Path, call: str) -> tuple[int, float, float]:
    """Number of nodes, seconds to evaluate with nothing cached, seconds to propagate."""
    source = load(file, str(file))
    loader = SourceLoader()
    loader.add(source)
    start = time.perf_counter()
    network = Evaluator(loader).evaluate(source, call).networks[0]
    evaluated = time.perf_counter()
    propagate(network)
    return len(network.nodes), evaluated - start, time.perf_counter() - evaluated


def main() -> None:
    arguments = sys.argv[1:]
    cases = [(Path(file), call) for file, call in zip(arguments[::2], arguments[1::2], strict=True)]
    if not cases and (folder := folder_of("torchvision", "models")) is not None:
        cases = [(folder / f"{stem}.py", f"{names[0]}()") for stem, names in TORCHVISION.items()]
    shares = []
    for file, call in cases:
        nodes, evaluation, propagation = times(file, call)
        shares.append(propagation / evaluation)
        print(
            f"{call:28} {nodes:5} nodes, evaluation {evaluation * 1e3:7.1f} ms, "
            f"propagation {propagation * 1e3:6.1f} ms, {shares[-1]:.1%}"
        )
    if shares:
        print(f"median share {sorted(shares)[len(shares) // 2]:.1%}")


if __name__ == "__main__":
    on_deep_stack(main)
