"""How well and how fast gradlint reads whole model libraries.

    python benchmarks/reading.py FOLDER...

For each folder: the files that may matter, the networks found, how many of them are complete, the most common
reasons for what is not known, and the time of evaluation as a multiple of the time that libcst takes to parse
the same files. Propagation is timed besides.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections import Counter
from pathlib import Path

from gradlint.evaluation.driver import Evaluator
from gradlint.propagation import propagate
from gradlint.sources import SourceError, SourceLoader

COMMON = 10


def read(folder: Path) -> None:
    """Evaluate every file of a folder and print what came of it."""
    loader = SourceLoader()
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    slowest: list[tuple[float, str]] = []
    sources = [source for path in sorted(folder.rglob("*.py")) if (source := loader.load(path)) and source.may_matter]
    gc.disable()
    for source in sources:
        before = time.process_time()
        try:
            source.module  # noqa: B018 - parses
        except SourceError:
            counts["unparsable"] += 1
        seconds["parse"] += time.process_time() - before
    for source in sources:
        before = time.process_time()
        try:
            evaluation = Evaluator(loader).evaluate(source)
        except SourceError:
            continue
        except Exception:
            counts["crashes"] += 1
            print(f"crash in {source.name}\n{traceback.format_exc(limit=-4)}")
            continue
        spent = time.process_time() - before
        seconds["evaluation"] += spent
        slowest.append((spent, source.name))
        counts["cut short"] += len(evaluation.notes)
        for note in evaluation.notes:
            if "gradlint failed" in note:
                counts["failures"] += 1
                print(f"{source.name}: {note}")
        before = time.process_time()
        for network in evaluation.networks:
            counts["networks"] += 1
            counts["complete"] += network.complete
            for reason in {item.reason for item in network.unresolved}:
                reasons[reason] += 1
            counts["predicted"] += propagate(network).log10_gradient_ratio is not None
        seconds["propagation"] += time.process_time() - before
        gc.collect(0)
        counts["loops"] += len(evaluation.loops)
    gc.enable()
    print(f"{folder}: {len(sources)} files, {dict(counts)}")
    print(
        f"  libcst {seconds['parse']:.2f} s, evaluation {seconds['evaluation']:.2f} s, "
        f"propagation {seconds['propagation']:.2f} s, "
        f"ratio of the total to libcst {sum(seconds.values()) / seconds['parse']:.2f}"
    )
    for spent, name in sorted(slowest, reverse=True)[:5]:
        print(f"  {spent:6.2f} s  {name}")
    for reason, count in reasons.most_common(COMMON):
        print(f"  {count:5d}  {reason[:120]}")


def main() -> None:
    """Read each folder named on the command line."""
    for folder in sys.argv[1:]:
        read(Path(folder))


if __name__ == "__main__":
    sys.setrecursionlimit(50_000)
    threading.stack_size(512 * 1024 * 1024)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
