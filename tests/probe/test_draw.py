from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from gradlint.probe.draw import draw  # noqa: E402
from gradlint.probe.errors import NotMeasurable  # noqa: E402
from gradlint.probe.network_spec import ParameterSpec  # noqa: E402


def drawn(spec: ParameterSpec, layout: str = "torch", seed: int = 0) -> torch.Tensor:
    return draw(spec, torch.Generator().manual_seed(seed), layout)


@pytest.mark.parametrize("family", ["normal", "truncated_normal", "uniform", "unknown"])
def test_mean_and_deviation_are_those_of_the_distribution(family: str) -> None:
    x = drawn(ParameterSpec((500, 400), family, 0.5, 0.2))
    assert float(x.mean()) == pytest.approx(0.5, abs=0.003)
    assert float(x.std()) == pytest.approx(0.2, rel=0.01)


def test_a_uniform_draw_stays_within_its_bounds_and_fills_them() -> None:
    x = drawn(ParameterSpec((100_000,), "uniform", 0.0, 1.0))
    assert float(x.abs().max()) == pytest.approx(math.sqrt(3.0), abs=1e-3)


def test_a_truncated_draw_has_no_tails() -> None:
    x = drawn(ParameterSpec((100_000,), "truncated_normal", 0.0, 0.87962566103423978))
    assert 1.99 < float(x.abs().max()) <= 2.0 + 1e-5


@pytest.mark.parametrize(("shape", "layout", "rows"), [((8, 3, 3, 3), "torch", 8), ((3, 3, 3, 8), "keras", 27)])
def test_orthogonal_kernels_are_orthogonal_as_the_framework_flattens_them(
    shape: tuple[int, ...], layout: str, rows: int
) -> None:
    matrix = drawn(ParameterSpec(shape, "orthogonal", 0.0, 0.1, gain=2.0), layout).reshape(rows, -1)
    product = matrix @ matrix.t() if rows == 8 else matrix.t() @ matrix
    assert torch.allclose(product, 4.0 * torch.eye(8), atol=1e-4)


def test_identity_kernels_pass_their_input_on() -> None:
    assert torch.equal(drawn(ParameterSpec((3, 3), "identity", 0.3, 0.4, gain=2.0)), 2.0 * torch.eye(3))
    kernel = drawn(ParameterSpec((2, 2, 3, 3), "identity", 0.1, 0.1))
    x = torch.randn(1, 2, 5, 5)
    assert torch.allclose(torch.nn.functional.conv2d(x, kernel, padding=1), x)


def test_a_part_is_drawn_apart() -> None:
    forget = ParameterSpec((4,), "constant", 1.0, 0.0)
    x = drawn(ParameterSpec((16,), "constant", 0.0, 0.0, parts=(((0, 4, 8), forget),)))
    assert x.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


def test_the_same_seed_draws_the_same() -> None:
    spec = ParameterSpec((50,), "normal", 0.0, 1.0)
    assert torch.equal(drawn(spec), drawn(spec))
    assert not torch.equal(drawn(spec), drawn(spec, seed=1))


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (ParameterSpec(None, "normal", 0.0, 1.0, name="w"), "shape of `w`"),
        (ParameterSpec((3,), "unknown", math.nan, math.nan, name="w"), "`w` is initialized with"),
    ],
)
def test_what_is_not_known_is_not_drawn(spec: ParameterSpec, reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason):
        drawn(spec)
