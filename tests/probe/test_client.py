"""The probe as a whole, with its child process."""

from __future__ import annotations

import importlib.util
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gradlint.claims import Claim, ClaimKind, Loss, Step
from gradlint.findings import Status
from gradlint.network import Kind
from gradlint.probe import NotMeasurable, Probe, ProbeSettings, ProbeUnavailable
from gradlint.probe.process import ChildProcess, module_paths
from tests.graphs import Graph, mlp

VANISHING = Claim(ClaimKind.VANISHING, -7.7)


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with Probe() as running:
        yield running


def test_ten_sigmoid_layers_are_confirmed(probe: Probe) -> None:
    found = probe.confirm(mlp(10, function="sigmoid"), VANISHING)
    assert found.status is Status.CONFIRMED
    assert found.measured_log10 == pytest.approx(-7.7, abs=0.1)
    assert found.seeds == 5


def test_a_healthy_network_refutes_the_claim(probe: Probe) -> None:
    assert probe.confirm(mlp(10, init="he_normal"), VANISHING).status is Status.REFUTED


def test_what_cannot_be_measured_says_why_and_keeps_the_prediction(probe: Probe) -> None:
    g = Graph()
    g.linear(g.opaque(g.linear(g.input(4, 8), 8), "magic"), 3)
    found = probe.confirm(g.network(), VANISHING)
    assert found.status is Status.NOT_MEASURED
    assert found.predicted_log10 == -7.7
    assert "magic" in found.reason


def test_a_measurement_has_every_layer(probe: Probe) -> None:
    network = mlp(4)
    found = probe.measure(network)
    assert [layer.name for layer in found.layers] == [node.name for node in network.weighted]
    g = Graph()
    g.opaque(g.linear(g.input(4, 8), 8), "magic")
    with pytest.raises(NotMeasurable, match="magic"):
        probe.measure(g.network())


def test_figures_do_not_depend_on_the_process_or_the_order(probe: Probe) -> None:
    network = mlp(6, norm="batch")
    with Probe() as other:
        other.measure(mlp(3))
        assert other.measure(network) == probe.measure(network)


def test_claims_about_steps_and_parameters(probe: Probe) -> None:
    network = mlp(3, init="he_normal")
    first, last = network.weighted[0], network.weighted[-1]
    held = tuple(last.parameters.values())
    step = Step("Adam", 1e-3, {"betas": (0.9, 0.999), "foreach": None}, held)
    loss = Loss("cross_entropy")
    weight, head = (first.parameters["weight"],), (last.parameters["weight"],)
    untrained = Claim(ClaimKind.UNTRAINED, parameters=weight, step=step, loss=loss)
    assert probe.confirm(network, untrained).status is Status.CONFIRMED
    trained = Claim(ClaimKind.UNTRAINED, parameters=head, step=step, loss=loss)
    assert probe.confirm(network, trained).status is Status.REFUTED
    wild = Claim(ClaimKind.OVERSHOOT, 100.0, step=Step("SGD", 100.0), loss=loss)
    assert probe.confirm(network, wild).status is Status.CONFIRMED
    tame = Claim(ClaimKind.OVERSHOOT, 0.01, step=Step("SGD", 0.01), loss=loss)
    assert probe.confirm(network, tame).status is Status.REFUTED


def test_a_second_softmax_attenuates_the_gradient(probe: Probe) -> None:
    g = Graph()
    logits = g.linear(g.activation(g.linear(g.input(4, 20), 64), "relu"), 10)
    softmax = g.activation(logits, "softmax", axis=-1)
    loss = Loss("cross_entropy")
    found = probe.confirm(g.network(), Claim(ClaimKind.ATTENUATED, layer=softmax, loss=loss))
    assert found.status is Status.CONFIRMED
    assert found.measured_log10 is not None
    assert found.measured_log10 < -0.7


def test_a_blocked_branch(probe: Probe) -> None:
    g = Graph()
    first = g.linear(g.input(4, 8), 8)
    last = g.linear(g.node(Kind.STOP, first, shape=(4, 8), operation="detach"), 3)
    network = g.network()
    for node, expected in ((first, Status.CONFIRMED), (last, Status.REFUTED)):
        claim = Claim(ClaimKind.BLOCKED, parameters=tuple(node.parameters.values()))
        assert probe.confirm(network, claim).status is expected


