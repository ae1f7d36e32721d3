from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from gradlint.probe import layers  # noqa: E402
from gradlint.probe.errors import NotMeasurable  # noqa: E402
from gradlint.probe.network_spec import NodeSpec  # noqa: E402


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def node(kind: str, shape: tuple[int, ...] | None = None, **attributes: Any) -> NodeSpec:
    return NodeSpec(kind, (), shape, attributes, {}, name="layer")


def same(x: torch.Tensor, y: torch.Tensor) -> bool:
    return x.shape == y.shape and torch.allclose(x, y, atol=1e-5)


def test_linear_takes_kernels_of_both_frameworks() -> None:
    x, weight = torch.randn(2, 5, 4), torch.randn(3, 4)
    described = node("linear", in_features=4, out_features=3)
    expected = F.linear(x, weight)
    assert same(layers.linear(x, weight, None, described, "torch"), expected)
    assert same(layers.linear(x, weight.t(), None, described, "keras"), expected)


def test_a_square_kernel_is_read_as_its_framework_has_it() -> None:
    x, weight = torch.randn(2, 4), torch.randn(4, 4)
    described = node("linear", in_features=4, out_features=4)
    assert same(layers.linear(x, weight, None, described, "torch"), x @ weight.t())
    assert same(layers.linear(x, weight, None, described, "keras"), x @ weight)


def test_a_kernel_with_heads_is_flattened() -> None:
    x, kernel = torch.randn(2, 5, 6), torch.randn(6, 3, 2)
    y = layers.linear(x, kernel, None, node("linear", in_features=6, out_features=6), "keras")
    assert same(y, torch.einsum("btd,dhk->bthk", x, kernel).flatten(2))


def test_a_kernel_that_does_not_fit_is_told() -> None:
    with pytest.raises(NotMeasurable, match="kernel"):
        layers.linear(torch.randn(2, 5), torch.randn(3, 4), None, node("linear", out_features=3), "torch")


@pytest.mark.parametrize("groups", [1, 2])
def test_convolution_in_torch_s_layout(groups: int) -> None:
    real = nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=1, groups=groups)
    x = torch.randn(2, 4, 9, 9)
    described = node(
        "convolution", stride=(2, 2), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=groups, channel_axis=1
    )
    assert same(layers.convolution(x, real.weight, real.bias, described, "torch", None), real(x))


def test_convolution_in_keras_s_layout() -> None:
    kernel, x = torch.randn(3, 3, 4, 6), torch.randn(2, 8, 8, 4)
    described = node("convolution", stride=(2, 2), padding=((0, 1), (0, 1)), channel_axis=-1, out_channels=6)
    y = layers.convolution(x, kernel, None, described, "keras", None)
    padded = F.pad(x.permute(0, 3, 1, 2), [0, 1, 0, 1])
    assert same(y, F.conv2d(padded, kernel.permute(3, 2, 0, 1), stride=2).permute(0, 2, 3, 1))


def test_depthwise_kernels_of_keras() -> None:
    kernel, x = torch.randn(3, 3, 4, 2), torch.randn(1, 6, 6, 4)
    described = node("convolution", groups=4, in_channels=4, out_channels=8, channel_axis=-1)
    y = layers.convolution(x, kernel, None, described, "keras", None)
    for channel in range(4):
        for multiple in range(2):
            single = F.conv2d(x[..., channel][:, None], kernel[:, :, channel, multiple][None, None])[:, 0]
            assert same(y[..., channel * 2 + multiple], single)


def test_padding_modes() -> None:
    real = nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect")
    x = torch.randn(2, 2, 10)
    described = node("convolution", padding=((2, 2),), padding_mode="reflect")
    assert same(layers.convolution(x, real.weight, real.bias, described, "torch", None), real(x))


@pytest.mark.parametrize("extra", [0, 1])
def test_transposed_convolution_with_output_padding(extra: int) -> None:
    real = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=extra, bias=False)
    x = torch.randn(2, 4, 5, 5)
    expected = real(x)
    described = node("convolution", transposed=True, stride=(2, 2), padding=((1, 1), (1, 1)))
    y = layers.convolution(x, real.weight, None, described, "torch", tuple(expected.shape))
    assert same(y, expected)


@pytest.mark.parametrize(
    ("real", "attributes", "shape"),
    [
        (nn.BatchNorm2d(6), {"type": "batch", "axes": (0, 2, 3), "channel_axis": 1}, (4, 6, 5, 5)),
        (nn.BatchNorm1d(6), {"type": "batch", "channel_axis": 1}, (4, 6)),
        (nn.LayerNorm(6), {"type": "layer", "axes": (2,)}, (4, 5, 6)),
        (nn.LayerNorm((5, 6)), {"type": "layer", "axes": (-2, -1)}, (4, 5, 6)),
        (nn.GroupNorm(3, 6), {"type": "group", "groups": 3, "channel_axis": 1}, (4, 6, 5, 5)),
        (nn.InstanceNorm2d(6, affine=True), {"type": "instance", "channel_axis": 1}, (4, 6, 5, 5)),
        (nn.RMSNorm(6, eps=1e-5), {"type": "rms", "axes": (2,)}, (4, 5, 6)),
    ],
)
def test_normalizations_are_torch_s(real: Any, attributes: dict[str, Any], shape: tuple[int, ...]) -> None:
    x = torch.randn(shape) * 3 + 1
    for parameter in real.parameters():
        nn.init.normal_(parameter)
    y = layers.normalization(x, real.weight, getattr(real, "bias", None), node("normalization", **attributes))
    assert same(y, real(x))


