"""Hostile source ends in Unknown or in a note, without exhausting time or memory."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.sources import SourceFile, SourceLoader, load

HEAD = "import torch\n"
SOURCES = {
    "huge power": "x = 10**10**10\n",
    "power of a power in steps": "x = 10\nfor i in range(50):\n    x = x ** x\n",
    "huge string": "x = 'a' * 10**12\n",
    "huge list": "x = [0] * 10**12\n",
    "huge comprehension": "x = [i for i in range(10**15)]\n",
    "huge shift": "x = 1 << 10**10\n",
    "wide format": "x = f'{1:>{10**9}}' + '%1000000000d' % 1 + '{:1000000000}'.format(1)\n",
    "wide padding": "x = 'a'.ljust(10**12) + 'b'.zfill(10**12)\n",
    "doubling string": "x = 'a'\nwhile True:\n    x = x + x\n",
    "doubling list": "x = [1]\nwhile True:\n    x.extend(x)\n",
    "billion laughs": "a = ['lol'] * 10\n" + "".join("a = [a] * 10\n" for _ in range(40)) + "b = str(a)\nc = a == a\n",
    "billion laughs, copied": "import copy\na = ['lol'] * 10\n"
    + "".join("a = [a] * 10\n" for _ in range(40))
    + "b = copy.deepcopy(a)\n",
    "endless recursion": "def f(n):\n    return f(n + 1)\nf(0)\n",
    "mutual recursion": "def f():\n    return g()\ndef g():\n    return f()\nf()\n",
    "endless generator": "def g():\n    i = 0\n    while True:\n        yield i\n        i += 1\nx = next(g())\ny = sum(g())\n",
    "while true": "while True:\n    pass\n",
    "nested while true": "while True:\n    while True:\n        x = 1\n",
    "nested loops": "for a in range(10**6):\n    for b in range(10**6):\n        for c in range(10**6):\n            x = a\n",
    "infinite count": "import itertools\nfor i in itertools.count():\n    x = i\n",
    "cycle": "import itertools\nx = list(itertools.cycle([1, 2]))\n",
    "huge product": "import itertools\nx = list(itertools.product(range(10**6), repeat=8))\n",
    "permutations": "import itertools\nx = len(list(itertools.permutations(range(50))))\n",
    "factorial": "import math\nx = math.factorial(10**9)\ny = math.comb(10**9, 5 * 10**8)\n",
    "junk decorator": "@(lambda f: 3)\ndef f():\n    pass\nf()\n@None\nclass C:\n    pass\nC()\n",
    "recursive getattr": "class C:\n    def __getattr__(self, name):\n        return getattr(self, name + 'x')\nx = C().y\n",
    "recursive property": "class C:\n    @property\n    def a(self):\n        return self.a\nx = C().a\n",
    "inherits from itself": "class A(A):\n    pass\nx = A()\nA.b\n",
    "self-containing list": "x = []\nx.append(x)\ny = x == x\nz = str(x)\nprint(x)\nw = [*x, *x]\n",
    "self-containing dict": "d = {}\nd['d'] = d\ny = f'{d}'\nz = d == d\n",
    "recursive repr": "class C:\n    def __str__(self):\n        return str(self)\nx = str(C())\n",
    "recursive iteration": "class C:\n    def __iter__(self):\n        return C()\nx = list(C())\n",
    "many instances": "class C:\n    pass\nx = [C() for i in range(10**7)]\n",
    "deep network": "import torch.nn as nn\nm = nn.Sequential(*[nn.Linear(4, 4) for _ in range(10**6)])\n",
    "huge layer": "import torch.nn as nn\nm = nn.Linear(10**18, 10**18)\n",
    "network in an endless loop": "import torch.nn as nn\nwhile True:\n    m = nn.Sequential(nn.Linear(4, 4))\n",
    "module that contains itself": (
        "import torch.nn as nn\nclass M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.me = self\n        self.fc = nn.Linear(3, 3)\n    def forward(self, x):\n        return self.me(x)\nM()\n"
    ),
    "module that builds itself": (
        "import torch.nn as nn\nclass M(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.child = M()\n    def forward(self, x):\n        return self.child(x)\n"
    ),
    "huge replace": "x = 'a' * 50000\nx = x.replace('a', x)\nx = x.replace('a', x)\n",
    "huge join": "x = ','.join(['a' * 90000] * 90000)\n",
    "huge range": "x = len(range(10**30))\ny = list(range(10**30))\n",
    "int from text": "x = int('9' * 100000)\n",
    "sort with raising key": "x = sorted([1, 2], key=lambda v: 1 / 0)\n",
    "nan everywhere": "x = float('nan')\ny = max([x, x])\nz = {x: 1}[x]\n",
    "deep closure": "f = lambda: 0\nfor i in range(5000):\n    f = (lambda g: lambda: g())(f)\nx = f()\n",
}

MEMORY = 500 * 1024
"""KiB that the evaluation of a hostile file may add to the process."""


@pytest.mark.parametrize("name", SOURCES)
def test_ends_within_limits(name: str, evaluate_text: Callable[..., Evaluation]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    evaluation = evaluate_text(HEAD + SOURCES[name])
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert isinstance(evaluation.networks, tuple)
    assert after.ru_maxrss - before.ru_maxrss < MEMORY


def test_mutual_imports(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\nfrom b import y\nx = 1\nz = y\n")
    (tmp_path / "b.py").write_text("from a import x\ny = 2\n")
    evaluation = Evaluator(SourceLoader()).evaluate(load(tmp_path / "a.py"))
    assert tmp_path / "b.py" in {path.absolute() for path in evaluation.followed}


def test_classes_that_inherit_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\nfrom b import B\nclass A(B):\n    pass\nA()\n")
    (tmp_path / "b.py").write_text("from a import A\nclass B(A):\n    pass\n")
    assert Evaluator(SourceLoader()).evaluate(load(tmp_path / "a.py")).networks == ()


def test_nothing_of_the_source_is_executed(tmp_path: Path, evaluate_text: Callable[..., Evaluation]) -> None:
    trace = tmp_path / "trace"
    text = f"""
