"""What gradlint knows of torchvision: the building blocks of `torchvision.ops` that other packages import.

Its model builders are symbols: their source is not part of a project that only uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, Instance, Native, Tensor, Value
from gradlint.frameworks import resolve, shapes
from gradlint.frameworks.registry import framework_class
from gradlint.network import Kind

_DEFAULT = object()
"""Stands for a default that is a class of torch."""


def lookup(name: str) -> Value:
    """The value that `torchvision.<...>` stands for, or `MISSING`."""
    package, _, rest = name.removeprefix("torchvision.").partition(".")
    return _names().get(rest.rpartition(".")[2], MISSING) if package == "ops" else MISSING


def _given(value: Value, default: str) -> Value:
    return resolve(f"torch.nn.{default}") if value is _DEFAULT else value


def _sequential(ctx: Context, layer: Instance, layers: list[Value]) -> None:
    ctx.call(resolve("torch.nn.Sequential").find("__init__"), layer, *layers)


# Convolution, normalization, activation.


def _same_padding(kernel: Value, dilation: Value, dims: int) -> Value:
    if isinstance(kernel, int) and isinstance(dilation, int):
        return (kernel - 1) // 2 * dilation
    sizes, gaps = shapes.per_axis(kernel, dims), shapes.per_axis(dilation, dims)
    if sizes is None or gaps is None:
        return None
    return tuple((size - 1) // 2 * gap for size, gap in zip(sizes, gaps, strict=True))


def _conv_norm_activation(dims: int) -> Callable[..., None]:
    def initialize(
        ctx: Context,
        self: Instance,
        in_channels: Value,
        out_channels: Value,
        kernel_size: Value = 3,
        stride: Value = 1,
        padding: Value = None,
        groups: Value = 1,
        norm_layer: Value = _DEFAULT,
        activation_layer: Value = _DEFAULT,
        dilation: Value = 1,
        inplace: Value = True,
        bias: Value = None,
    ) -> None:
        norm_layer, activation_layer = _given(norm_layer, f"BatchNorm{dims}d"), _given(activation_layer, "ReLU")
        if padding is None:
            padding = _same_padding(kernel_size, dilation, dims)
            if padding is None:
                padding = ctx.unknown("padding that depends on an unknown kernel size")
        layers = [
            ctx.call(
                resolve(f"torch.nn.Conv{dims}d"),
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(ctx.call(norm_layer, out_channels))
        if activation_layer is not None:
            layers.append(ctx.call(activation_layer, **({} if inplace is None else {"inplace": inplace})))
        _sequential(ctx, self, layers)
        self.attrs["out_channels"] = out_channels

    return initialize


def _mlp_init(
    ctx: Context,
    self: Instance,
    in_channels: Value,
    hidden_channels: Value,
    norm_layer: Value = None,
    activation_layer: Value = _DEFAULT,
    inplace: Value = None,
    bias: Value = True,
    dropout: Value = 0.0,
) -> None:
    activation_layer = _given(activation_layer, "ReLU")
    options = {} if inplace is None else {"inplace": inplace}
    layers, width = [], in_channels
    widths = ctx.iterate(hidden_channels)
    for position, hidden in enumerate(widths):
        layers.append(ctx.call(resolve("torch.nn.Linear"), width, hidden, bias=bias))
        if position < len(widths) - 1:
            if norm_layer is not None:
                layers.append(ctx.call(norm_layer, hidden))
            layers.append(ctx.call(activation_layer, **options))
        layers.append(ctx.call(resolve("torch.nn.Dropout"), dropout, **options))
        width = hidden
    _sequential(ctx, self, layers)


# Squeeze and excitation.


def _excitation_init(
    ctx: Context,
    self: Instance,
    input_channels: Value,
    squeeze_channels: Value,
    activation: Value = _DEFAULT,
    scale_activation: Value = _DEFAULT,
) -> None:
    convolution = resolve("torch.nn.Conv2d")
    self.attrs["avgpool"] = ctx.call(resolve("torch.nn.AdaptiveAvgPool2d"), 1)
    self.attrs["fc1"] = ctx.call(convolution, input_channels, squeeze_channels, 1)
    self.attrs["fc2"] = ctx.call(convolution, squeeze_channels, input_channels, 1)
    self.attrs["activation"] = ctx.call(_given(activation, "ReLU"))
    self.attrs["scale_activation"] = ctx.call(_given(scale_activation, "Sigmoid"))


def _excitation_scale(ctx: Context, self: Instance, x: Value) -> Value:
    for name in ("avgpool", "fc1", "activation", "fc2", "scale_activation"):
        x = ctx.call(self.attrs[name], x)
    return x


def _excitation_forward(ctx: Context, self: Instance, input: Value) -> Value:  # noqa: A002
    from gradlint.frameworks.operators import multiply

    return multiply(ctx, _excitation_scale(ctx, self, input), ctx.as_tensor(input))


# Regularization that drops whole paths or blocks.


def _drop(kind: str) -> Callable[..., Tensor]:
    def drop(
        ctx: Context,
        input: Value,  # noqa: A002
        p: Value,
        mode: Value = "row",
        *args: Value,
        layer: Instance | None = None,
        **kwargs: Value,
    ) -> Tensor:
        x = ctx.as_tensor(input)
        rate = p if isinstance(p, (int, float)) else None
        return ctx.emit(
            Kind.DROPOUT,
            (x,),
            x.shape,
            attributes={"rate": rate, "type": kind},
            class_name="torchvision.ops",
            layer=layer,
        )

    return drop


_drop_path, _drop_block = _drop("path"), _drop("channel")


def _path_init(ctx: Context, self: Instance, p: Value, mode: Value) -> None:
    self.attrs.update(p=p, mode=mode)


def _block_init(
    ctx: Context, self: Instance, p: Value, block_size: Value, inplace: Value = False, eps: Value = 1e-6
) -> None:
    self.attrs.update(p=p, block_size=block_size, inplace=inplace, eps=eps)


def _path_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    return _drop_path(ctx, input, self.attrs["p"], layer=self)


def _block_forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
    return _drop_block(ctx, input, self.attrs["p"], layer=self)


# Others.


def _frozen_init(ctx: Context, self: Instance, num_features: Value, eps: Value = 1e-5) -> None:
    self.attrs["eps"] = eps
    shape = (num_features,) if isinstance(num_features, int) else None
    for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
        self.attrs[name] = ctx.emit(Kind.CONSTANT, (), shape, attributes={"value": value})
    self.hidden["buffers"] = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), True)


def _frozen_forward(ctx: Context, self: Instance, x: Value) -> Tensor:
    """Buffers of ones and zeros: a scaling by 1 / sqrt(1 + eps)."""
    tensor = ctx.as_tensor(x)
    eps = self.attrs["eps"]
    factor = (1 + eps) ** -0.5 if isinstance(eps, (int, float)) else 1.0
    return ctx.emit(
        Kind.MULTIPLY,
        (tensor,),
        tensor.shape,
        attributes={"constant": factor},
        class_name="torchvision.ops.FrozenBatchNorm2d",
        layer=self,
    )


def _permute_init(ctx: Context, self: Instance, dims: Value) -> None:
    self.attrs["dims"] = dims


def _permute_forward(ctx: Context, self: Instance, x: Value) -> Value:
    return ctx.call(resolve("torch.permute"), x, self.attrs["dims"])


@cache
def _names() -> dict[str, Value]:
    """Name -> value; wherever in `torchvision.ops` it is imported from."""
    module, sequential = "torch.nn.Module", "torch.nn.Sequential"
    names: dict[str, Value] = {
        "stochastic_depth": Native("torchvision.ops.stochastic_depth", _drop_path),
        "drop_block2d": Native("torchvision.ops.drop_block2d", _drop_block),
        "drop_block3d": Native("torchvision.ops.drop_block3d", _drop_block),
    }
    for name, base, methods in (
        ("Conv2dNormActivation", sequential, {"__init__": _conv_norm_activation(2)}),
        ("Conv3dNormActivation", sequential, {"__init__": _conv_norm_activation(3)}),
        ("MLP", sequential, {"__init__": _mlp_init}),
        (
            "SqueezeExcitation",
            module,
            {"__init__": _excitation_init, "forward": _excitation_forward, "_scale": _excitation_scale},
        ),
        ("StochasticDepth", module, {"__init__": _path_init, "forward": _path_forward}),
        ("DropBlock2d", module, {"__init__": _block_init, "forward": _block_forward}),
        ("DropBlock3d", module, {"__init__": _block_init, "forward": _block_forward}),
        ("FrozenBatchNorm2d", module, {"__init__": _frozen_init, "forward": _frozen_forward}),
        ("Permute", module, {"__init__": _permute_init, "forward": _permute_forward}),
    ):
        names[name] = framework_class(f"torchvision.ops.{name}", (base,), methods)
    return names
