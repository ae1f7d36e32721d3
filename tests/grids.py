"""Random networks on which predictions are compared with PyTorch: the same for the tests and the benchmark."""

from __future__ import annotations

import random
from collections.abc import Iterator

from gradlint.network import Network
from tests.graphs import Graph, mlp

FUNCTIONS = (
    "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid", "softsign", "hard_tanh",
)  # fmt: skip
INITS = ("torch", "keras", "xavier_normal", "he_normal", "he_uniform", "lecun_normal", "orthogonal", "normal_0.05")
WIDTHS = (16, 32, 64, 128, 256, 512)
NARROW = (4, 8, 12)


def mlps(count: int, seed: int = 0, widths: tuple[int, ...] = WIDTHS) -> Iterator[tuple[str, Network]]:
    """Fully connected networks of all depths from 2 to 50."""
    draw = random.Random(seed)
    for _ in range(count):
        depth = round(2 * 25 ** draw.random())
        width = draw.choice(widths)
        function, init = draw.choice(FUNCTIONS), draw.choice(INITS)
        norm, skip = draw.choice((None, None, "batch", "layer")), draw.random() < 0.3
        inputs, outputs = draw.choice((10, 30, 100)), draw.choice((1, 10, 100))
        name = f"mlp {depth}x{width} {function} {init} {norm or 'plain'}{' skip' if skip else ''} {inputs}>{outputs}"
        yield name, mlp(depth, width, function, init, norm, skip, inputs, outputs)


def convolutions(count: int, seed: int = 0) -> Iterator[tuple[str, Network]]:
    """Convolution stacks with strides, pooling, normalization and skip connections."""
    draw = random.Random(seed)
    for _ in range(count):
        depth = round(3 * 10 ** draw.random())
        channels, size = draw.choice((16, 32, 64)), draw.choice((8, 16, 24))
        function, init = draw.choice(("relu", "relu", "leaky_relu", "gelu", "silu", "tanh", "elu")), draw.choice(INITS)
        norm, skip = draw.choice((None, None, "batch", "batch", "group")), draw.random() < 0.35
        reduce, head = draw.choice(("none", "stride", "max", "average")), draw.choice(("global", "flatten"))
        g = Graph(init)
        x = g.input(8, 3, size, size)
        shrink_at = {depth // 3, 2 * depth // 3} - {0}
        kernel = draw.choice((1, 3, 3, 3, 5))
        for i in range(depth - 1):
            shrink = reduce != "none" and i in shrink_at and x.shape is not None and x.shape[2] >= 4
            y = g.conv(x, channels, kernel, 2 if shrink and reduce == "stride" else 1, bias=norm is None)
            if norm:
                y = g.norm(y, norm, groups=4)
            y = g.activation(y, function)
            if shrink and reduce in ("max", "average"):
                y = g.pool(y, reduce)
            x = g.add(x, y) if skip and i and x.shape == y.shape else y
        x = g.global_pool(x) if head == "global" else g.flatten(x)
        g.linear(x, 10)
        name = (
            f"conv {depth}x{channels}@{size} k{kernel} {function} {init} {norm or 'plain'}"
            f"{' skip' if skip else ''} {reduce} {head}"
        )
        yield name, g.network()
