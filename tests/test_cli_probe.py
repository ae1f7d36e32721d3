"""Measuring from the command line, as real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from tests.processes import environment, python, run

SIGMOIDS = """\
from torch import nn

def stack(depth):
    layers = []
    for _ in range(depth):
        layers += [nn.Linear(128, 128), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(128, 1))

net = stack(10)
"""
JSON = ("--output-format", "json")
MISTAKEN_CHECK = """\
from gradlint.claims import Claim, ClaimKind
from gradlint.subjects import Problem

def check_network(subject):
    yield Problem("this vanishes", subject.network.origin, claims=(Claim(ClaimKind.VANISHING),))
"""
MISTAKEN_PAGE = """\
# mistaken (MY001)

```toml
code = "MY001"
severity = "error"
confidence = "high"
frameworks = ["torch"]
since = "1.0.0"
```
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(SIGMOIDS)
    return tmp_path


def findings(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    return found


def mistaken(folder: Path) -> None:
    """A rule that says of every network that its gradient vanishes, and a network of which that is wrong."""
    (folder / "gradlint.toml").write_text("rule-folders = ['lint']\nselect = ['mistaken']\n")
    (folder / "lint").mkdir()
    (folder / "lint" / "mistaken.py").write_text(MISTAKEN_CHECK)
    (folder / "lint" / "mistaken.md").write_text(MISTAKEN_PAGE)
    (folder / "net.py").write_text("from torch import nn\nnet = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))\n")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A run on the network of ten sigmoid layers."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "net.py").write_text(SIGMOIDS)
    return run("check", "--probe", "net.py", *JSON, cwd=folder)


def test_ten_sigmoid_layers_are_measured_as_predicted(measured: subprocess.CompletedProcess[str]) -> None:
    assert (measured.returncode, measured.stderr) == (1, "")
    (evidence,) = (found["evidence"] for found in findings(measured))
    assert (evidence["status"], evidence["seeds"]) == ("confirmed", 5)
    assert evidence["measured_log10"] == pytest.approx(evidence["predicted_log10"], abs=0.1)


def test_text_says_predicted_and_measured(folder: Path) -> None:
    done = run("--probe", "net.py", cwd=folder)
    assert re.search(r"= probe: confirmed, measured \d\.\de-0\d, predicted \d\.\de-0\d\n", done.stdout)
    assert done.stdout.endswith("Probe: 1 confirmed.\n")


def test_the_same_seeds_give_the_same_figures(folder: Path, measured: subprocess.CompletedProcess[str]) -> None:
    again = run("check", "--probe", "net.py", *JSON, cwd=folder)
    assert findings(again) == findings(measured)


def test_a_refuted_finding_is_a_note_and_fails_no_run(folder: Path) -> None:
    mistaken(folder)
    assert run("net.py", cwd=folder).returncode == 1
    done = run("--probe", "net.py", cwd=folder)
    assert done.returncode == 0
    assert "MY001 mistaken [note, high confidence]" in done.stdout
    assert "probe: refuted, measured 0." in done.stdout
    assert "please report it: https://" in done.stdout
    assert "Found 1 note" in done.stdout


def test_standard_input_is_measured(folder: Path) -> None:
    (found,) = findings(run("--probe", "-", *JSON, cwd=folder, input=SIGMOIDS))
    assert found["evidence"]["status"] == "confirmed"


def test_steps_are_taken_before_measuring(folder: Path, measured: subprocess.CompletedProcess[str]) -> None:
    trained = run("--probe", "net.py", "--probe-steps", "5", *JSON, cwd=folder)
    initial, later = (findings(done)[0]["evidence"]["measured_log10"] for done in (measured, trained))
    assert initial != later


def test_the_configuration_is_heard(folder: Path) -> None:
    (folder / "gradlint.toml").write_text("probe-seeds = 2\nprobe-memory-limit = 0.001\n")
    (found,) = findings(run("--probe", "net.py", *JSON, cwd=folder))
    assert "of memory" in found["evidence"]["reason"]
    (folder / "gradlint.toml").write_text("probe-seeds = 2\n")
    (found,) = findings(run("--probe", "net.py", *JSON, cwd=folder))
    assert found["evidence"]["seeds"] == 2


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--probe-steps", "3"], "--probe-steps needs --probe"),
        (["--probe-device", "cpu"], "--probe-device needs --probe"),
        (["--probe", "--probe-steps", "-1"], "Invalid value for '--probe-steps'"),
        (["--probe", "--probe-device", "tpu"], "Invalid value for '--probe-device'"),
        (["--probe", "--call", "Net()"], "--call needs --probe-live"),
        (["--probe-live", "--call", "Net("], "is not an expression"),
    ],
)
def test_options_that_do_not_fit_are_said(arguments: list[str], part: str, folder: Path) -> None:
    done = run("check", "net.py", *arguments, cwd=folder)
    assert (done.stdout, done.returncode) == ("", 2)
    assert part in done.stderr


