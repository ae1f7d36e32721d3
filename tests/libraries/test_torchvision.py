"""torchvision's own source, read without importing it: every parameter is counted, nearly all networks are complete."""

from __future__ import annotations

from collections import defaultdict

import pytest

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.sources import SourceLoader
from tests.libraries.published import Builder, torchvision_builders

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def readings() -> dict[str, list[tuple[Builder, Evaluation]]]:
    """Each family of tasks with its builders, and what evaluating them gives."""
    evaluator = Evaluator(SourceLoader())
    found: dict[str, list[tuple[Builder, Evaluation]]] = defaultdict(list)
    for builder in torchvision_builders():
        source = evaluator.modules.loader.load(builder.file)
        assert source is not None
        found[builder.family].append((builder, evaluator.evaluate(source, builder.call)))
    return found


def exact(pairs: list[tuple[Builder, Evaluation]]) -> float:
    return sum(evaluation.networks[0].parameter_count == builder.parameters for builder, evaluation in pairs) / len(
        pairs
    )


def complete(pairs: list[tuple[Builder, Evaluation]]) -> float:
    return sum(evaluation.networks[0].complete for _, evaluation in pairs) / len(pairs)


def test_classification_networks_have_the_published_number_of_parameters(
    readings: dict[str, list[tuple[Builder, Evaluation]]],
) -> None:
    assert len(readings["classification"]) >= 70
    assert exact(readings["classification"]) >= 0.95


def test_classification_networks_are_complete(readings: dict[str, list[tuple[Builder, Evaluation]]]) -> None:
    assert complete(readings["classification"]) >= 0.90


# The published segmentation networks have an auxiliary head that the builders leave out by default.
@pytest.mark.parametrize("family", ["detection", "video"])
def test_other_networks_have_the_published_number_of_parameters(
    family: str, readings: dict[str, list[tuple[Builder, Evaluation]]]
) -> None:
    assert exact(readings[family]) >= 0.9
