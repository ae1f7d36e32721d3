"""Initializers draw what those of torch draw, and reach the parameter that they are given."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from gradlint.evaluation.errors import Raised
from gradlint.network import Distribution
from tests.frameworks.torch.harness import Tables, parameter_of

WIDE = (400, 300)
KERNEL = (120, 60, 3, 3)

CALLS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("uniform_", WIDE, {}),
    ("uniform_", WIDE, {"a": -0.3, "b": 0.1}),
    ("normal_", WIDE, {}),
    ("normal_", WIDE, {"mean": 0.5, "std": 0.02}),
    ("trunc_normal_", WIDE, {}),
    ("trunc_normal_", WIDE, {"std": 0.02}),
    ("trunc_normal_", WIDE, {"mean": 1.0, "std": 2.0, "a": -1.0, "b": 1.5}),
    ("constant_", WIDE, {"val": 0.3}),
    ("ones_", WIDE, {}),
    ("zeros_", WIDE, {}),
    ("eye_", WIDE, {}),
    ("dirac_", KERNEL, {}),
    ("dirac_", KERNEL, {"groups": 2}),
    ("xavier_uniform_", WIDE, {}),
    ("xavier_uniform_", KERNEL, {"gain": 5 / 3}),
    ("xavier_normal_", KERNEL, {}),
    ("xavier_normal_", WIDE, {"gain": 0.5}),
    ("kaiming_uniform_", WIDE, {}),
    ("kaiming_uniform_", WIDE, {"a": math.sqrt(5)}),
    ("kaiming_uniform_", KERNEL, {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", KERNEL, {"nonlinearity": "relu"}),
    ("kaiming_normal_", KERNEL, {"a": 0.2, "mode": "fan_out"}),
    ("kaiming_normal_", WIDE, {"nonlinearity": "tanh"}),
    ("kaiming_normal_", WIDE, {"nonlinearity": "linear"}),
    ("orthogonal_", WIDE, {}),
    ("orthogonal_", KERNEL, {"gain": 1.4}),
    ("sparse_", WIDE, {"sparsity": 0.7, "std": 0.1}),
]


@pytest.fixture
def tables() -> Tables:
    return Tables()


def _drawn(tables: Tables, name: str, shape: tuple[int, ...], **settings: Any) -> Distribution:
    parameter = tables.make("nn.Parameter", tables.make("empty", *shape))
    assert tables.make(f"nn.init.{name}", parameter, **settings) is parameter
    return parameter_of(parameter).distribution


@pytest.mark.parametrize(("name", "shape", "settings"), CALLS)
def test_moments_are_those_of_torch(
    name: str, shape: tuple[int, ...], settings: dict[str, Any], tables: Tables
) -> None:
    torch.manual_seed(0)
    entries = getattr(torch.nn.init, name)(torch.empty(*shape), **settings)
    distribution = _drawn(tables, name, shape, **settings)
    tolerance = 5 * max(distribution.std, 1e-9) / math.sqrt(entries.numel())
    assert entries.mean().item() == pytest.approx(distribution.mean, abs=tolerance + 1e-6)
    assert entries.std().item() == pytest.approx(distribution.std, rel=0.02, abs=1e-6)
    assert distribution.explicit
    assert distribution.origin is not None


@pytest.mark.parametrize(
    ("name", "settings", "scheme", "family", "text"),
    [
        ("xavier_uniform_", {}, "xavier", "uniform", "nn.init.xavier_uniform_()"),
        ("kaiming_normal_", {"nonlinearity": "relu"}, "he", "normal", "nn.init.kaiming_normal_(nonlinearity='relu')"),
        ("kaiming_uniform_", {"a": math.sqrt(5)}, "torch", "uniform", "nn.init.kaiming_uniform_(a=2.236)"),
        (
            "kaiming_normal_",
            {"nonlinearity": "linear"},
            "lecun",
            "normal",
            "nn.init.kaiming_normal_(nonlinearity='linear')",
        ),
        ("orthogonal_", {}, "orthogonal", "orthogonal", "nn.init.orthogonal_()"),
        ("normal_", {"std": 0.02}, "explicit", "normal", "nn.init.normal_(std=0.02)"),
        ("zeros_", {}, "constant", "constant", "nn.init.zeros_()"),
        ("constant_", {"val": 0.1}, "constant", "constant", "nn.init.constant_(val=0.1)"),
    ],
)
def test_scheme_and_text(
    name: str, settings: dict[str, Any], scheme: str, family: str, text: str, tables: Tables
) -> None:
    distribution = _drawn(tables, name, WIDE, **settings)
    assert (distribution.scheme, distribution.family, distribution.text) == (scheme, family, text)


def test_the_old_names_are_the_same(tables: Tables) -> None:
    assert _drawn(tables, "xavier_uniform", WIDE).std == _drawn(tables, "xavier_uniform_", WIDE).std


@pytest.mark.parametrize(
    ("name", "shape", "settings", "error"),
    [
        ("xavier_uniform_", (5,), {}, "ValueError"),
        ("kaiming_normal_", (5,), {}, "ValueError"),
        ("orthogonal_", (5,), {}, "ValueError"),
        ("eye_", (5, 5, 5), {}, "ValueError"),
        ("dirac_", (5, 5), {}, "ValueError"),
        ("kaiming_normal_", WIDE, {"nonlinearity": "gelu"}, "ValueError"),
    ],
)
def test_what_torch_refuses_raises(
    name: str, shape: tuple[int, ...], settings: dict[str, Any], error: str, tables: Tables
) -> None:
    with pytest.raises(Raised) as raised:
        _drawn(tables, name, shape, **settings)
    assert raised.value.type_name == error


def test_a_missing_bias_is_an_error_of_the_program(tables: Tables) -> None:
    with pytest.raises(Raised):
        tables.make("nn.init.zeros_", None)


def test_unknown_settings_leave_an_unknown_scale(tables: Tables) -> None:
    drawn = _drawn(tables, "normal_", WIDE, std=tables.context.unknown("a test"))
    assert not drawn.known
    assert drawn.family == "normal"
    assert not _drawn(tables, "xavier_uniform_", WIDE, gain=tables.context.unknown("a test")).known


def test_what_was_there_before_is_history(tables: Tables) -> None:
    layer = tables.make("nn.Linear", 20, 10)
    weight = layer.attrs["weight"]
    tables.make("nn.init.normal_", weight, std=0.5)
    assert parameter_of(weight).distribution.std == 0.5
    assert [past.scheme for past in parameter_of(weight).history] == ["torch"]


def test_data_and_views_reach_the_parameter(tables: Tables) -> None:
    layer = tables.make("nn.Linear", 20, 10)
    tables.make("nn.init.normal_", tables.context.getattr(layer.attrs["weight"], "data"), std=0.5)
    assert parameter_of(layer.attrs["weight"]).distribution.std == 0.5


def test_a_tensor_keeps_its_draw_until_it_becomes_a_parameter(tables: Tables) -> None:
    tensor = tables.make("empty", 20, 10)
    tables.make("nn.init.xavier_normal_", tensor)
    parameter = parameter_of(tables.make("nn.Parameter", tensor))
    assert parameter.distribution.std == pytest.approx(math.sqrt(2 / 30))
    assert parameter.distribution.scheme == "xavier"


def _fill(tables: Tables, tensor: Any, start: int, stop: int, value: float) -> None:
    tables.make("nn.init.constant_", tables.method(tensor, "__getitem__", slice(start, stop)), value)


def test_part_of_a_bias_is_kept_apart(tables: Tables) -> None:
    rnn = tables.make("nn.LSTM", 4, 8)
    bias = rnn.attrs["bias_ih_l0"]
    _fill(tables, bias, 8, 16, 1.0)
    distribution = parameter_of(bias).distribution
    assert distribution.std == pytest.approx(1 / math.sqrt(3 * 8))
    ((window, drawn),) = distribution.parts
    assert window == (0, 8, 16)
    assert (drawn.mean, drawn.std) == (1.0, 0.0)


def test_parts_that_cover_the_whole_replace_it(tables: Tables) -> None:
    weight = tables.make("nn.Linear", 4, 8).attrs["weight"]
    _fill(tables, weight, 0, 4, 0.5)
    assert parameter_of(weight).distribution.parts
    _fill(tables, weight, 4, 8, 0.5)
    assert parameter_of(weight).distribution.mean == 0.5
    assert not parameter_of(weight).distribution.parts


def test_reset_parameters_draws_the_default_again(tables: Tables) -> None:
    layer = tables.make("nn.Conv2d", 3, 8, 3)
    before = parameter_of(layer.attrs["weight"]).distribution
    tables.make("nn.init.zeros_", layer.attrs["weight"])
    tables.method(layer, "reset_parameters")
    assert parameter_of(layer.attrs["weight"]).distribution == before


def test_what_a_parameter_is_made_of_was_chosen_by_the_program(tables: Tables) -> None:
    drawn = tables.method(tables.make("randn", 30, 20), "__mul__", 0.02)
    distribution = parameter_of(tables.make("nn.Parameter", drawn)).distribution
    assert (distribution.family, distribution.std) == ("normal", 0.02)
    assert distribution.explicit
    assert distribution.origin is not None
    assert not parameter_of(tables.make("nn.Parameter", tables.make("empty", 3))).distribution.known
