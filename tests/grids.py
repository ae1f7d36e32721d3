"""Random networks on which predictions are compared with PyTorch: the same for the tests and the benchmark."""

from __future__ import annotations

import random
from collections.abc import Iterator

from gradlint.network import Distribution, Framework, Network, Node
from gradlint.propagation import propagate
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
            y = g.conv(x, channels, kernel if i else 3, 2 if shrink and reduce == "stride" else 1, bias=norm is None)
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


def transformer(
    layers: int,
    width: int = 64,
    heads: int = 4,
    tokens: int = 24,
    pre_norm: bool = True,
    causal: bool = False,
    init: str = "torch",
    function: str = "gelu",
    head: str = "tokens",
    norm: str = "layer",
    batch: int = 8,
    dropout: float = 0.0,
) -> Network:
    """An encoder (or, causal, a decoder) of `layers` blocks of self-attention and a feed-forward network."""
    g = Graph(init)
    x = g.embedding(g.input(batch, tokens, dtype="int"), 100, width, 0.02 if init == "normal_0.02" else 1.0)
    x = g.add(x, g.parameter((1, tokens, width), Distribution("normal", 0.0, 0.02)))
    depth = width // heads

    def split(y: Node) -> Node:
        return g.transpose(g.view(y, batch, tokens, heads, depth), 1, 2)

    def attend(y: Node) -> Node:
        q, k, v = (split(g.linear(y, width)) for _ in range(3))
        z = g.transpose(g.attention(q, k, v, causal), 1, 2)
        return g.linear(g.view(z, batch, tokens, width), width)

    def feed(y: Node) -> Node:
        return g.linear(g.activation(g.linear(y, 4 * width), function), width)

    for _ in range(layers):
        for block in (attend, feed):
            y = block(g.norm(x, norm) if pre_norm else x)
            if dropout:
                y = g.dropout(y, dropout)
            x = g.add(x, y)
            if not pre_norm:
                x = g.norm(x, norm)
    if pre_norm:
        x = g.norm(x, norm)
    if head == "mean":
        x = g.reduce(x, (1,))
    elif head == "first":
        x = g.select(x, 1, 0)
    g.linear(x, 10)
    return g.network()


def transformers(count: int, seed: int = 0) -> Iterator[tuple[str, Network]]:
    """Transformer encoders and decoders of 2 to 48 layers."""
    draw = random.Random(seed)
    for _ in range(count):
        layers = round(2 * 24 ** draw.random())
        width, tokens = draw.choice((32, 64, 128)), draw.choice((8, 24, 64))
        pre, causal = draw.random() < 0.5, draw.random() < 0.4
        init = draw.choice(("torch", "keras", "normal_0.02", "xavier_normal"))
        function, head = draw.choice(("relu", "gelu", "silu")), draw.choice(("tokens", "mean", "first"))
        norm = draw.choice(("layer", "layer", "rms"))
        name = f"transformer {layers}x{width} T{tokens} {'pre' if pre else 'post'} {'causal ' if causal else ''}{init} {function} {head} {norm}"
        yield name, transformer(layers, width, 4, tokens, pre, causal, init, function, head, norm)


def bad(count: int, seed: int = 0) -> Iterator[tuple[str, Network]]:
    """Networks whose gradients vanish or explode, of several families and in both frameworks' words."""
    draw = random.Random(seed)
    found = 0
    for candidates in zip(mlps(10_000, seed + 100), convolutions(10_000, seed + 100), strict=True):
        for name, network in candidates if draw.random() < 0.4 else candidates[:1]:
            if propagate(network).verdict in ("vanishing", "exploding", "dead"):
                network.framework = draw.choice((Framework.TORCH, Framework.KERAS))
                yield name, network
                found += 1
                if found == count:
                    return
