from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from gradlint.network.activations import NAMES  # noqa: E402
from gradlint.probe.errors import NotMeasurable  # noqa: E402
from gradlint.probe.functions import FUNCTIONS, activate, dead_share, saturated_share  # noqa: E402
from gradlint.probe.network_spec import NodeSpec  # noqa: E402


def node(function: str, **settings: Any) -> NodeSpec:
    return NodeSpec("activation", (), None, {"function": function, **settings}, {})


def test_every_canonical_name_has_its_function() -> None:
    assert set(FUNCTIONS) | {"prelu"} == NAMES


@pytest.mark.parametrize("function", sorted(NAMES))
def test_every_function_has_a_gradient_of_its_input_s_shape(function: str) -> None:
    x = (torch.rand(4, 6) * 2 + 0.1).requires_grad_()
    y = activate(x, node(function, exponent=3.0))
    y.sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.shape == x.shape


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0.0, 0.0, 3.0, 9.0]),
        ({"maximum": 6.0}, [0.0, 0.0, 3.0, 6.0]),
        ({"negative_slope": 0.1}, [-0.2, 0.0, 3.0, 9.0]),
        ({"threshold": 4.0}, [0.0, 0.0, 0.0, 9.0]),
        ({"threshold": 1.0, "negative_slope": 0.5}, [-1.5, -0.5, 3.0, 9.0]),
    ],
)
def test_a_rectifier_with_settings(settings: dict[str, float], expected: list[float]) -> None:
    y = activate(torch.tensor([-2.0, 0.0, 3.0, 9.0]), node("relu", **settings))
    assert y.tolist() == pytest.approx(expected)


def test_sparsemax_is_a_projection_onto_the_simplex() -> None:
    y = activate(torch.tensor([[2.0, 1.9, -1.0], [0.0, 0.0, 0.0]]), node("sparsemax", axis=-1))
    assert y[0].tolist() == pytest.approx([0.55, 0.45, 0.0])
    assert y[1].tolist() == pytest.approx([1 / 3] * 3)


def test_the_slope_of_a_prelu_belongs_to_its_channel() -> None:
    x = -torch.ones(2, 3, 4, 4)
    y = activate(x, node("prelu"), torch.tensor([0.1, 0.2, 0.3]))
    assert y[0, :, 0, 0].tolist() == pytest.approx([-0.1, -0.2, -0.3])


def test_an_unknown_function_is_not_measurable() -> None:
    with pytest.raises(NotMeasurable, match="wobble"):
        activate(torch.ones(1), node("wobble"))


def test_a_unit_is_dead_when_it_is_zero_everywhere() -> None:
    y = torch.tensor([[[0.0, 0.0], [0.0, 2.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert dead_share(y, node("relu"), channel_axis=1) == 0.5
    assert dead_share(y, node("relu", negative_slope=0.1), channel_axis=1) is None
    assert dead_share(y, node("gelu"), channel_axis=1) is None


@pytest.mark.parametrize(("function", "edge"), [("sigmoid", 5.98), ("tanh", 2.993), ("softsign", 9.0), ("erf", 2.146)])
def test_an_entry_is_saturated_where_the_slope_is_below_a_hundredth(function: str, edge: float) -> None:
    x = torch.tensor([[-edge * 1.02, -edge * 0.98, 0.0, edge * 1.02]])
    assert saturated_share(activate(x, node(function)), node(function)) == 0.5


def test_a_softmax_is_saturated_where_one_class_has_all() -> None:
    y = activate(torch.tensor([[50.0, 0.0], [0.0, 0.1]]), node("softmax", axis=-1))
    assert saturated_share(y, node("softmax", axis=-1)) == 0.5


def test_a_safe_root_has_no_slope_at_zero() -> None:
    for safe, expected in ((True, 0.0), (False, float("inf"))):
        x = torch.zeros(1, requires_grad=True)
        activate(x, node("sqrt", safe=safe)).backward()
        assert x.grad is not None
        assert x.grad.item() == expected
