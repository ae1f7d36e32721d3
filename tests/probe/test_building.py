"""Which expressions build the real network."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.evaluation.driver import Evaluator
from gradlint.network import Network
from gradlint.probe.building import builds, callee
from gradlint.sources import SourceLoader

HEAD = """
import keras
from keras import layers
from torch import nn

class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(8, 8) for _ in range(depth)])

    def forward(self, x):
        return self.layers(x)

"""


def networks(folder: Path, text: str, call: str | None = None, name: str = "model.py") -> tuple[Network, ...]:
    (folder / name).write_text(HEAD + text)
    loader = SourceLoader()
    source = loader.load(folder / name)
    assert source is not None
    return Evaluator(loader).evaluate(source, call).networks


def calls(folder: Path, text: str, call: str | None = None) -> list[str]:
    network = networks(folder, text, call)[0]
    found = builds(network)
    assert {file for file, _ in found} == {str(folder / "model.py")}
    return [expression for _, expression in found]


def test_the_call_itself_comes_first(tmp_path: Path) -> None:
    assert calls(tmp_path, "net = Net(3)\n") == ["Net(3)"]


def test_a_class_that_nothing_calls_is_called_with_its_defaults(tmp_path: Path) -> None:
    assert calls(tmp_path, "") == ["Net()"]


def test_calls_around_it_know_what_it_is_given(tmp_path: Path) -> None:
    text = "def make(depth):\n    return Net(depth)\n\ndef main():\n    net = make(4)\n\nx = main()\n"
    assert calls(tmp_path, text) == ["Net(depth)", "make(4)", "main()"]


def test_a_call_whose_result_nobody_uses_is_not_repeated(tmp_path: Path) -> None:
    text = "def make(depth):\n    return Net(depth)\n\ndef main():\n    net = make(4)\n\nmain()  # trains\n"
    assert calls(tmp_path, text) == ["Net(depth)", "make(4)"]


def test_a_model_that_grows_after_its_call_is_found_by_its_variable(tmp_path: Path) -> None:
    grown = "model = keras.Sequential()\nmodel.add(layers.Dense(3))\nmodel.add(layers.Dense(3))\n"
    assert calls(tmp_path, grown) == ["keras.Sequential()", "model"]


def test_a_long_call_is_whole(tmp_path: Path) -> None:
    text = "nn.Sequential(\n    nn.Linear(8, 8),  # first\n" + "    nn.Linear(8, 8),\n" * 9 + ")"
    assert calls(tmp_path, f"net = {text}\n") == [text, "net"]


def test_a_call_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    assert calls(tmp_path, "net = Net(3)\n", "Net(depth=7)")[0] == "Net(depth=7)"


def test_calls_may_lie_in_several_files(tmp_path: Path) -> None:
    (tmp_path / "parts.py").write_text(f"{HEAD}\ndef make(depth):\n    return Net(depth)\n")
    (tmp_path / "train.py").write_text("from parts import make\n\nnet = make(5)\n")
    loader = SourceLoader()
    source = loader.load(tmp_path / "train.py")
    assert source is not None
    (network,) = Evaluator(loader).evaluate(source).networks
    assert [(Path(file).name, call) for file, call in builds(network)] == [
        ("parts.py", "Net(depth)"),
        ("train.py", "make(5)"),
    ]


@pytest.mark.parametrize(
    ("call", "name"), [("Net(3)", "Net"), (" nn.Linear(3, 4)", "Linear"), ("model", "model"), ("f()[0]", "f()[0]"), ("(", "(")]
)  # fmt: skip
def test_callee(call: str, name: str) -> None:
    assert callee(call) == name
