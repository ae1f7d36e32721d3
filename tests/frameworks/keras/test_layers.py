"""Every layer against Keras itself: the shapes of its weights and outputs, and what its weights are drawn from."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.frameworks.keras.cases import INITIALIZED, LAYERS, LISTS, program
from tests.frameworks.keras.harness import described_by_gradlint, described_by_keras, network, run_keras

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def keras() -> Any:
    """Keras with its PyTorch backend."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    module = pytest.importorskip("keras")
    if module.backend.backend() != "torch":
        pytest.skip("Keras is already loaded with another backend")
    return module


@pytest.mark.parametrize(("expression", "shapes"), [*LAYERS, *LISTS], ids=lambda value: str(value))
def test_a_layer_has_the_weights_and_outputs_that_keras_gives_it(
    expression: str, shapes: tuple[tuple[int, ...], ...]
) -> None:
    text = program(expression, shapes)
    real, read = described_by_keras(run_keras(text)["model"]), network(text)
    ours = described_by_gradlint(read)
    assert read.complete
    assert ours.weights == real.weights
    assert ours.trained == real.trained
    # Keras leaves sizes open that an EinsumDense was not told.
    for mine, theirs in zip(ours.outputs, real.outputs, strict=True):
        assert len(mine) == len(theirs)
        assert all(size is None or size == known for known, size in zip(mine, theirs, strict=True))


@pytest.mark.parametrize(("expression", "shape"), INITIALIZED, ids=lambda value: str(value))
def test_initial_weights_have_the_mean_and_spread_that_keras_draws(expression: str, shape: tuple[int, ...]) -> None:
    text = program(expression, (shape,))
    seeded = "import keras\nkeras.utils.set_random_seed(1)\n" + text
    drawn = {(w.name, tuple(w.shape)): w for w in run_keras(seeded)["model"].weights}
    for parameter in network(text).parameters:
        entries = drawn[parameter.name, parameter.shape].value.detach()
        mean, square = moments(parameter)
        spread = math.sqrt(max(square - mean * mean, 0.0))
        assert float(entries.mean()) == pytest.approx(mean, abs=max(5 * spread / math.sqrt(entries.numel()), 1e-6))
        assert float(entries.pow(2).mean()) == pytest.approx(square, rel=5 * math.sqrt(2 / entries.numel()), abs=1e-9)


def moments(parameter: Any) -> tuple[float, float]:
    """Mean and mean square over all entries, those that were set apart included."""
    whole = parameter.distribution
    mean, square = whole.mean, whole.mean_square
    for window, part in whole.parts:
        axis, start, stop = window
        share = (stop - start) / parameter.shape[axis]
        mean = mean * (1 - share) + part.mean * share
        square = square * (1 - share) + part.mean_square * share
    return mean, square
