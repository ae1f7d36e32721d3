"""The twin against real PyTorch modules: gradients at every weighted layer, over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from gradlint.network import ZEROS, Distribution, Framework, Kind, Network, Parameter  # noqa: E402
from gradlint.probe.errors import NotMeasurable  # noqa: E402
from gradlint.probe.measure import measure  # noqa: E402
from gradlint.probe.network_spec import describe  # noqa: E402
from gradlint.probe.request import Request  # noqa: E402
from gradlint.probe.twin import Twin  # noqa: E402
from tests.graphs import Graph, mlp  # noqa: E402

SEEDS = 7
REQUEST = Request(seeds=SEEDS)


def gradients(build: Callable[[], nn.Module], shape: tuple[int, ...], high: int = 0) -> list[float]:
    """log10 of the gradient at the output of each weighted layer of a real module, over that at the last; medians."""
    rows = [drawn_gradients(build, shape, high, seed) for seed in range(SEEDS)]
    return [statistics.median(row[i] - row[-1] for row in rows) for i in range(len(rows[0]))]


def drawn_gradients(build: Callable[[], nn.Module], shape: tuple[int, ...], high: int, seed: int) -> list[float]:
    torch.manual_seed(seed)
    model = build().train()
    seen: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding, nn.RNNBase)):
            module.register_forward_hook(lambda _m, _i, y: seen.append(y[0] if isinstance(y, tuple) else y))
    y = model(torch.randint(0, high, shape) if high else torch.randn(shape))
    norms = torch.autograd.grad((y * torch.randn_like(y)).sum(), seen)
    return [math.log10(float(g.double().norm())) for g in norms]


def twin_gradients(network: Network) -> list[float]:
    """The same of the twin of a graph."""
    measurement = measure(describe(network)[0], REQUEST)
    found = [measurement.log10_ratio(layer.node) for layer in measurement.layers]
    return [figure for figure in found if figure is not None]


def assert_agree(network: Network, build: Callable[[], nn.Module], shape: tuple[int, ...], high: int = 0) -> None:
    twin, real = twin_gradients(network), gradients(build, shape, high)
    assert len(twin) == len(real)
    errors = [abs(a - b) for a, b in zip(twin, real, strict=True)]
    assert statistics.median(errors) <= 0.1
    assert max(errors) <= 0.3


def stack(depth: int, width: int, function: Callable[[], nn.Module]) -> nn.Module:
    sizes = [20, *[width] * (depth - 1)]
    layers = [module for size in sizes for module in (nn.Linear(size, width), function())]
    layers = layers[: 2 * (depth - 1)]
    return nn.Sequential(*layers, nn.Linear(width, 10))


@pytest.mark.parametrize(
    ("function", "module"),
    [("sigmoid", nn.Sigmoid), ("tanh", nn.Tanh), ("relu", nn.ReLU), ("gelu", nn.GELU), ("selu", nn.SELU)],
)
def test_stacks_of_linear_layers(function: str, module: type[nn.Module]) -> None:
    assert_agree(mlp(11, 128, function), lambda: stack(11, 128, module), (32, 20))


def test_a_network_whose_gradients_underflow_single_precision() -> None:
    measurement = measure(describe(mlp(60, 64, "sigmoid"))[0], REQUEST)
    ratio = measurement.log10_ratio()
    assert ratio is not None
    assert -60 < ratio < -46
    assert measurement.layers[0].vanished
    assert not measurement.layers[-1].vanished


class Convolutional(nn.Module):
    """Convolutions with batch normalization, a strided one, max-pooling, a skip connection and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(16), nn.BatchNorm2d(32), nn.BatchNorm2d(32), nn.BatchNorm2d(32)])
        self.down = nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False)
        self.first = nn.Conv2d(32, 32, 3, padding=1, bias=False)
        self.second = nn.Conv2d(32, 32, 3, padding=1, groups=4, bias=False)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.norms[0](self.stem(x))), 2)
        x = torch.relu(self.norms[1](self.down(x)))
        y = self.norms[3](self.second(torch.relu(self.norms[2](self.first(x)))))
        return self.head(torch.relu(x + y).mean((2, 3)))


