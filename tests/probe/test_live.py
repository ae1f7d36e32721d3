"""The user's own code in the child process: measured where it is good, survived where it is not."""

from __future__ import annotations

import importlib.util
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from gradlint.claims import Claim, ClaimKind
from gradlint.evaluation.driver import Evaluator
from gradlint.findings import Span, Status
from gradlint.network import Network, Origin
from gradlint.probe import Probe, ProbeSettings
from gradlint.sources import SourceLoader
from tests.graphs import mlp

GOOD = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, depth=9):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(128 if i else 20, 128) for i in range(depth)])
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        for layer in self.layers:
            x = torch.sigmoid(layer(x))
        return self.head(x)
"""

CLAIM = Claim(ClaimKind.VANISHING, -7.7)
LIMIT = 5.0


class _Source:
    def __init__(self, path: Path) -> None:
        self.name = str(path)

    def span(self, syntax: object) -> Span:
        return Span(self.name, 1, 1, 1, 1)


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., Network]:
    """A graph of ten sigmoid layers that says it comes from a file with this text."""

    def make(text: str, call: str = "Net()", name: str = "model.py") -> Network:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        graph = mlp(10, function="sigmoid")
        for node, layer in zip(graph.weighted, [*(f"layers.{i}" for i in range(9)), "head"], strict=True):
            node.name = layer
        graph.origin = Origin(_Source(path), None)
        graph.call = call
        return graph

    return make


def read(folder: Path, text: str) -> Network:
    """The last network that gradlint reads from a file with this text."""
    (folder / "model.py").write_text(text)
    loader = SourceLoader()
    source = loader.load(folder / "model.py")
    assert source is not None
    return Evaluator(loader).evaluate(source).networks[-1]


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with Probe(ProbeSettings(live=True, time_limit=LIMIT, memory_limit=2 << 30, seeds=3)) as running:
        yield running


def test_the_real_network_and_its_twin_agree(probe: Probe, network: Callable[..., Network]) -> None:
    graph = network(GOOD)
    real = probe.measure(graph)
    with Probe(ProbeSettings(seeds=3)) as other:
        twin = other.measure(graph)
    assert [layer.name for layer in real.layers] == [layer.name for layer in twin.layers]
    for ours, theirs in zip(real.layers, twin.layers, strict=True):
        pair = real.log10_ratio(ours.node), twin.log10_ratio(theirs.node)
        assert pair[0] == pytest.approx(pair[1], abs=0.15)
    assert probe.confirm(graph, CLAIM).status is Status.CONFIRMED


def test_the_call_is_evaluated_in_the_file(probe: Probe, network: Callable[..., Network]) -> None:
    text = GOOD + "\nWIDTHS = {'depth': 9}\nmodel = Net(**WIDTHS)\n"
    assert probe.confirm(network(text, "Net(**WIDTHS)"), CLAIM).status is Status.CONFIRMED
    assert probe.confirm(network(text, "model"), CLAIM).status is Status.CONFIRMED
    assert "NameError" in probe.confirm(network(text, "Net(local)"), CLAIM).reason
    assert "gives no PyTorch module" in probe.confirm(network(text, "WIDTHS"), CLAIM).reason


def test_files_of_a_package_import_their_siblings(
    probe: Probe, network: Callable[..., Network], tmp_path: Path
) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    (tmp_path / "package" / "parts.py").write_text(GOOD)
    graph = network("from .parts import Net", name="package/model.py")
    assert probe.confirm(graph, CLAIM).status is Status.CONFIRMED


def test_a_script_imports_the_files_beside_it(probe: Probe, network: Callable[..., Network], tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text(GOOD)
    assert probe.confirm(network("from parts import Net"), CLAIM).status is Status.CONFIRMED


def test_a_relative_path_is_that_of_the_run(
    probe: Probe, network: Callable[..., Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = network(GOOD)
    monkeypatch.chdir(tmp_path)
    graph.origin = Origin(_Source(Path("model.py")), None)
    assert probe.confirm(graph, CLAIM).status is Status.CONFIRMED


def test_the_main_block_of_a_script_does_not_run(probe: Probe, network: Callable[..., Network]) -> None:
    text = GOOD + "\nif __name__ == '__main__':\n    raise SystemExit('training')\n"
    assert probe.confirm(network(text), CLAIM).status is Status.CONFIRMED


def test_one_file_does_not_disturb_the_next(probe: Probe, network: Callable[..., Network]) -> None:
    spoiler = "import torch\ntorch.set_default_dtype(torch.float64)\ntorch.nn.Linear = None\n" + GOOD
    assert probe.confirm(network(spoiler, name="spoiler.py"), CLAIM).status is Status.NOT_MEASURED
    assert probe.confirm(network(GOOD), CLAIM).status is Status.CONFIRMED


def test_what_a_call_is_given_may_be_known_further_out_only(probe: Probe, tmp_path: Path) -> None:
    text = GOOD + "\ndef make(depth):\n    return Net(depth)\n\nnet = make(9)\n"
    found = probe.measure(read(tmp_path, text))
    assert [layer.name for layer in found.layers] == [*(f"layers.{i}" for i in range(9)), "head"]


def test_of_several_calls_the_one_that_gives_what_was_read_counts(probe: Probe, tmp_path: Path) -> None:
    text = GOOD + "\ndepth = 2\n\ndef make(depth):\n    return Net(depth)\n\nnet = make(9)\n"
    assert len(probe.measure(read(tmp_path, text)).layers) == 10


def test_a_network_that_grew_at_import_is_measured_as_it_is(probe: Probe, tmp_path: Path) -> None:
    text = "from torch import nn\nnet = nn.Sequential()\nfor i in range(3):\n    net.append(nn.Linear(8, 8))\n"
    found = probe.measure(read(tmp_path, text))
    assert (len(found.layers), found.seeds) == (3, 1)


def test_what_is_overwritten_in_place_is_measured_before(probe: Probe, tmp_path: Path) -> None:
    text = (
        "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layers = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))\n"
        "    def forward(self, x):\n        return self.layers(x.view(-1, 4, 8))\n\nnet = Net()\ny = net(torch.randn(8, 32))\n"
    )
    found = probe.measure(read(tmp_path, "import torch\n" + text))
    assert all(math.isfinite(figure) for layer in found.layers for figure in layer.gradient)


def test_another_number_of_parameters_is_said(probe: Probe, network: Callable[..., Network]) -> None:
    (note,) = probe.measure(network(GOOD, "Net(4)")).assumptions
    assert "the real network has" in note


def test_a_file_that_defies_import_is_imported_once(network: Callable[..., Network], tmp_path: Path) -> None:
    count = tmp_path / "count"
    text = f"open({str(count)!r}, 'a').write('x')\nimport os\n{{}}\n" + GOOD
    for number, (fault, reason) in enumerate([("1 / 0", "ZeroDivisionError"), ("os._exit(0)", "ended its process")]):
        count.write_text("")
        graph = network(text.format(fault), name=f"file{number}.py")
        with Probe(ProbeSettings(live=True, seeds=1)) as live:
            for call in ("Net()", "Net(8)"):
                graph.call = call
                assert reason in live.confirm(graph, CLAIM).reason
        assert count.read_text() == "x"


def test_a_network_of_another_shape_is_told(probe: Probe, network: Callable[..., Network]) -> None:
    other = "from torch import nn\ndef build(): return nn.Sequential(nn.Linear(20, 5))\n"
    assert "bears a name" in probe.confirm(network(other, "build()"), CLAIM).reason


def test_claims_that_need_steps_are_measured_on_the_twin(probe: Probe, network: Callable[..., Network]) -> None:
    graph = network("raise SystemExit('not to be run')")
    assert probe.confirm(graph, Claim(ClaimKind.OVERSHOOT)).status is not Status.NOT_MEASURED


HOSTILE: dict[str, tuple[str, str]] = {
    "infinite loop": ("while True: pass", "longer than"),
    "sleep": ("import time; time.sleep(1000)", "longer than"),
    "100 GB at once": ("bytearray(100 << 30)", "more memory"),
    "100 GB of a tensor": ("import torch; torch.zeros(100 << 28)", "more memory"),
    "forks that stay": ("import os\nfor _ in range(3): os.fork()\nwhile True: pass", "longer than"),
    "os._exit": ("import os; os._exit(0)", "ended its process"),
    "sys.exit": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "exception": ("raise ValueError('no such thing')", "ValueError: no such thing"),
    "no Python": ("def (:", "SyntaxError"),
    "segmentation fault": ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    "output flood": ("while True: print('x' * 100_000)", "longer than"),
    "a question": ("input('name?')", "EOFError"),
    "endless recursion": ("def f(): return f()\nf()", "RecursionError"),
    "kills its parent": ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "SIGKILL"),
    "writes into the pipes": (
        "import os\nfor d in range(3, 64):\n    try: os.write(d, b'junk' * 100)\n    except OSError: pass\nos._exit(0)",
        "ended its process",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_costs_its_own_finding_only(probe: Probe, network: Callable[..., Network], name: str) -> None:
    text, reason = HOSTILE[name]
    start = time.monotonic()
    found = probe.confirm(network(text + "\n" + GOOD), CLAIM)
    assert found.status is Status.NOT_MEASURED
    assert reason in found.reason
    assert time.monotonic() - start < LIMIT + 30
    assert probe.confirm(network(GOOD, name="next.py"), CLAIM).status is Status.CONFIRMED


HARMLESS = {
    "deletes its folder": "import os, shutil; shutil.rmtree(os.getcwd())",
    "deletes the folder above": "import os, shutil; shutil.rmtree(os.path.dirname(os.getcwd()))",
    "prints much": "import sys\nfor _ in range(100):\n    print('x' * 100_000)\n    print('y' * 1000, file=sys.stderr)",
    "closes its output": "import os\nos.close(1)\nos.close(2)",
    "forks and goes on": "import os; os.fork()",
    "changes folder": "import os; os.chdir('/')",
    "switches gradients off": "import torch; torch.set_grad_enabled(False)",
    "changes the device": "import torch; torch.set_default_device('meta')",
    "changes the dtype": "import torch; torch.set_default_dtype(torch.float64)",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_bad_manners_cost_nothing(probe: Probe, network: Callable[..., Network], name: str) -> None:
    assert probe.confirm(network(HARMLESS[name] + "\n" + GOOD), CLAIM).status is Status.CONFIRMED
    assert probe.confirm(network(GOOD, name="next.py"), CLAIM).status is Status.CONFIRMED


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found by /proc")
def test_what_user_code_starts_ends_with_it(probe: Probe, network: Callable[..., Network], tmp_path: Path) -> None:
    note = tmp_path / "pid"
    daemon = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open({str(note)!r}, 'w').write(str(os.getpid()))
        time.sleep(1000)
    os._exit(0)
os.wait()
while not os.path.exists({str(note)!r}) or not open({str(note)!r}).read(): time.sleep(0.01)
"""
    assert probe.confirm(network(daemon + GOOD), CLAIM).status is Status.CONFIRMED
    pid = int(note.read_text())
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_the_twin_runs_none_of_the_user_s_code(network: Callable[..., Network], tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    graph: Any = network(f"open({str(marker)!r}, 'w')\n" + GOOD)
    with Probe(ProbeSettings(seeds=1)) as twin:
        assert twin.confirm(graph, CLAIM).status is Status.CONFIRMED
    assert not marker.exists()
    with Probe(ProbeSettings(seeds=1, live=True)) as live:
        assert live.confirm(graph, CLAIM).status is Status.CONFIRMED
    assert marker.exists()


KERAS = """
import keras
from keras import layers

def build(depth=8):
    return keras.Sequential(
        [keras.Input((20,)), *[layers.Dense(64, activation="sigmoid") for _ in range(depth)], layers.Dense(10)]
    )
"""


KERAS_RECURRENT = """
import keras
from keras import layers

def build():
    return keras.Sequential([
        keras.Input((6, 12, 12, 2)),
        layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
        layers.Reshape((6, 576)),
        layers.LSTM(16, return_sequences=True),
        layers.Bidirectional(layers.GRU(8)),
        layers.Dense(1),
    ])
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed")
@pytest.mark.parametrize(("text", "count"), [(KERAS, 9), (KERAS_RECURRENT, 4)], ids=["dense", "recurrent"])
def test_a_keras_network_is_measured_on_its_torch_backend(text: str, count: int, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(text)
    loader = SourceLoader()
    source = loader.load(tmp_path / "model.py")
    assert source is not None
    (graph,) = Evaluator(loader).evaluate(source, "build()").networks
    with Probe(ProbeSettings(live=True, seeds=3)) as patient:  # importing Keras takes a while
        real = patient.measure(graph)
    with Probe(ProbeSettings(seeds=3)) as other:
        twin = other.measure(graph)
    assert len(real.layers) == len(twin.layers) == count
    for layer in real.layers:
        assert real.log10_ratio(layer.node) == pytest.approx(twin.log10_ratio(layer.node), abs=0.2)