import os, pathlib, subprocess, builtins, ctypes, shutil, importlib
import torch
path = {str(trace)!r}
open(path, "w").write("x")
pathlib.Path(path).write_text("x")
pathlib.Path(path).touch()
os.system("touch " + path)
os.mkdir(path)
os.makedirs(path, exist_ok=True)
subprocess.run(["touch", path])
exec("open(path, 'w')")
eval("open(path, 'w')")
builtins.open(path, "w")
getattr(builtins, "open")(path, "w")
__import__("os").system("touch " + path)
importlib.import_module("os").mkdir(path)
torch.save({{}}, path)
shutil.copy(__file__, path)
().__class__.__bases__[0].__subclasses__()
(lambda: 0).__globals__["open"](path, "w")
sorted([path], key=open)
list(map(open, [path]))
class Writes:
    def __init__(self):
        open(path, "w")
    def __del__(self):
        open(path, "w")
Writes()
"""
    evaluate_text(text)
    assert not trace.exists()


def test_a_cut_is_noted(evaluate_text: Callable[..., Evaluation]) -> None:
    evaluation = evaluate_text(HEAD + SOURCES["nested loops"])
    assert any("cut short" in note for note in evaluation.notes)


def test_a_file_without_a_path(evaluate_text: Callable[..., Evaluation]) -> None:
    assert evaluate_text("from . import x\nfrom .. import y\nimport torch\n").networks == ()


def test_loader_reads_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\n")
    loader = SourceLoader()
    assert loader.load(tmp_path / "a.py") is loader.load(tmp_path / "a.py")
    assert isinstance(loader.load(tmp_path / "a.py"), SourceFile)


@pytest.mark.parametrize(
    "costly",
    [
        "def prepare():\n    total = 0\n    for i in range(15_000):\n        total += i\n    return total\n",
        "def prepare(depth=4_000):\n    layers = []\n    for i in range(depth):\n        for j in range(10):\n"
        "            i += j\n        layers.append(nn.Linear(4, 4))\n    return nn.Sequential(*layers)\n",
    ],
    ids=["without layers", "with layers"],
)
def test_what_nothing_uses_may_not_cost_what_the_rest_needs(
    evaluate_text: Callable[..., Evaluation], costly: str
) -> None:
    network = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layer = nn.Linear(8, 2)\n    def forward(self, x):\n        return self.layer(x)\n"
    )
    evaluation = evaluate_text(HEAD + "from torch import nn\n" + costly + network)
    assert any("that nothing uses" in note for note in evaluation.notes)
    (net,) = (network for network in evaluation.networks if network.name == "Net")
    assert net.complete