def convolutional() -> Network:
    g = Graph()
    x = g.pool(g.activation(g.norm(g.conv(g.input(4, 3, 32, 32), 16)), "relu"))
    x = g.activation(g.norm(g.conv(x, 32, stride=2, bias=False)), "relu")
    y = g.activation(g.norm(g.conv(x, 32, bias=False)), "relu")
    y = g.norm(g.conv(y, 32, groups=4, bias=False))
    g.linear(g.global_pool(g.activation(g.add(x, y), "relu")), 10)
    return g.network()


def test_a_residual_convolutional_network() -> None:
    assert_agree(convolutional(), Convolutional, (32, 3, 32, 32))


def test_a_generator_of_transposed_convolutions() -> None:
    def build() -> nn.Module:
        return nn.Sequential(
            nn.ConvTranspose2d(16, 32, 4, 1, 0), nn.ReLU(), nn.ConvTranspose2d(32, 8, 4, 2, 1), nn.Tanh(),
            nn.Conv2d(8, 3, 3, padding=1),
        )  # fmt: skip

    g = Graph()
    x = g.activation(g.conv(g.input(4, 16, 1, 1), 32, 4, 1, 0, transposed=True), "relu")
    x = g.activation(g.conv(x, 8, 4, 2, 1, transposed=True), "tanh")
    g.conv(x, 3)
    assert_agree(g.network(), build, (32, 16, 1, 1))


class Transformer(nn.Module):
    """A post-norm encoder block by hand, over embedded tokens."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.table = nn.Embedding(50, width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.up, self.down, self.head = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), nn.Linear(width, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(tokens)
        q, k, v = (f(x).unflatten(-1, (4, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        x = self.norms[0](x + self.out(y.transpose(1, 2).flatten(2)))
        x = self.norms[1](x + self.down(nn.functional.gelu(self.up(x))))
        return self.head(x.mean(1))


def transformer(batch: int = 4, steps: int = 12, width: int = 32) -> Network:
    g = Graph()
    x = g.embedding(g.input(batch, steps, dtype="int"), 50, width)

    def heads(y: Any) -> Any:
        return g.transpose(g.view(g.linear(y, width), batch, steps, 4, width // 4), 1, 2)

    y = g.transpose(g.attention(heads(x), heads(x), heads(x)), 1, 2)
    x = g.norm(g.add(x, g.linear(g.view(y, batch, steps, width), width)), "layer")
    x = g.norm(g.add(x, g.linear(g.activation(g.linear(x, 4 * width), "gelu"), width)), "layer")
    g.linear(g.reduce(x, (1,)), 5)
    return g.network()


def test_a_transformer_block() -> None:
    assert_agree(transformer(), Transformer, (32, 12), high=50)


class Recurrent(nn.Module):
    """An LSTM over two layers and a head on its last output."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(6, 8)
        self.cells = nn.LSTM(8, 24, num_layers=2, batch_first=True)
        self.head = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cells(self.project(x))[0][:, -1])


def lstm(batch: int = 4, steps: int = 10) -> Network:
    def uniform(bound: float) -> Distribution:
        return Distribution("uniform", 0.0, bound / math.sqrt(3), "torch")

    g = Graph()
    x = g.linear(g.input(batch, steps, 6), 8)
    weights = {}
    for layer, width in enumerate((8, 24)):
        weights[f"weight_ih_l{layer}"] = Parameter((96, width), uniform(24**-0.5))
        weights[f"weight_hh_l{layer}"] = Parameter((96, 24), uniform(24**-0.5))
        weights[f"bias_ih_l{layer}"] = Parameter((96,), uniform(24**-0.5))
        weights[f"bias_hh_l{layer}"] = Parameter((96,), uniform(24**-0.5))
    x = g.node(
        Kind.RECURRENT, x, shape=(batch, steps, 24), parameters=weights, cell="lstm", input_size=8, hidden_size=24,
        num_layers=2, time_axis=1, return_sequences=True,
    )  # fmt: skip
    g.linear(g.select(x, 1, steps - 1), 3)
    return g.network()


def test_a_recurrent_network() -> None:
    assert_agree(lstm(), Recurrent, (32, 10, 6))