@pytest.mark.parametrize("command", ["check", "show"])
def test_a_device_that_is_not_there_is_said(command: str, folder: Path) -> None:
    import torch

    device = "cuda" if not torch.cuda.is_available() else "mps"
    done = run(command, "net.py", "--probe", "--probe-device", device, cwd=folder)
    assert (done.stdout, done.returncode) == ("", 2)
    assert f"the device {device} was asked for" in done.stderr


WITHOUT_TORCH = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
from gradlint.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [["check", "--probe"], ["check", "--probe-live"], ["show", "--probe"]])
def test_without_torch_it_says_what_to_install(arguments: list[str], folder: Path) -> None:
    done = python("-c", WITHOUT_TORCH, *arguments, "net.py", "--color", "never", cwd=folder)
    assert (done.stdout, done.returncode) == ("", 2)
    assert 'pip install "gradlint[probe]"' in done.stderr


def test_without_torch_everything_else_works(folder: Path) -> None:
    assert python("-c", WITHOUT_TORCH, "check", "net.py", cwd=folder).returncode == 1


def test_gradlint_s_own_process_imports_no_torch(folder: Path) -> None:
    code = (
        "import sys; from gradlint.cli import run; run(sys.argv[1:])\nprint(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = python("-c", code, "check", "--probe", "net.py", cwd=folder)
    assert "confirmed" in done.stdout
    assert {"torch", "numpy", "keras"}.isdisjoint(done.stderr.split())


def test_the_twin_runs_none_of_the_user_s_code(folder: Path) -> None:
    (folder / "net.py").write_text(f"{SIGMOIDS}\nopen('ran', 'w')\n")
    (folder / "numpy.py").write_text("open('ran', 'w')\n")
    (folder / "sitecustomize.py").write_text("open('ran', 'w')\n")
    done = run("check", "--probe", "net.py", cwd=folder)
    assert ("confirmed" in done.stdout, (folder / "ran").exists()) == (True, False)


def test_live_says_that_it_runs_code_and_does(folder: Path) -> None:
    ran = folder / "ran"
    (folder / "net.py").write_text(f"{SIGMOIDS}\nopen({str(ran)!r}, 'w')\n")
    done = run("check", "--probe-live", "net.py", cwd=folder)
    assert "their code is run" in done.stderr
    assert "confirmed" in done.stdout
    assert ran.exists()


def test_a_call_says_how_to_build_the_real_network(folder: Path) -> None:
    text = (
        "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self, width, name):\n"
        "        super().__init__()\n        self.name = name.upper()\n        self.layers = nn.Sequential(\n"
        "            *[m for _ in range(10) for m in (nn.Linear(width, width), nn.Sigmoid())], nn.Linear(width, 1))\n"
        "    def forward(self, x):\n        return self.layers(x)\n\n"
        "def main(args):\n    net = Net(64, args.name)\n"
    )
    (folder / "net.py").write_text(text)
    (found,) = findings(run("--probe-live", "net.py", *JSON, cwd=folder))
    assert "NameError" in found["evidence"]["reason"]
    (found,) = findings(run("--probe-live", "net.py", "--call", "Net(64, name='a')", *JSON, cwd=folder))
    assert found["evidence"]["status"] == "confirmed"


HOSTILE = {
    "loop": ("while True: pass", "longer than"),
    "memory": ("import torch; torch.zeros(100 << 28)", "more memory"),
    "fork": ("import os\nfor _ in range(3): os.fork()\nwhile True: pass", "longer than"),
    "leave": ("import os; os._exit(0)", "ended its process"),
    "exception": ("raise ValueError('no such thing')", "ValueError: no such thing"),
    "flood": ("while True: print('x' * 100_000, flush=True)", "longer than"),
    "killer": ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "SIGKILL"),
    "own_folder": ("import os, shutil; shutil.rmtree(os.getcwd())", ""),
    "good": ("", ""),
}


