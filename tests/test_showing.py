"""`gradlint show` as a real process: changes side by side."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.processes import python, run

SIGMOIDS = """\
from keras import Sequential
from keras.layers import Dense

model = Sequential()
for _ in range(10):
    model.add(Dense(128, activation="sigmoid"))
model.add(Dense(1, activation="sigmoid"))
"""
TAGGER = """\
from torch import nn

class Tagger(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.embedding = nn.Embedding(1000, 64)
        self.lstm = nn.LSTM(64, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 9)

    def forward(self, tokens):
        x, _ = self.lstm(self.embedding(tokens))
        return self.head(x[:, -1])
"""
ODD = """\
from torch import nn

dead = nn.Sequential(*[layer for _ in range(60) for layer in (nn.Linear(64, 64), nn.Sigmoid())], nn.Linear(64, 10))

class Deep(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(8, 8) for _ in range(depth)])

    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(SIGMOIDS)
    (tmp_path / "tagger.py").write_text(TAGGER)
    return tmp_path


def test_the_same_network_mended_side_by_side(folder: Path) -> None:
    done = run("show", "net.py", "--what-if", "relu,he", "--what-if", "batch-norm", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[4].split() == ["as", "it", "is", "relu,he", "batch-norm"]
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("  dense") for line in lines) == 11
    verdicts = [line.partition(": ")[2].split(",")[0] for line in lines if "the first layer gets" in line]
    assert verdicts == ["vanishing", "healthy", "healthy"]
    assert '    activation="relu" with kernel_initializer="he_normal"' in lines


def test_changes_as_json(folder: Path) -> None:
    done = run("show", "net.py", "--what-if", "relu,he,gru", "--output-format", "json", cwd=folder)
    (network,) = json.loads(done.stdout)["networks"]
    (change,) = network["what_if"]
    assert network["verdict"] == "vanishing"
    assert change["changes"] == ["relu", "he", "gru"]
    assert [idle["change"] for idle in change["without_effect"]] == ["gru"]
    assert change["network"]["verdict"] == "healthy"
    assert [layer["name"] for layer in change["network"]["layers"]] == [layer["name"] for layer in network["layers"]]


def test_a_forget_bias_lengthens_the_horizon(folder: Path) -> None:
    done = run("show", "tagger.py", "--what-if", "forget-bias=3", "--output-format", "json", cwd=folder)
    (network,) = json.loads(done.stdout)["networks"]
    (before,), (after,) = network["horizons"], network["what_if"][0]["network"]["horizons"]
    assert before["layer"] == after["layer"] == "lstm"
    assert before["steps"] < 15
    assert after["steps"] > 200


def test_a_change_that_does_not_apply_is_told(folder: Path) -> None:
    done = run("show", "tagger.py", "--what-if", "lstm", cwd=folder)
    assert done.returncode == 0
    assert "lstm does not apply: there is no recurrent layer of another kind" in done.stdout


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ("relu,hee", "'hee' is no change"),
        ("relu=2", "relu takes no number"),
        ("forget-bias=big", "'big' is no number"),
        (",", "no change between the commas"),
    ],
)
def test_a_word_that_is_no_change(changes: str, sentence: str, folder: Path) -> None:
    done = run("show", "net.py", "--what-if", changes, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "batchnorm" in done.stderr or "hee" not in changes


def texts(file: Path) -> list[str]:
    """What is written in an SVG file."""
    return ["".join(element.itertext()).strip() for element in ET.parse(file).iter() if element.tag.endswith("}text")]


def test_a_plot_of_the_network_and_of_what_it_would_be(folder: Path) -> None:
    plain = run("show", "net.py", "--what-if", "relu,he", cwd=folder)
    done = run("show", "net.py", "--what-if", "relu,he", "--plot", "out.svg", cwd=folder)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", plain.stdout)
    written = texts(folder / "out.svg")
    assert "model (keras), Sequential(): vanishing" in written
    assert {"as it is: vanishing", "relu,he: healthy", "log10 gradient", "log10 signal", "dense_10"} <= set(written)


def test_the_same_networks_give_the_same_plot(folder: Path) -> None:
    for name in ("one.svg", "two.svg"):
        run("show", "tagger.py", "--plot", name, cwd=folder)
    assert (folder / "one.svg").read_bytes() == (folder / "two.svg").read_bytes()


@pytest.mark.parametrize(("name", "magic"), [("out.png", b"\x89PNG"), ("out.PDF", b"%PDF")])
def test_plots_of_other_kinds(name: str, magic: bytes, folder: Path) -> None:
    done = run("show", "tagger.py", "--output-format", "json", "--plot", name, cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["networks"]
    assert (folder / name).read_bytes().startswith(magic)


def test_a_plot_of_zero_and_of_unknown_gradients(folder: Path) -> None:
    (folder / "odd.py").write_text(ODD)
    done = run("show", "odd.py", "--plot", "odd.svg", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    written = " ".join(texts(folder / "odd.svg"))
    assert "as it is: dead" in written
    assert "the number of layers is not known" in written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("net.py", "--plot", "out.jpg"), "'out.jpg' should end in .svg, .png or .pdf"),
        (("net.py", "--plot", "out"), "'out' should end in"),
        (("net.py", "--plot", "nowhere/out.svg"), "nowhere/out.svg: no such file"),
        (("empty.py", "--plot", "out.svg"), "empty.py has no network to draw"),
    ],
)
def test_what_cannot_be_drawn(arguments: tuple[str, ...], sentence: str, folder: Path) -> None:
    (folder / "empty.py").write_text("import torch\n")
    done = run("show", *arguments, cwd=folder)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_without_matplotlib_it_is_said_what_to_install(folder: Path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from gradlint.cli import run; sys.exit(run(sys.argv[1:]))"
    done = python("-c", code, "show", "net.py", "--plot", "out.svg", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert 'pip install "gradlint[plot]"' in done.stderr
    assert not (folder / "out.svg").exists()
    assert python("-c", code, "show", "net.py", cwd=folder).returncode == 0