def test_the_two_frameworks_layouts_describe_the_same_network() -> None:
    def build(framework: Framework) -> Network:
        g = Graph("he_normal", framework)
        x = g.input(8, 20)
        for units in (64, 32, 10):
            x = g.activation(g.linear(x, units), "tanh")
        if framework is Framework.KERAS:
            for node in g.nodes:
                if "weight" in node.parameters:
                    weight = node.parameters["weight"]
                    assert weight.shape is not None
                    weight.shape = weight.shape[::-1]
        return g.network()

    pairs = zip(twin_gradients(build(Framework.TORCH)), twin_gradients(build(Framework.KERAS)), strict=True)
    assert max(abs(a - b) for a, b in pairs) < 0.1


def test_an_output_without_gradient_leaves_all_parameters_without_one() -> None:
    g = Graph()
    g.node(Kind.STOP, g.linear(g.input(4, 8), 8), shape=(4,), operation="argmax")
    figures = measure(describe(g.network())[0], REQUEST)
    assert all(p.blocked for p in figures.parameters)


def run(network: Network, *inputs: Tensor, observed: dict[int, Tensor] | None = None) -> list[Tensor]:
    spec, _ = describe(network)
    twin = Twin(spec, [node.shape for node in spec.nodes], torch.Generator().manual_seed(0))
    return twin(inputs, None if observed is None else observed.__setitem__)


def test_a_parameter_that_two_layers_share_is_one_tensor() -> None:
    g = Graph()
    first = g.linear(g.input(4, 8), 8)
    second = g.linear(first, 8)
    second.parameters = first.parameters
    spec, _ = describe(g.network())
    twin = Twin(spec, [node.shape for node in spec.nodes], torch.Generator())
    assert sum(p.numel() for p in twin.parameters()) == 8 * 8 + 8


def test_the_gradient_stops_where_the_graph_says_so() -> None:
    g = Graph()
    x = g.linear(g.input(4, 8), 8)
    stopped = g.node(Kind.STOP, x, shape=(4, 8), operation="detach")
    g.linear(stopped, 3)
    spec, _ = describe(g.network())
    figures = measure(spec, REQUEST)
    assert figures.layers[0].gradient == (-math.inf,) * SEEDS
    assert [p.blocked for p in figures.parameters] == [True, True, False, False]


def test_sums_and_products_with_numbers() -> None:
    g = Graph()
    x, y = g.input(2, 3), g.input(2, 3)
    g.multiply(g.add(x, y, coefficients=(2.0, -1.0), constant=0.5), constant=10.0)
    a, b = torch.randn(2, 3), torch.randn(2, 3)
    (result,) = run(g.network(), a, b)
    assert torch.allclose(result, 10 * (2 * a - b + 0.5), atol=1e-5)


@pytest.mark.parametrize(
    ("user", "expected"),
    [(Kind.MULTIPLY, {1.0}), (Kind.ADD, {0.0})],
)
def test_a_constant_of_which_only_the_shape_is_known_changes_nothing(user: Kind, expected: set[float]) -> None:
    g = Graph()
    x = g.input(2, 3)
    mask = g.node(Kind.CONSTANT, shape=(2, 3))
    g.node(user, x, mask, shape=(2, 3))
    observed: dict[int, Tensor] = {}
    run(g.network(), torch.randn(2, 3), observed=observed)
    assert set(observed[mask.order].flatten().tolist()) == expected


