"""No program crashes the evaluator: modules generated from a grammar of model code, and mutated real ones."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.evaluation.limits import Limits
from gradlint.sources import SourceError, SourceFile, SourceLoader

SMALL = Limits(steps=20_000, nodes=3_000, iterations=500, instances=2_000, networks=20)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

numbers = st.sampled_from(["0", "1", "2", "3", "64", "128", "-1", "0.5", "1e-3", "None", "True", "n", "width", "10**9"])
names = st.sampled_from(["x", "y", "self", "self.a", "self.b", "self.blocks", "n", "width", "h", "missing", "x.shape"])
layers = st.sampled_from(
    [
        "Linear",
        "Conv2d",
        "BatchNorm2d",
        "LayerNorm",
        "ReLU",
        "Sigmoid",
        "Tanh",
        "Softmax",
        "Dropout",
        "LSTM",
        "GRU",
        "Embedding",
        "Sequential",
        "ModuleList",
        "ModuleDict",
        "Flatten",
        "MultiheadAttention",
        "TransformerEncoderLayer",
        "MaxPool2d",
        "AdaptiveAvgPool2d",
        "Identity",
        "Nonsense",
    ]
)
methods = st.sampled_from(
    [
        "view",
        "reshape",
        "size",
        "mean",
        "sum",
        "permute",
        "transpose",
        "flatten",
        "chunk",
        "unsqueeze",
        "squeeze",
        "detach",
        "item",
        "backward",
        "split",
        "repeat",
        "softmax",
        "matmul",
        "expand",
        "contiguous",
        "float",
        "half",
        "nonsense",
    ]
)


def expressions() -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        args = st.lists(inner, max_size=3).map(", ".join)
        return st.one_of(
            st.tuples(
                inner,
                st.sampled_from(
                    ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "==", "<", "in", "is", "and", "or"]
                ),
                inner,
            ).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(layers, args).map(lambda t: f"nn.{t[0]}({t[1]})"),
            st.tuples(layers, args).map(lambda t: f"layers.{t[0]}({t[1]})"),
            st.tuples(inner, methods, args).map(lambda t: f"{t[0]}.{t[1]}({t[2]})"),
            st.tuples(inner, args).map(lambda t: f"{t[0]}({t[1]})"),
            st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}]"),
            st.tuples(inner, inner, inner).map(lambda t: f"{t[0]}[{t[1]}:{t[2]}]"),
            st.tuples(inner, inner).map(lambda t: f"[{t[0]} for i in {t[1]}]"),
            st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
            st.lists(inner, max_size=3).map(lambda t: f"[{', '.join(t)}]"),
            st.lists(inner, max_size=2).map(lambda t: "{" + ", ".join(f"'k{i}': {v}" for i, v in enumerate(t)) + "}"),
            inner.map(lambda t: f"torch.{'relu'}({t})"),
            inner.map(lambda t: f"F.softmax({t}, dim=1)"),
            inner.map(lambda t: f"f'{{{t}}}'"),
            inner.map(lambda t: f"nn.Sequential(*{t})"),
            inner.map(lambda t: f"range({t})"),
            inner.map(lambda t: f"len({t})"),
        )

    return st.recursive(st.one_of(numbers, names), extend, max_leaves=8)


def statements(depth: int = 2) -> st.SearchStrategy[list[str]]:
    simple = st.one_of(
        st.tuples(names, expressions()).map(lambda t: [f"{t[0]} = {t[1]}"]),
        st.tuples(names, expressions()).map(lambda t: [f"{t[0]} += {t[1]}"]),
        expressions().map(lambda t: [t]),
        expressions().map(lambda t: [f"return {t}"]),
        st.tuples(names, names, expressions()).map(lambda t: [f"{t[0]}, {t[1]} = {t[2]}"]),
        st.sampled_from([["pass"], ["break_ = 1"], ["raise ValueError(n)"], ["del y"], ["assert n"]]),
        expressions().map(lambda t: [f"nn.init.xavier_uniform_({t})"]),
    )
    if depth == 0:
        return st.lists(simple, min_size=1, max_size=3).map(lambda t: [line for lines in t for line in lines])
    body = statements(depth - 1).map(lambda lines: [f"    {line}" for line in lines])
    compound = st.one_of(
        st.tuples(expressions(), body).map(lambda t: [f"if {t[0]}:", *t[1]]),
        st.tuples(expressions(), body, body).map(lambda t: [f"if {t[0]}:", *t[1], "else:", *t[2]]),
        st.tuples(names, expressions(), body).map(lambda t: [f"for {t[0]} in {t[1]}:", *t[2]]),
        st.tuples(expressions(), body).map(lambda t: [f"while {t[0]}:", *t[1]]),
        st.tuples(expressions(), body).map(lambda t: [f"with {t[0]} as y:", *t[1]]),
        st.tuples(body, body).map(lambda t: ["try:", *t[0], "except Exception as h:", *t[1]]),
    )
    return st.lists(st.one_of(simple, compound), min_size=1, max_size=4).map(
        lambda t: [line for lines in t for line in lines]
    )


def indented(lines: list[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)


def module_text(initializer: list[str], forward: list[str], script: list[str]) -> str:
    script = [line.replace("return ", "y = ").replace("self", "net") for line in script]
    return (
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom keras import layers\n"
        "n, width = 3, 8\nclass Net(nn.Module):\n    def __init__(self, n=2, width=8):\n        super().__init__()\n"
        f"        x = y = h = self.a = self.b = nn.Linear(width, width)\n{indented(initializer)}\n"
        f"    def forward(self, x, y=None):\n        h = x\n{indented(forward)}\n        return self.a(x)\n"
        "net = Net()\nx = y = h = torch.randn(2, 8)\n" + "\n".join(script) + "\n"
    )


def evaluated(text: str) -> Evaluation | None:
    try:
        return Evaluator(SourceLoader(), SMALL).evaluate(SourceFile.from_text(text, "fuzz.py"))
    except SourceError:
        return None


@pytest.mark.slow
@SLOW
@given(statements(), statements(), statements())
def test_generated_modules(initializer: list[str], forward: list[str], script: list[str]) -> None:
    evaluation = evaluated(module_text(initializer, forward, script))
    assert evaluation is None or all(network.nodes is not None for network in evaluation.networks)


TESTS = Path(__file__).parents[1]
REAL = [
    path
    for path in sorted(TESTS.parent.glob("examples/**/*.py")) + sorted(TESTS.glob("look_alikes/*.py"))
    if path.stat().st_size > 500
]


@pytest.mark.slow
@SLOW
@given(st.integers(0, 10**9))
def test_mutated_files(seed: int) -> None:
    rng = random.Random(seed)
    lines = rng.choice(REAL).read_text("utf-8").splitlines()
    for _ in range(rng.randint(1, 6)):
        first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
        change = rng.randrange(4)
        if change == 0:
            lines[first], lines[second] = lines[second], lines[first]
        elif change == 1:
            del lines[first]
        elif change == 2:
            lines.insert(first, lines[second])
        else:
            words = lines[first].split(" ")
            rng.shuffle(words)
            lines[first] = " ".join(words)
        if len(lines) < 2:
            break
    evaluation = evaluated("\n".join(lines) + "\n")
    assert evaluation is None or isinstance(evaluation.networks, tuple)