@pytest.mark.parametrize(("margin", "expected"), [(0.0, Status.CONFIRMED), (1e-3, Status.REFUTED)])
def test_a_distance_is_measured_where_it_is_zero(probe: Probe, margin: float, expected: Status) -> None:
    g = Graph("he_normal")
    weights = g.linear(g.input(4, 8), 8)
    sides = []
    for _ in range(2):  # zero inputs are stopped by the rectifier, and dropout makes equal ones differ
        layer = g.node(Kind.LINEAR, g.input(4, 8), shape=(4, 8), in_features=8, out_features=8)
        layer.parameters = weights.parameters
        sides.append(g.node(Kind.DROPOUT, g.activation(layer, "relu"), shape=(4, 8), rate=0.1))
    difference = g.add(*sides, coefficients=(1.0, -1.0))
    squares = g.node(Kind.MULTIPLY, difference, difference, shape=(4, 8))
    g.activation(g.add(squares, constant=margin), "sqrt")
    found = probe.confirm(g.network(), Claim(ClaimKind.NAN, inputs="zero"))
    assert found.status is expected
    assert "equal inputs" in found.reason


def test_progress_is_told_once_for_each_network() -> None:
    told: list[str] = []
    with Probe(progress=told.append) as probe:
        network = mlp(2)
        probe.confirm(network, VANISHING)
        probe.confirm(network, VANISHING)
        probe.measure(mlp(3))
    assert told == ["net", "net"]


def test_a_child_that_dies_costs_one_network_its_measurement() -> None:
    with Probe() as probe:
        probe.measure(mlp(2))
        child = probe._child
        assert child is not None
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait()
        assert probe.confirm(mlp(3), VANISHING).status is Status.REFUTED  # by a new child


def test_a_child_that_hangs_is_given_up() -> None:
    with Probe(ProbeSettings(time_limit=2.0)) as probe:
        probe.measure(mlp(2))
        child = probe._child
        assert child is not None
        os.kill(child.process.pid, signal.SIGSTOP)
        found = probe.confirm(mlp(3), VANISHING)
        assert found.status is Status.NOT_MEASURED
        assert "longer than 2 s" in found.reason
        assert probe.confirm(mlp(4), VANISHING).status is Status.REFUTED


def test_a_child_that_dies_while_measuring_is_reported() -> None:
    settings = ProbeSettings()
    child = ChildProcess(settings)
    child.wait_ready()
    os.kill(child.process.pid, signal.SIGKILL)
    with pytest.raises(NotMeasurable, match="SIGKILL"):
        child.ask({}, 10.0)


def test_too_much_memory_costs_only_that_network() -> None:
    with Probe(ProbeSettings(memory_limit=256 << 20)) as probe:
        g = Graph()
        g.linear(g.input(4, 20_000), 20_000)
        found = probe.confirm(g.network(), VANISHING)
        assert found.status is Status.NOT_MEASURED
        assert "GiB of memory" in found.reason
        assert probe.confirm(mlp(3), VANISHING).status is Status.REFUTED


def test_nothing_is_left_behind() -> None:
    with Probe() as probe:
        probe.measure(mlp(2))
        child = probe._child
        assert child is not None
        assert Path(child.folder).is_dir()
    assert child.process.poll() is not None
    assert not Path(child.folder).exists()


def test_a_child_whose_parent_is_gone_leaves_nothing_behind() -> None:
    child = ChildProcess(ProbeSettings())
    child.wait_ready()
    assert child.process.stdin is not None
    child.process.stdin.close()
    child.process.wait(timeout=30)
    assert not Path(child.folder).exists()
    child.end()


def test_no_child_is_started_for_nothing() -> None:
    with Probe() as probe:
        assert probe._child is None


def test_without_torch_the_probe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProbeUnavailable, match=r'pip install "gradlint\[probe\]"'):
        Probe()


def test_a_torch_that_cannot_be_imported_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('broken')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Probe() as probe, pytest.raises(ProbeUnavailable, match="broken"):
        probe.measure(mlp(2))


def test_a_device_that_is_not_there_is_told() -> None:
    import torch

    device = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(ProbeUnavailable, match=f"the device {device}"):
        Probe(ProbeSettings(device=device)).__enter__()
    with pytest.raises(ProbeUnavailable, match="no such device"):
        Probe(ProbeSettings(device="abacus"))  # type: ignore[arg-type]


def test_importing_the_probe_imports_no_torch() -> None:
    code = "import gradlint.probe, gradlint.claims, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_the_child_does_not_see_the_files_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    for name in ("json", "torch", "gradlint", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    assert str(tmp_path) not in module_paths()
    assert "" not in module_paths()
    with Probe() as probe:
        assert math.isfinite(probe.measure(mlp(2)).log10_ratio() or math.nan)
    assert not marker.exists()
