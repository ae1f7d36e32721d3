"""Imports between the files of a project: what they give is what Python would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.evaluation.driver import Evaluator
from gradlint.sources import SourceLoader

HEAD = "import torch\nfrom torch import nn\n"


def widths(folder: Path, files: dict[str, str], main: str = "main.py") -> list[tuple[int | None, ...]]:
    """The output widths of the linear layers of each network of `main`, in a project of these files."""
    (folder / "pyproject.toml").write_text("")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    loader = SourceLoader()
    source = loader.load(folder / main)
    assert source is not None
    evaluation = Evaluator(loader).evaluate(source)
    assert not [note for note in evaluation.notes if "failed" in note]
    return [
        tuple(node.get("out_features") for node in network.nodes if "out_features" in node.attributes)
        for network in evaluation.networks
    ]


NET = """
class Block(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.layer = nn.Linear(4, width)

    def forward(self, x):
        return self.layer(x)
"""


def test_a_class_that_is_imported_has_the_names_of_its_own_module(tmp_path: Path) -> None:
    files = {
        "blocks.py": f"{HEAD}WIDTH = 7\n{NET}",
        "main.py": "from blocks import Block\nWIDTH = 9\nnet = Block()\n",
    }
    assert widths(tmp_path, files) == [(7,)]


def test_what_a_definition_needs_may_itself_be_imported(tmp_path: Path) -> None:
    files = {
        "sizes.py": "def size():\n    return BASE * 2\nBASE = 5\n",
        "blocks.py": f"{HEAD}from sizes import size\nWIDTH = size()\n{NET}",
        "main.py": "import blocks\nnet = blocks.Block()\n",
    }
    assert widths(tmp_path, files) == [(10,)]


def test_decorators_register_what_nobody_names(tmp_path: Path) -> None:
    files = {
        "registry.py": "KNOWN = {}\ndef register(cls):\n    KNOWN[cls.__name__] = cls\n    return cls\n",
        "blocks.py": f"{HEAD}from registry import register\nWIDTH = 6\n@register{NET}",
        "main.py": "import blocks\nfrom registry import KNOWN\nblocks.WIDTH\nnet = KNOWN['Block']()\n",
    }
    assert widths(tmp_path, files) == [(6,)]


@pytest.mark.parametrize(
    "made",
    [
        "from blocks import *\nnet = Block()",
        "import blocks\nnet = getattr(blocks, 'Block')()",
        "import blocks\nnet = vars(blocks)['Block']()",
        "import blocks\nnet = blocks.__dict__['Block']()",
        "from blocks import make\nnet = make('Block')",
        "from blocks import Wide\nnet = Wide()",
    ],
)
def test_a_definition_is_found_by_whatever_way(made: str, tmp_path: Path) -> None:
    make = "def make(name):\n    return globals()[name]()\n"
    wide = "class Wide(Block):\n    pass\n"
    files = {"blocks.py": f"{HEAD}WIDTH = 3\n{NET}{make}{wide}", "main.py": made + "\n"}
    assert widths(tmp_path, files) == [(3,)]


def test_a_name_that_is_bound_twice_is_what_it_was_bound_to_last(tmp_path: Path) -> None:
    files = {
        "blocks.py": f"{HEAD}WIDTH = 3\n{NET}\nclass Block(Block):\n    def __init__(self):\n        super().__init__(11)\n",
        "main.py": "from blocks import Block\nnet = Block()\n",
    }
    assert widths(tmp_path, files) == [(11,)]


def test_modules_that_import_each_other(tmp_path: Path) -> None:
    files = {
        "a.py": f"{HEAD}import b\nWIDTH = 5\n{NET}",
        "b.py": "import a\ndef build():\n    return a.Block(8)\n",
        "main.py": "from b import build\nnet = build()\n",
    }
    assert widths(tmp_path, files) == [(8,)]


def test_a_package_may_name_a_module_that_it_has_imported_before(tmp_path: Path) -> None:
    files = {
        "lib/__init__.py": "from . import blocks\nfrom . import blocks\nfrom .blocks import Block\n",
        "lib/blocks.py": f"{HEAD}from . import blocks\nWIDTH = 4\n{NET}",
        "main.py": "from lib import blocks, Block\nnet, other = blocks.Block(), Block(5)\n",
    }
    assert widths(tmp_path, files) == [(4,), (5,)]


def test_names_that_are_imported_in_a_circle_are_not_known(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import Block\n",
        "b.py": "from a import Block\n",
        "main.py": f"{HEAD}from a import Block\nnet = nn.Sequential(Block(3), nn.Linear(3, 2))\n",
    }
    assert widths(tmp_path, files) == [(2,)]


def test_a_module_beside_does_not_hide_the_standard_library_inside_a_package(tmp_path: Path) -> None:
    files = {
        "lib/__init__.py": "",
        "lib/math.py": "import math\n\ndef size():\n    return int(math.sqrt(49))\n",
        "lib/blocks.py": f"{HEAD}from .math import size\nWIDTH = size()\n{NET}",
        "main.py": "from lib.blocks import Block\nnet = Block()\n",
    }
    assert widths(tmp_path, files) == [(7,)]


def test_what_a_file_that_was_imported_before_defines_is_looked_at_in_its_order(tmp_path: Path) -> None:
    outer = (
        "class Outer(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Block()\n"
        "    def forward(self, x):\n        return self.inner(x)\n"
    )
    files = {
        "blocks.py": f"{HEAD}WIDTH = 3\n{NET}{outer}",
        "main.py": "from blocks import Outer\nclass Third(Outer):\n    pass\n",
    }
    widths(tmp_path, files)
    loader = SourceLoader()
    evaluator = Evaluator(loader)
    names = {}
    for name in ("main.py", "blocks.py"):
        source = loader.load(tmp_path / name)
        assert source is not None
        names[name] = [network.name for network in evaluator.evaluate(source).networks]
    assert names["main.py"] == ["Third"]
    source = loader.load(tmp_path / "blocks.py")
    assert source is not None
    assert names["blocks.py"] == [
        n.name for n in Evaluator(SourceLoader()).evaluate(source).networks if n.name != "Block"
    ]


def test_a_file_that_was_imported_before_shows_all_its_networks(tmp_path: Path) -> None:
    files = {
        "blocks.py": f"{HEAD}WIDTH = 3\n{NET}\nclass Unused(Block):\n    def forward(self, x):\n        return x\n",
        "main.py": "from blocks import Block\nnet = Block()\n",
    }
    assert widths(tmp_path, files) == [(3,)]
    loader = SourceLoader()
    evaluator = Evaluator(loader)
    networks = []
    for name in ("main.py", "blocks.py"):
        source = loader.load(tmp_path / name)
        assert source is not None
        networks.append(sorted(network.name for network in evaluator.evaluate(source).networks))
    assert networks == [["Block"], ["Unused"]]


@pytest.mark.parametrize("look_up", ["sys.modules[__name__]", "sys.modules.get(__name__)", "sys.modules['lib']"])
def test_a_module_finds_itself_by_its_name(look_up: str, tmp_path: Path) -> None:
    (tmp_path / "lib.py").write_text(
        f"import sys\nfrom torch import nn\nme = {look_up}\n"
        "class Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layer = nn.Linear(4, 4)\n"
        "    def forward(self, x):\n        return self.layer(x)\n"
        "class Net(me.Block):\n    pass\n"
        "def build(name):\n    return getattr(sys.modules[__name__], name)()\n"
    )
    (tmp_path / "main.py").write_text("from lib import build\nnet = build('Net')\n")
    loader = SourceLoader()
    source = loader.load(tmp_path / "main.py")
    assert source is not None
    (network,) = Evaluator(loader).evaluate(source).networks
    assert (network.name, network.complete, network.parameter_count) == ("Net", True, 20)


def test_a_file_of_a_package_that_is_called_like_a_framework_is_not_that_framework(tmp_path: Path) -> None:
    net = "import torch\nfrom torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    net += "        self.layer = nn.Linear(4, {width})\n    def forward(self, x):\n        return self.layer(x)\n"
    files = {"book/__init__.py": "", "book/torch.py": net.format(width=3), "book/other.py": net.format(width=5)}
    assert widths(tmp_path, files, "book/torch.py") == [(3,)]
    assert widths(tmp_path, files, "book/other.py") == [(5,)]


def test_a_framework_imports_from_its_own_package(tmp_path: Path) -> None:
    files = {
        "keras/__init__.py": "",
        "keras/src/__init__.py": "",
        "keras/src/sizes.py": "WIDTH = 7\n",
        "keras/src/net.py": "from torch import nn\nfrom keras.src.sizes import WIDTH\nnet = nn.Sequential(nn.Linear(3, WIDTH))\n",
    }
    assert widths(tmp_path, files, "keras/src/net.py") == [(7,)]
