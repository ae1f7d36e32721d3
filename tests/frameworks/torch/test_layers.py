"""Every layer has the parameters, the initial distributions and the output shapes of its namesake in torch."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch

from gradlint.evaluation.errors import Raised, ShapeMismatch
from gradlint.frameworks import modules
from gradlint.network import Kind
from tests.frameworks.torch import cases
from tests.frameworks.torch.cases import Case
from tests.frameworks.torch.harness import (
    Tables,
    output_shapes,
    parameter_of,
    real,
    real_output_shapes,
    real_shapes_of,
    shapes_of,
)


@pytest.fixture
def tables() -> Tables:
    return Tables()


def _real_inputs(case: Case) -> list[torch.Tensor]:
    if case.indices:
        return [torch.randint(0, case.indices, shape) for shape in case.inputs]
    return [torch.rand(shape) for shape in case.inputs]


@pytest.mark.parametrize("case", cases.ALL, ids=str)
def test_parameters_and_outputs_are_those_of_torch(case: Case, tables: Tables) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = real(case.name, *case.args, **case.kwargs)
        expected: Any = module(*_real_inputs(case))
    layer = tables.make(f"nn.{case.name}", *case.args, **case.kwargs)
    dtype = "int64" if case.indices else "float32"
    result = tables.call(layer, *[tables.input(*shape, dtype=dtype) for shape in case.inputs])
    assert output_shapes(result) == real_output_shapes(expected)
    assert shapes_of(layer) == real_shapes_of(module)
    assert [name for name, _ in modules.named_modules(layer)] == [name for name, _ in module.named_modules()]
    assert [name for name, _ in tables.method(layer, "named_buffers")] == [name for name, _ in module.named_buffers()]


LARGE = [
    cases.case("Linear", 300, 200, on=()),
    cases.case("Bilinear", 40, 50, 60, on=()),
    cases.case("Conv1d", 60, 80, 5, groups=4, on=()),
    cases.case("Conv2d", 60, 80, 3, on=()),
    cases.case("Conv3d", 20, 30, 3, on=()),
    cases.case("ConvTranspose1d", 200, 50, 5, on=()),
    cases.case("ConvTranspose2d", 60, 80, 3, groups=4, on=()),
    cases.case("ConvTranspose3d", 20, 30, 3, on=()),
    cases.case("BatchNorm2d", 500, on=()),
    cases.case("LayerNorm", 500, on=()),
    cases.case("PReLU", 500, on=()),
    cases.case("Embedding", 500, 60, on=()),
    cases.case("EmbeddingBag", 500, 60, on=()),
    cases.case("RNN", 100, 120, 2, on=()),
    cases.case("LSTM", 60, 70, on=()),
    cases.case("GRU", 60, 70, on=()),
    cases.case("LSTMCell", 60, 70, on=()),
    cases.case("MultiheadAttention", 128, 4, on=()),
    cases.case("MultiheadAttention", 128, 4, kdim=64, vdim=32, add_bias_kv=True, on=()),
    cases.case("TransformerEncoderLayer", 64, 4, 256, on=()),
    cases.case("Transformer", 64, 4, 1, 1, 256, on=()),
]


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_parameters_start_as_in_torch(case: Case, tables: Tables) -> None:
    torch.manual_seed(0)
    module = real(case.name, *case.args, **case.kwargs)
    layer = tables.make(f"nn.{case.name}", *case.args, **case.kwargs)
    for (name, tensor), parameter in zip(modules.named_parameters(layer), module.parameters(), strict=True):
        distribution = parameter_of(tensor).distribution
        count = parameter.numel()
        spread = parameter.std(unbiased=False).item()
        assert spread == pytest.approx(distribution.std, rel=4 / math.sqrt(count) + 1e-6, abs=1e-9), name
        mean = parameter.mean().item()
        assert mean == pytest.approx(distribution.mean, abs=5 * distribution.std / math.sqrt(count) + 1e-7), name
        if distribution.family == "uniform":
            bound = distribution.std * math.sqrt(3)
            assert parameter.abs().max().item() == pytest.approx(bound, rel=0.2), name


@pytest.mark.parametrize(
    ("name", "args", "shape"),
    [
        ("Linear", (6, 4), (2, 5)),
        ("Conv2d", (3, 8, 3), (2, 4, 9, 9)),
        ("Conv2d", (3, 8, 3), (2, 3, 2, 2)),
        ("Conv2d", (3, 8, 3), (3, 8)),
        ("BatchNorm2d", (6,), (2, 5, 3, 3)),
        ("BatchNorm2d", (6,), (2, 6)),
        ("LayerNorm", (6,), (2, 5)),
        ("GroupNorm", (2, 6), (2, 4, 3)),
        ("MaxPool2d", (5,), (2, 3, 4, 4)),
        ("LSTM", (6, 5), (7, 2, 4)),
        ("GLU", (), (2, 5)),
        ("PReLU", (4,), (2, 5)),
        ("Bilinear", (3, 4, 5), (2, 3)),
    ],
)
def test_an_input_that_does_not_fit_is_a_shape_mismatch(
    name: str, args: tuple[int, ...], shape: tuple[int, ...], tables: Tables
) -> None:
    layer = tables.make(f"nn.{name}", *args)
    inputs = [tables.input(*shape)] * (2 if name == "Bilinear" else 1)
    with pytest.raises(ShapeMismatch):
        tables.call(layer, *inputs)


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("Conv2d", (3, 8, 3, 1, 0, 1, 2), "ValueError"),
        ("GroupNorm", (4, 6), "ValueError"),
        ("Dropout", (1.5,), "ValueError"),
        ("MultiheadAttention", (6, 4), "AssertionError"),
        ("GRU", (6, 5, 1, True, False, 0.0, False, 3), "ValueError"),
    ],
)
def test_arguments_that_torch_refuses_raise(name: str, args: tuple[Any, ...], error: str, tables: Tables) -> None:
    with pytest.raises(Raised) as raised:
        tables.make(f"nn.{name}", *args)
    assert raised.value.type_name == error


@pytest.mark.parametrize("case", cases.ALL, ids=str)
def test_unknown_arguments_and_inputs_are_no_error(case: Case, tables: Tables) -> None:
    unknown = tables.context.unknown("a test")
    args = tuple(unknown if isinstance(value, (int, float, tuple, list)) else value for value in case.args)
    kwargs = dict.fromkeys(case.kwargs, unknown)
    layer = tables.make(f"nn.{case.name}", *args, **kwargs)
    result = tables.call(layer, *[unknown for _ in case.inputs])
    nodes = {node.kind for node in (tensor.node for tensor in _tensors(result))}
    assert nodes or result is unknown
    blank = [tables.context.opaque("a test", ()) for _ in case.inputs]
    assert output_shapes(tables.call(layer, *blank))[:1] == [None]


def _tensors(result: Any) -> list[Any]:
    from gradlint.evaluation.values import tensors_in

    return tensors_in(result)


def test_a_shared_layer_is_one_parameter_in_two_nodes(tables: Tables) -> None:
    layer = tables.make("nn.Linear", 4, 4)
    first = tables.call(layer, tables.input(2, 4))
    second = tables.call(layer, first)
    assert first.node.parameters["weight"] is second.node.parameters["weight"]
    assert first.node.layer is second.node.layer is layer


def test_an_inplace_activation_changes_its_input(tables: Tables) -> None:
    x = tables.call(tables.make("nn.Linear", 4, 4), tables.input(2, 4))
    y = tables.call(tables.make("nn.ReLU", inplace=True), x)
    assert x.node is y.node
    assert y.node.kind is Kind.ACTIVATION
    assert tables.call(tables.make("nn.ReLU"), x).node is not x.node
