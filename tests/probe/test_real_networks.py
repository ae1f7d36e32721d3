"""From source to twin, against the real object built from the same source: gradients at each layer, over seeds."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gradlint.evaluation.driver import Evaluator
from gradlint.probe.live import measure_live
from gradlint.probe.measure import measure
from gradlint.probe.measurement import Measurement
from gradlint.probe.network_spec import NetworkSpec, describe
from gradlint.probe.request import Request
from gradlint.sources import SourceLoader
from tests.probe.real_networks import HEADER, NETWORKS

REQUEST = Request(seeds=5, horizon=0)


def read(path: Path, call: str) -> NetworkSpec:
    """The network that gradlint reads from a file."""
    loader = SourceLoader()
    source = loader.load(path)
    assert source is not None
    (network,) = Evaluator(loader).evaluate(source, call).networks
    assert network.complete
    return describe(network)[0]


def errors(twin: Measurement, real: Measurement) -> list[float]:
    """How far log10 of the gradients are apart at the layers that both have, each relative to the last of these."""
    last = real.layers[-1].node
    pairs: Sequence[tuple[float | None, float | None]] = [
        (twin.log10_ratio(layer.node, last), real.log10_ratio(layer.node, last)) for layer in real.layers
    ]
    return [abs(a - b) if a is not None and b is not None else math.inf for a, b in pairs]


@pytest.mark.parametrize("name", NETWORKS)
def test_twin_and_real_network_agree(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"{name.replace(' ', '_')}.py"
    path.write_text(HEADER + NETWORKS[name])
    spec = read(path, "Net()")
    real = measure_live(spec, REQUEST, {"builds": [[str(path), "Net()"]]})
    found = errors(measure(spec, REQUEST), real)
    assert len(real.layers) >= 2
    assert statistics.median(found) <= 0.1
    assert max(found) <= 0.3
