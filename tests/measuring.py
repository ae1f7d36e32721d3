"""Running a graph in PyTorch with freshly drawn weights, and measuring gradients at its weighted layers.

A plain interpreter, independent of what it is compared with: forward, a random linear function of the
outputs, backward, norms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gradlint.network import Distribution, Network, Node, Parameter

ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "linear": lambda x: x,
    "relu": lambda x, negative_slope=0.0: functional.leaky_relu(x, negative_slope) if negative_slope else torch.relu(x),
    "relu6": functional.relu6,
    "leaky_relu": lambda x, negative_slope=0.01: functional.leaky_relu(x, negative_slope),
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": functional.hardsigmoid,
    "tanh": torch.tanh,
    "hard_tanh": functional.hardtanh,
    "softsign": functional.softsign,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "hard_silu": functional.hardswish,
    "log_sigmoid": functional.logsigmoid,
    "tanh_shrink": functional.tanhshrink,
    "soft_shrink": functional.softshrink,
    "hard_shrink": functional.hardshrink,
    "sin": torch.sin,
    "exp": torch.exp,
    "square": torch.square,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "softmax": lambda x, axis=-1: torch.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: torch.log_softmax(x, axis),
    "glu": lambda x, axis=-1: functional.glu(x, axis),
    "clamp": lambda x, minimum=None, maximum=None: torch.clamp(x, minimum, maximum),
}


def draw(distribution: Distribution, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A fresh draw of a parameter."""
    value = torch.empty(shape, dtype=dtype)
    mean, std = distribution.mean, distribution.std
    match distribution.family:
        case "normal":
            value.normal_(mean, std)
        case "uniform":
            value.uniform_(mean - math.sqrt(3) * std, mean + math.sqrt(3) * std)
        case "truncated_normal":
            # Keras truncates at two deviations, which leaves 0.8796 of the deviation.
            sigma = std / 0.87962566103423978
            torch.nn.init.trunc_normal_(value, mean, sigma, mean - 2 * sigma, mean + 2 * sigma)
        case "constant":
            value.fill_(mean)
        case "orthogonal":
            torch.nn.init.orthogonal_(value, distribution.gain)
        case "identity":
            torch.nn.init.eye_(value) if len(shape) == 2 else torch.nn.init.dirac_(value)
            value.mul_(distribution.gain)
        case other:
            raise ValueError(other)
    return value


