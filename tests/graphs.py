"""Building networks as graphs by hand, for the tests of what comes after evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gradlint.network import ONES, ZEROS, Distribution, Framework, Kind, Network, Node, Parameter

Initializer = Callable[[int, int], tuple[Distribution, Distribution]]


def _normal(std: float, scheme: str) -> Distribution:
    return Distribution("normal", 0.0, std, scheme)


def _uniform(std: float, scheme: str) -> Distribution:
    return Distribution("uniform", 0.0, std, scheme)


def _truncated(std: float, scheme: str) -> Distribution:
    return Distribution("truncated_normal", 0.0, std, scheme)


def _torch(fan_in: int, fan_out: int) -> tuple[Distribution, Distribution]:
    each = _uniform(1 / math.sqrt(3 * fan_in), "torch")
    return each, each


def without_bias(make: Callable[[int, int], Distribution]) -> Initializer:
    return lambda fan_in, fan_out: (make(fan_in, fan_out), ZEROS)


INITIALIZERS: dict[str, Initializer] = {
    "torch": _torch,
    "keras": without_bias(lambda i, o: _uniform(math.sqrt(2 / (i + o)), "keras")),
    "xavier_normal": without_bias(lambda i, o: _normal(math.sqrt(2 / (i + o)), "xavier")),
    "xavier_tanh": without_bias(lambda i, o: _uniform(5 / 3 * math.sqrt(2 / (i + o)), "xavier")),
    "he_normal": without_bias(lambda i, o: _normal(math.sqrt(2 / i), "he")),
    "he_truncated": without_bias(lambda i, o: _truncated(math.sqrt(2 / i), "he")),
    "he_uniform": without_bias(lambda i, o: _uniform(math.sqrt(2 / i), "he")),
    "lecun_normal": without_bias(lambda i, o: _normal(math.sqrt(1 / i), "lecun")),
    "orthogonal": without_bias(
        lambda i, o: Distribution("orthogonal", 0.0, 1 / math.sqrt(max(i, o)), "orthogonal", 1.0)
    ),
    "orthogonal_relu": without_bias(
        lambda i, o: Distribution("orthogonal", 0.0, math.sqrt(2) / math.sqrt(max(i, o)), "orthogonal", math.sqrt(2))
    ),
    "normal_0.02": without_bias(lambda i, o: _normal(0.02, "explicit")),
    "normal_0.05": without_bias(lambda i, o: _normal(0.05, "explicit")),
    "zeros": without_bias(lambda i, o: ZEROS),
}


def variance_scaling(weight_variance: float, bias_variance: float = 0.0) -> Initializer:
    """Weights of variance `weight_variance` / fan-in and biases of `bias_variance`, normal."""

    def make(fan_in: int, fan_out: int) -> tuple[Distribution, Distribution]:
        bias = _normal(math.sqrt(bias_variance), "explicit") if bias_variance else ZEROS
        return _normal(math.sqrt(weight_variance / fan_in), "explicit"), bias

    return make


def _tuple(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


class Graph:
    """A network under construction: every method adds a node and returns it."""

    def __init__(self, init: str | Initializer = "torch", framework: Framework = Framework.TORCH) -> None:
        self.init = init
        self.framework = framework
        self.nodes: list[Node] = []
        self.parameters: list[Parameter] = []

    def node(self, kind: Kind, *inputs: Node, shape: tuple[int, ...] | None, **rest: Any) -> Node:
        parameters = rest.pop("parameters", {})
        name = rest.pop("name", "")
        node = Node(
            kind, inputs, shape, rest, parameters, name=name or f"{kind}{len(self.nodes)}", order=len(self.nodes)
        )
        self.nodes.append(node)
        for parameter in parameters.values():
            if not any(parameter is known for known in self.parameters):
                self.parameters.append(parameter)
        return node

    def _weights(
        self,
        shape: tuple[int, ...],
        fan_in: int,
        fan_out: int,
        outputs: int,
        bias: bool,
        init: str | Initializer | None,
    ) -> dict[str, Parameter]:
        chosen = init or self.init
        make = INITIALIZERS[chosen] if isinstance(chosen, str) else chosen
        weight, offset = make(fan_in, fan_out)
        if weight.family == "orthogonal":
            rows, columns = shape[0], math.prod(shape[1:])
            weight = replace(weight, std=weight.gain / math.sqrt(max(rows, columns)))
        found = {"weight": Parameter(shape, weight)}
        if bias:
            found["bias"] = Parameter((outputs,), offset)
        return found

    def input(self, *shape: int, dtype: str = "float") -> Node:
        return self.node(Kind.INPUT, shape=shape, dtype=dtype)

    def linear(self, x: Node, units: int, bias: bool = True, init: str | Initializer | None = None) -> Node:
        assert x.shape is not None
        fan = x.shape[-1]
        return self.node(
            Kind.LINEAR,
            x,
            shape=(*x.shape[:-1], units),
            in_features=fan,
            out_features=units,
            parameters=self._weights((units, fan), fan, units, units, bias, init),
        )

    def conv(
        self,
        x: Node,
        channels: int,
        kernel: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
        padding: int | None = None,
        groups: int = 1,
        dilation: int = 1,
        bias: bool = True,
        init: str | Initializer | None = None,
        transposed: bool = False,
        padding_mode: str = "zeros",
    ) -> Node:
        assert x.shape is not None
        rank = len(x.shape) - 2
        kernels, strides = _tuple(kernel, rank), _tuple(stride, rank)
        pads = tuple(dilation * (k - 1) // 2 if padding is None else padding for k in kernels)
        source = x.shape[1]
        if transposed:
            sizes = [
                (n - 1) * s - 2 * p + dilation * (k - 1) + 1
                for n, k, s, p in zip(x.shape[2:], kernels, strides, pads, strict=True)
            ]
            weight = (source, channels // groups, *kernels)
        else:
            sizes = [
                (n + 2 * p - dilation * (k - 1) - 1) // s + 1
                for n, k, s, p in zip(x.shape[2:], kernels, strides, pads, strict=True)
            ]
            weight = (channels, source // groups, *kernels)
        area = math.prod(kernels)
        # torch computes fans from the shape of the weight, transposed or not.
        fan_in, fan_out = weight[1] * area, weight[0] * area
        return self.node(
            Kind.CONVOLUTION,
            x,
            shape=(x.shape[0], channels, *sizes),
            in_channels=source,
            out_channels=channels,
            kernel_size=kernels,
            stride=strides,
            dilation=(dilation,) * rank,
            padding=tuple((p, p) for p in pads),
            groups=groups,
            transposed=transposed,
            padding_mode=padding_mode,
            channel_axis=1,
            parameters=self._weights(weight, fan_in, fan_out, channels, bias, init),
        )

    def embedding(self, x: Node, rows: int, width: int, std: float = 1.0) -> Node:
        assert x.shape is not None
        return self.node(
            Kind.EMBEDDING,
            x,
            shape=(*x.shape, width),
            num_embeddings=rows,
            embedding_dim=width,
            parameters={"weight": Parameter((rows, width), _normal(std, "explicit"))},
        )

    def activation(self, x: Node, function: str, **settings: Any) -> Node:
        assert x.shape is not None
        shape = x.shape
        if function == "glu":
            shape = (*shape[:-1], shape[-1] // 2)
        return self.node(Kind.ACTIVATION, x, shape=shape, function=function, **settings)

    def norm(self, x: Node, kind: str = "batch", groups: int = 1, weight: Distribution = ONES) -> Node:
        assert x.shape is not None
        rank = len(x.shape)
        channel = 1 if kind in ("batch", "group", "instance") else rank - 1
        axes = {
            "batch": tuple(a for a in range(rank) if a != 1),
            "instance": tuple(range(2, rank)),
            "group": tuple(range(1, rank)),
        }.get(kind, (rank - 1,))
        parameters = {"weight": Parameter((x.shape[channel],), weight)}
        if kind != "rms":
            parameters["bias"] = Parameter((x.shape[channel],), ZEROS)
        return self.node(
            Kind.NORMALIZATION,
            x,
            shape=x.shape,
            type=kind,
            epsilon=1e-5,
            axes=axes,
            groups=groups,
            affine=True,
            channel_axis=channel,
            parameters=parameters,
        )

    def add(self, *inputs: Node, coefficients: Sequence[float] | None = None, constant: float = 0.0) -> Node:
        shape = tuple(max(sizes) for sizes in zip(*(n.shape for n in inputs if n.shape), strict=True))
        return self.node(
            Kind.ADD, *inputs, shape=shape, coefficients=tuple(coefficients or (1.0,) * len(inputs)), constant=constant
        )

    def multiply(self, *inputs: Node, constant: float = 1.0) -> Node:
        shape = tuple(max(sizes) for sizes in zip(*(n.shape for n in inputs if n.shape), strict=True))
        return self.node(Kind.MULTIPLY, *inputs, shape=shape, constant=constant)

    def parameter(self, shape: tuple[int, ...], distribution: Distribution) -> Node:
        return self.node(Kind.PARAMETER, shape=shape, parameters={"value": Parameter(shape, distribution)})

    def concatenate(self, *inputs: Node, axis: int = 1) -> Node:
        first = inputs[0].shape
        assert first is not None
        axis %= len(first)
        shape = tuple(sum(n.shape[i] for n in inputs if n.shape) if i == axis else size for i, size in enumerate(first))
        return self.node(Kind.CONCATENATE, *inputs, shape=shape, axis=axis)

    def pool(self, x: Node, kind: str = "max", kernel: int = 2, stride: int | None = None, padding: int = 0) -> Node:
        assert x.shape is not None
        stride = stride or kernel
        sizes = [(n + 2 * padding - kernel) // stride + 1 for n in x.shape[2:]]
        rank = len(sizes)
        return self.node(
            Kind.POOLING,
            x,
            shape=(*x.shape[:2], *sizes),
            type=kind,
            axes=tuple(range(2, rank + 2)),
            kernel_size=(kernel,) * rank,
            stride=(stride,) * rank,
            padding=((padding, padding),) * rank,
        )

    def reduce(self, x: Node, axes: Sequence[int], kind: str = "average", keepdim: bool = False) -> Node:
        assert x.shape is not None
        axes = [a % len(x.shape) for a in axes]
        shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdim or i not in axes)
        return self.node(Kind.POOLING, x, shape=shape, type=kind, axes=tuple(axes), **{"global": True})

    def global_pool(self, x: Node) -> Node:
        assert x.shape is not None
        return self.reduce(x, range(2, len(x.shape)))

    def view(self, x: Node, *shape: int) -> Node:
        return self.node(Kind.RESHAPE, x, shape=shape, operation="view")

    def flatten(self, x: Node) -> Node:
        assert x.shape is not None
        return self.view(x, x.shape[0], math.prod(x.shape[1:]))

    def transpose(self, x: Node, *axes: int) -> Node:
        assert x.shape is not None
        order = list(range(len(x.shape)))
        if len(axes) == 2:
            a, b = (axis % len(order) for axis in axes)
            order[a], order[b] = order[b], order[a]
        else:
            order = list(axes)
        return self.node(
            Kind.RESHAPE, x, shape=tuple(x.shape[i] for i in order), operation="transpose", axes=tuple(axes)
        )

    def select(self, x: Node, axis: int, index: int) -> Node:
        assert x.shape is not None
        shape = tuple(n for i, n in enumerate(x.shape) if i != axis)
        return self.node(
            Kind.RESHAPE, x, shape=shape, operation="slice", axis=axis, start=index, stop=index + 1, drop=True
        )

    def dropout(self, x: Node, rate: float, kind: str = "element") -> Node:
        return self.node(Kind.DROPOUT, x, shape=x.shape, rate=rate, type=kind)

    def attention(self, query: Node, key: Node, value: Node, causal: bool = False) -> Node:
        assert query.shape is not None
        assert value.shape is not None
        return self.node(
            Kind.ATTENTION, query, key, value, shape=(*query.shape[:-1], value.shape[-1]), heads=1, causal=causal
        )

    def matmul(self, a: Node, b: Node) -> Node:
        assert a.shape is not None
        assert b.shape is not None
        return self.node(Kind.MATMUL, a, b, shape=(*a.shape[:-1], b.shape[-1]))

    def opaque(self, x: Node, reason: str) -> Node:
        return self.node(Kind.OPAQUE, x, shape=x.shape, reason=reason)

    def network(self, *outputs: Node, dtype: str = "float32") -> Network:
        return Network(
            "net",
            "Net()",
            self.framework,
            tuple(self.nodes),
            tuple(n for n in self.nodes if n.kind is Kind.INPUT),
            outputs or (self.nodes[-1],),
            tuple(self.parameters),
            dtype=dtype,
        )


def mlp(
    depth: int,
    width: int = 128,
    function: str = "relu",
    init: str | Initializer = "torch",
    norm: str | None = None,
    skip: bool = False,
    inputs: int = 20,
    outputs: int = 10,
    batch: int = 32,
    **settings: Any,
) -> Network:
    """`depth` weighted layers; with `skip`, each hidden layer but the first is a residual block of its own."""
    g = Graph(init)
    x = g.input(batch, inputs)
    for i in range(depth - 1):
        y = g.linear(x, width)
        if norm:
            y = g.norm(y, norm)
        y = g.activation(y, function, **settings)
        x = g.add(x, y) if skip and i else y
    g.linear(x, outputs)
    return g.network()