@pytest.mark.parametrize(
    ("operation", "attributes", "shape"),
    [
        ("view", {}, (2, 12)),
        ("transpose", {"axes": (0, 2, 1)}, (2, 4, 3)),
        ("transpose", {"axes": (-1, -2)}, (2, 4, 3)),
        ("slice", {"axis": 1, "start": 1, "stop": 3}, (2, 2, 4)),
        ("slice", {"axis": 1, "start": 2, "stop": 3}, (2, 4)),
        ("slice", {}, (2, 2, 4)),
        ("slice", {}, (2, 4)),
        ("split", {"axis": 2, "start": 0, "stop": 2}, (2, 3, 2)),
        ("expand", {}, (5, 2, 3, 4)),
        ("pad", {}, (2, 5, 5)),
        ("interpolate", {}, (2, 6, 8)),
        ("gather", {}, (2, 7, 4)),
        ("flip", {"axes": (1,)}, (2, 3, 4)),
        ("roll", {}, (2, 3, 4)),
        ("cast", {}, (2, 3, 4)),
        ("identity", {}, (2, 3, 4)),
    ],
)
def test_every_reshape_takes_its_entries_from_its_input(
    operation: str, attributes: dict[str, Any], shape: tuple[int, ...]
) -> None:
    g = Graph()
    g.node(Kind.RESHAPE, g.input(2, 3, 4), shape=shape, operation=operation, **attributes)
    x = torch.arange(1.0, 25.0).reshape(2, 3, 4)
    (y,) = run(g.network(), x)
    assert tuple(y.shape) == shape
    assert set(y.flatten().tolist()) <= set(x.flatten().tolist()) | {0.0}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((2, 12, 4, 4), (2, 3, 8, 8), lambda x: nn.functional.pixel_shuffle(x, 2)),
        ((2, 3, 8, 8), (2, 12, 4, 4), lambda x: nn.functional.pixel_unshuffle(x, 2)),
        ((2, 4, 4, 12), (2, 8, 8, 3), lambda x: nn.functional.pixel_shuffle(x.movedim(3, 1), 2).movedim(1, 3)),
    ],
)
def test_pixel_shuffles(before: tuple[int, ...], after: tuple[int, ...], expected: Callable[[Tensor], Tensor]) -> None:
    g = Graph()
    g.node(Kind.RESHAPE, g.input(*before), shape=after, operation="pixel_shuffle")
    x = torch.randn(before)
    (y,) = run(g.network(), x)
    assert torch.equal(y, expected(x))


def refused(network: Network) -> str:
    with pytest.raises(NotMeasurable) as caught:
        measure(describe(network)[0], REQUEST)
    return str(caught.value)


def opaque() -> Network:
    g = Graph()
    g.linear(g.opaque(g.linear(g.input(4, 8), 8), "magic"), 3)
    return g.network()


def unknown_weights() -> Network:
    g = Graph(lambda i, o: (Distribution("unknown", math.nan, math.nan, "unknown"), ZEROS))
    g.linear(g.input(4, 8), 8)
    return g.network()


def misfit() -> Network:
    g = Graph()
    x = g.input(4, 8)
    g.node(Kind.MATMUL, x, x, shape=(4, 8))
    return g.network()


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (opaque(), "magic"),
        (unknown_weights(), "initialized with is not known"),
        (misfit(), "cannot be run"),
    ],
)
def test_what_cannot_be_built_says_why(network: Network, reason: str) -> None:
    assert reason in refused(network)


def test_shapes_without_sizes_get_defaults_that_are_stated() -> None:
    g = Graph()
    x = g.node(Kind.INPUT, shape=None, dtype="float")
    x = g.node(
        Kind.LINEAR, x, shape=None, in_features=8, out_features=4,
        parameters={"weight": Parameter((4, 8), Distribution("normal", 0.0, 0.3, "explicit"))},
    )  # fmt: skip
    figures = measure(describe(g.network())[0], REQUEST)
    assert figures.assumptions == ("shape (32, 8) assumed for input0",)


def names(figures: Sequence[Any]) -> list[str]:
    return [figure.name for figure in figures]


def test_layers_are_reported_in_the_order_in_which_they_run() -> None:
    network = convolutional()
    figures = measure(describe(network)[0], Request(seeds=1))
    assert names(figures.layers) == [node.name for node in network.weighted]


def test_a_mask_over_pairs_of_steps_hides_the_later_ones() -> None:
    g = Graph()
    g.node(Kind.RESHAPE, g.input(1, 3, 3), shape=(1, 3, 3), operation="where", value=-math.inf)
    (y,) = run(g.network(), torch.ones(1, 3, 3))
    assert torch.equal(y.isinf()[0], torch.ones(3, 3).triu(1).bool())


def test_an_outer_product() -> None:
    g = Graph()
    a, b = g.input(3), g.input(4)
    g.node(Kind.MULTIPLY, a, b, shape=(3, 4), outer=True)
    x, y = torch.randn(3), torch.randn(4)
    (product,) = run(g.network(), x, y)
    assert torch.equal(product, torch.outer(x, y))