@pytest.mark.slow
def test_hostile_code_costs_its_own_measurement_only(tmp_path: Path) -> None:
    for name, (text, _) in HOSTILE.items():
        (tmp_path / f"{name}.py").write_text(f"{text}\n{SIGMOIDS}")
    (tmp_path / "gradlint.toml").write_text("probe-time-limit = 4\nprobe-memory-limit = 2\nprobe-seeds = 2\n")
    before = sorted(tmp_path.iterdir())
    start = time.monotonic()
    done = run("check", "--probe-live", ".", *JSON, cwd=tmp_path)
    assert time.monotonic() - start < 90
    assert done.returncode == 1
    found = {item["file"].removesuffix(".py"): item for item in findings(done)}
    assert {item["code"] for item in found.values()} == {"GRD101"}
    assert found.keys() == HOSTILE.keys()
    for name, (_, reason) in HOSTILE.items():
        evidence = found[name]["evidence"]
        assert evidence["status"] == ("not measured" if reason else "confirmed"), (name, evidence)
        assert reason in evidence["reason"]
    assert sorted(tmp_path.iterdir()) == before


def terminal_output(*arguments: str, cwd: Path) -> bytes:
    """What a run writes to a terminal on standard error."""
    import pty

    main, side = pty.openpty()
    command = [sys.executable, "-m", "gradlint", *arguments]
    process = subprocess.Popen(command, cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=side)
    os.close(side)
    output = b""
    try:
        while chunk := os.read(main, 65536):
            output += chunk
    except OSError:  # how the end shows on Linux
        pass
    process.wait()
    os.close(main)
    return output


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_shows_on_a_terminal_and_is_gone_at_the_end(folder: Path) -> None:
    slow = "import time; time.sleep(3)\n"
    (folder / "net.py").write_text(slow + SIGMOIDS)
    output = terminal_output("check", "--probe-live", "net.py", cwd=folder)
    assert b"measuring net (1 of 1)" in output
    assert output.endswith(b"\r\x1b[2K")


def test_show_has_measured_beside_predicted(folder: Path) -> None:
    done = run("show", "--probe", "net.py", *JSON, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    (network,) = json.loads(done.stdout)["networks"]
    assert network["measured"]["seeds"] == 5
    for layer in network["layers"]:
        assert layer["measured_log10_gradient"] == pytest.approx(layer["log10_gradient"], abs=0.1)


def test_show_measures_a_changed_network_by_its_twin(folder: Path) -> None:
    done = run("show", "--probe-live", "net.py", "--what-if", "relu,he", *JSON, cwd=folder)
    (network,) = json.loads(done.stdout)["networks"]
    (changed,) = network["what_if"]
    assert network["measured"]["log10_gradient_ratio"] < -6
    assert changed["network"]["measured"]["log10_gradient_ratio"] > -1


def test_show_says_what_cannot_be_measured(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "from torch import nn\nfrom magic import spell\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.a = nn.Linear(8, 8)\n        self.b = nn.Linear(8, 8)\n"
        "    def forward(self, x):\n        return self.b(spell(self.a(x)))\n"
    )
    done = run("show", "--probe", "odd.py", cwd=folder)
    assert done.returncode == 0
    assert "not measured:" in done.stdout
