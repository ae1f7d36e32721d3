"""`gradlint show` as a real process: changes side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.processes import run

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