class Forward:
    """One forward pass with one draw of the weights; `run` repeats it on the same input."""

    def __init__(self, network: Network, seed: int, dtype: torch.dtype = torch.float64) -> None:
        torch.manual_seed(seed)
        self.network = network
        self.dtype = dtype
        self.parameters: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.sources: dict[int, Tensor] = {}
        self.outputs = self.run()

    def run(self) -> list[Tensor]:
        """The outputs."""
        for node in self.network.nodes:
            self.values[id(node)] = self.visit(node)
        return [self.values[id(node)] for node in self.network.outputs]

    def visit(self, node: Node) -> Tensor:
        if node.inputs or node.parameters:
            value = getattr(self, f"_{node.kind}")(node, [self.values[id(n)] for n in node.inputs])
            assert isinstance(value, Tensor)
            return value
        if id(node) not in self.sources:
            self.sources[id(node)] = getattr(self, f"_{node.kind}")(node, [])
        return self.sources[id(node)]

    def parameter(self, parameter: Parameter) -> Tensor:
        if id(parameter) not in self.parameters:
            assert parameter.shape is not None
            self.parameters[id(parameter)] = draw(parameter.distribution, parameter.shape, self.dtype).requires_grad_()
        return self.parameters[id(parameter)]

    def of(self, node: Node, role: str) -> Tensor | None:
        return self.parameter(node.parameters[role]) if role in node.parameters else None

    def _input(self, node: Node, _: list[Tensor]) -> Tensor:
        if node.get("dtype") == "int":
            return torch.randint(0, 100, node.shape)
        return torch.randn(node.shape, dtype=self.dtype)

    def _parameter(self, node: Node, _: list[Tensor]) -> Tensor:
        return self.parameter(node.parameters["value"])

    def _constant(self, node: Node, _: list[Tensor]) -> Tensor:
        return torch.tensor(node.get("value"), dtype=self.dtype)

    def _linear(self, node: Node, x: list[Tensor]) -> Tensor:
        weight = self.of(node, "weight")
        assert weight is not None
        return functional.linear(x[0], weight, self.of(node, "bias"))

    def _convolution(self, node: Node, x: list[Tensor]) -> Tensor:
        rank = len(node.get("kernel_size"))
        padding = tuple(p for p, _ in node.get("padding"))
        options: dict[str, Any] = {
            "stride": node.get("stride"),
            "groups": node.get("groups"),
            "dilation": node.get("dilation"),
        }
        name = f"conv{'_transpose' if node.get('transposed') else ''}{rank}d"
        source = x[0]
        if node.get("padding_mode", "zeros") != "zeros":
            widths = [p for p in reversed(padding) for _ in range(2)]
            source, padding = functional.pad(source, widths, mode=node.get("padding_mode")), (0,) * rank
        return getattr(functional, name)(
            source, self.of(node, "weight"), self.of(node, "bias"), padding=padding, **options
        )

    def _embedding(self, node: Node, x: list[Tensor]) -> Tensor:
        weight = self.of(node, "weight")
        assert weight is not None
        return functional.embedding(x[0], weight)

    def _activation(self, node: Node, x: list[Tensor]) -> Tensor:
        settings = {k: v for k, v in node.attributes.items() if k != "function"}
        return ACTIVATIONS[node.get("function")](x[0], **settings)

    def _normalization(self, node: Node, x: list[Tensor]) -> Tensor:
        weight, bias, epsilon = self.of(node, "weight"), self.of(node, "bias"), node.get("epsilon")
        source = x[0]
        match node.get("type"):
            case "batch":
                return functional.batch_norm(source, None, None, weight, bias, True, 0.1, epsilon)
            case "layer":
                return functional.layer_norm(source, source.shape[-1:], weight, bias, epsilon)
            case "rms":
                return functional.rms_norm(source, source.shape[-1:], weight, epsilon)
            case "group":
                return functional.group_norm(source, node.get("groups"), weight, bias, epsilon)
            case "instance":
                return functional.instance_norm(source, weight=weight, bias=bias, eps=epsilon)
            case other:
                raise ValueError(other)

    def _pooling(self, node: Node, x: list[Tensor]) -> Tensor:
        kind = node.get("type")
        if node.get("global"):
            axes, keep = node.get("axes"), len(node.shape or ()) == x[0].dim()
            if kind == "max":
                return x[0].amax(axes, keep)
            return x[0].mean(axes, keep) if kind == "average" else x[0].sum(axes, keep)
        rank = len(node.get("kernel_size"))
        function = getattr(functional, f"{'max' if kind == 'max' else 'avg'}_pool{rank}d")
        padding = tuple(p for p, _ in node.get("padding"))
        return function(x[0], node.get("kernel_size"), node.get("stride"), padding)

    def _dropout(self, node: Node, x: list[Tensor]) -> Tensor:
        return functional.dropout(x[0], node.get("rate"))

    def _reshape(self, node: Node, x: list[Tensor]) -> Tensor:
        match node.get("operation"):
            case "view":
                return x[0].reshape(node.shape)
            case "transpose":
                axes = node.get("axes")
                return x[0].transpose(*axes) if len(axes) == 2 else x[0].permute(axes)
            case "slice":
                axis, start, stop = node.get("axis"), node.get("start"), node.get("stop")
                part = x[0].narrow(axis, start, stop - start)
                return part.squeeze(axis) if node.get("drop") else part
            case "expand":
                return x[0].expand(node.shape)
            case other:
                raise ValueError(other)

    def _add(self, node: Node, x: list[Tensor]) -> Tensor:
        total = sum(a * v for a, v in zip(node.get("coefficients"), x, strict=True))
        assert isinstance(total, Tensor)
        return total + node.get("constant", 0.0)

    def _multiply(self, node: Node, x: list[Tensor]) -> Tensor:
        total = x[0] * node.get("constant", 1.0)
        for value in x[1:]:
            total = total * value
        return total

    def _concatenate(self, node: Node, x: list[Tensor]) -> Tensor:
        return torch.cat(x, node.get("axis"))

    def _attention(self, node: Node, x: list[Tensor]) -> Tensor:
        return functional.scaled_dot_product_attention(*x, is_causal=bool(node.get("causal")))

    def _matmul(self, node: Node, x: list[Tensor]) -> Tensor:
        return x[0] @ x[1]


class Run(Forward):
    """A forward and a backward pass: gradients of a random linear function of the outputs."""

    def __init__(self, network: Network, seed: int, dtype: torch.dtype = torch.float64) -> None:
        self.weighted: list[tuple[Node, Tensor]] = []
        super().__init__(network, seed, dtype)
        loss = sum((torch.randn_like(value) * value).sum() for value in self.outputs)
        assert isinstance(loss, Tensor)
        loss.backward()

    def visit(self, node: Node) -> Tensor:
        value = super().visit(node)
        if node.weighted:
            if not value.requires_grad:
                value.requires_grad_()
            value.retain_grad()
            self.weighted.append((node, value))
        return value

    def norms(self) -> list[float]:
        """L2 norm of the gradient at the output of every weighted layer."""
        return [float(v.grad.norm()) if v.grad is not None else 0.0 for _, v in self.weighted]

    def signals(self) -> list[float]:
        """Mean square of the output of every weighted layer."""
        return [float(v.detach().square().mean()) for _, v in self.weighted]

    def covariances(self) -> list[float]:
        """Mean product of the outputs of two samples, for every weighted layer."""
        found = []
        for _, v in self.weighted:
            flat = v.detach().flatten(1)
            n = len(flat)
            found.append(float((flat.sum(0).square().mean() - flat.square().sum(0).mean()) / (n * (n - 1))))
        return found


def log10_profile(network: Network, seeds: int, dtype: torch.dtype = torch.float64) -> list[list[float]]:
    """For each seed, log10 of the gradient norm at each weighted layer over that at the last."""
    profiles = []
    for seed in range(seeds):
        norms = Run(network, seed, dtype).norms()
        last = next((n for n in reversed(norms) if n > 0), math.nan)
        profiles.append([math.log10(n / last) if n > 0 else -math.inf for n in norms])
    return profiles


def log10_ratio(network: Network, seeds: int, dtype: torch.dtype = torch.float64) -> float:
    """The median over seeds of log10 of the gradient ratio."""
    ratios = sorted(profile[0] for profile in log10_profile(network, seeds, dtype))
    return (
        ratios[len(ratios) // 2] if len(ratios) % 2 else 0.5 * (ratios[len(ratios) // 2 - 1] + ratios[len(ratios) // 2])
    )
