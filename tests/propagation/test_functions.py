"""Values and derivatives of every activation, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gradlint.network import Kind, Node
from gradlint.network.activations import NAMES, SOFTMAX_LIKE
from gradlint.propagation.functions import FORMS, Pieces, form_of, key_of
from tests.measuring import ACTIVATIONS

POINTS = [-4.2, -1.3, -0.4, 0.3, 0.9, 2.7, 4.1]
IN_TORCH = {
    **ACTIVATIONS,
    "prelu": lambda x: functional.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
    "threshold": lambda x: functional.threshold(x, 0.0, 0.0),
    "erf": torch.erf,
    "arctan": torch.atan,
    "cos": torch.cos,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "abs": torch.abs,
    "expm1": torch.expm1,
    "reciprocal": torch.reciprocal,
    "sparse_sigmoid": lambda x: torch.clamp(0.5 * (x + 1), 0, 1),
    "sparse_plus": lambda x: torch.where(x <= -1, 0.0 * x, torch.where(x < 1, 0.25 * (x + 1) ** 2, x)),
    "squareplus": lambda x: 0.5 * (x + torch.sqrt(x * x + 4)),
    "pow": torch.square,
}


def node(function: str, **settings: object) -> Node:
    return Node(Kind.ACTIVATION, attributes={"function": function, **settings})


def value_and_slope(form: object, x: float) -> tuple[float, float]:
    if isinstance(form, Pieces):
        index = sum(x > limit for limit in form.breaks)
        return form.slopes[index] * x + form.offsets[index], form.slopes[index]
    return form.value(x), form.slope(x)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(set(FORMS) & set(IN_TORCH) - {"clamp", "sqrt", "rsqrt"}))
def test_value_and_slope_are_those_of_torch(name: str) -> None:
    key = key_of(node(name))
    assert key is not None
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    y = IN_TORCH[name](x)
    y.sum().backward()
    assert x.grad is not None
    for point, value, slope in zip(POINTS, y.tolist(), x.grad.tolist(), strict=True):
        assert value_and_slope(form_of(key), point) == pytest.approx((value, slope), abs=1e-7)


@pytest.mark.parametrize(
    ("name", "settings", "point", "expected"),
    [
        ("relu", {"maximum": 2.0}, 3.0, 2.0),
        ("relu", {"negative_slope": 0.2, "threshold": 1.0}, 0.0, -0.2),
        ("leaky_relu", {"negative_slope": 0.3}, -1.0, -0.3),
        ("clamp", {"minimum": -0.5}, -2.0, -0.5),
        ("clamp", {"minimum": -1.0, "maximum": 1.5}, 9.0, 1.5),
        ("gelu", {"approximate": "tanh"}, 1.0, float(functional.gelu(torch.tensor(1.0), approximate="tanh"))),
        ("softplus", {"beta": 2.0}, 0.5, float(functional.softplus(torch.tensor(0.5), beta=2.0))),
        ("celu", {"alpha": 0.5}, -1.0, float(functional.celu(torch.tensor(-1.0), alpha=0.5))),
        ("pow", {"exponent": 3.0}, -2.0, -8.0),
    ],
)
def test_settings_are_heeded(name: str, settings: dict[str, object], point: float, expected: float) -> None:
    key = key_of(node(name, **settings))
    assert key is not None
    assert value_and_slope(form_of(key), point)[0] == pytest.approx(expected, abs=1e-6)


def test_every_canonical_elementwise_name_is_known() -> None:
    assert NAMES - SOFTMAX_LIKE - {"glu"} <= set(FORMS)


def test_an_unknown_function_has_no_key() -> None:
    assert key_of(node("bessel")) is None