def test_normalization_with_channels_last() -> None:
    x = torch.randn(4, 5, 5, 6) * 3
    real = nn.BatchNorm2d(6)
    described = node("normalization", type="batch", axes=(0, 1, 2), channel_axis=-1, epsilon=1e-5)
    y = layers.normalization(x, real.weight, real.bias, described)
    assert same(y, real(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("real", "attributes"),
    [
        (nn.MaxPool2d(2), {"type": "max", "kernel_size": (2, 2)}),
        (nn.MaxPool2d(3, 2, 1), {"type": "max", "kernel_size": (3, 3), "stride": (2, 2), "padding": ((1, 1), (1, 1))}),
        (nn.MaxPool2d(3, 2, ceil_mode=True), {"type": "max", "kernel_size": (3, 3), "stride": (2, 2)}),
        (nn.AvgPool2d(2), {"type": "average", "kernel_size": (2, 2)}),
        (nn.LPPool2d(2, 2), {"type": "lp", "kernel_size": (2, 2), "exponent": 2.0}),
        (nn.AdaptiveAvgPool2d(3), {"type": "average", "output_size": (3, 3)}),
        (nn.AdaptiveMaxPool2d((3, 2)), {"type": "max", "output_size": (3, 2)}),
    ],
)
def test_pooling_windows_are_torch_s(real: Any, attributes: dict[str, Any]) -> None:
    x = torch.randn(2, 3, 8, 8)
    expected = real(x)
    assert same(layers.pooling(x, node("pooling", **attributes), tuple(expected.shape)), expected)


def test_pooling_windows_with_channels_last() -> None:
    x = torch.randn(2, 8, 8, 3)
    expected = F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    described = node("pooling", type="max", kernel_size=(2, 2), axes=(1, 2))
    assert same(layers.pooling(x, described, tuple(expected.shape)), expected)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("average", lambda x: x.mean((1, 2))),
        ("max", lambda x: x.amax((1, 2))),
        ("sum", lambda x: x.sum((1, 2))),
        ("norm", lambda x: x.flatten(1, 2).norm(dim=1)),
        ("variance", lambda x: x.var((1, 2), correction=0)),
        ("logsumexp", lambda x: x.logsumexp((1, 2))),
    ],
)
def test_reductions(kind: str, expected: Any) -> None:
    x = torch.randn(2, 4, 5, 3)
    described = node("pooling", **{"type": kind, "axes": (1, 2), "global": True})
    assert same(layers.pooling(x, described, (2, 3)), expected(x))
    kept = layers.pooling(x, described, (2, 1, 1, 3))
    assert same(kept, expected(x)[:, None, None])


def test_attention_with_heads_in_the_features_is_that_with_heads_apart() -> None:
    q, k, v = (torch.randn(2, 7, 12) for _ in range(3))
    described = node("attention", heads=3, causal=True)
    apart = [x.unflatten(-1, (3, 4)).transpose(1, 2) for x in (q, k, v)]
    expected = F.scaled_dot_product_attention(*apart, is_causal=True)
    assert same(layers.attention(q, k, v, described, (2, 7, 12)), expected.transpose(1, 2).flatten(2))
    assert same(layers.attention(*apart, node("attention", heads=1, causal=True), None), expected)


def test_attention_with_time_first() -> None:
    q, k, v = (torch.randn(7, 2, 12) for _ in range(3))
    y = layers.attention(q, k, v, node("attention", heads=3, sequence_axis=0), (7, 2, 12))
    turned = [x.transpose(0, 1) for x in (q, k, v)]
    assert same(y, layers.attention(*turned, node("attention", heads=3), (2, 7, 12)).transpose(0, 1))


def test_a_single_query_attends_to_its_own_head() -> None:
    q, kv = torch.randn(2, 4, 1, 8), torch.randn(2, 4, 6, 8)
    y = layers.attention(q, kv, kv, node("attention", heads=1), None)
    assert same(y, F.scaled_dot_product_attention(q, kv, kv))


def test_few_key_heads_are_shared() -> None:
    q, kv = torch.randn(2, 4, 7, 8), torch.randn(2, 2, 7, 8)
    y = layers.attention(q, kv, kv, node("attention", heads=1), None)
    repeated = kv.repeat_interleave(2, 1)
    assert same(y, F.scaled_dot_product_attention(q, repeated, repeated))


@pytest.mark.parametrize("kind", ["element", "channel", "path", "gaussian"])
def test_dropout_keeps_the_mean(kind: str) -> None:
    y = layers.dropout(torch.ones(400, 50, 4), node("dropout", rate=0.25, type=kind))
    assert float(y.mean()) == pytest.approx(1.0, abs=0.05)
    assert float(y.std()) > 0.1


def test_dropout_of_channels_drops_whole_channels() -> None:
    y = layers.dropout(torch.ones(5, 40, 6), node("dropout", rate=0.5, type="channel"))
    assert set((y == 0).float().mean(2).unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("rate", "left"), [(0.0, 1.0), (1.0, 0.0)])
def test_dropout_of_nothing_and_of_all(rate: float, left: float) -> None:
    assert torch.equal(layers.dropout(torch.ones(3, 3), node("dropout", rate=rate)), torch.full((3, 3), left))
