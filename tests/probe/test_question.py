from __future__ import annotations

import pickle

import pytest

from gradlint.claims import Claim, ClaimKind, Step
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.question import ask, questions
from tests.graphs import mlp

NETWORK, OTHER = mlp(3, width=8), mlp(3, width=16)
FIRST, LAST = NETWORK.weighted[0], NETWORK.weighted[-1]


def test_layers_and_parameters_become_positions() -> None:
    held = tuple(LAST.parameters.values())
    claim = Claim(
        ClaimKind.UNTRAINED, layer=FIRST, reference=LAST, parameters=(FIRST.parameters["weight"],),
        step=Step("Adam", 0.1, {"betas": (0.9, 0.99), "foreach": None}, held),
    )  # fmt: skip
    found = ask(NETWORK, claim)
    assert (found.layer, found.reference) == (NETWORK.nodes.index(FIRST), NETWORK.nodes.index(LAST))
    assert found.parameters == (0,)
    assert found.concerned == (0,)
    assert found.step is not None
    assert found.step.held == (4, 5)
    assert found.step.options == {"betas": (0.9, 0.99)}


def test_a_question_can_be_pickled() -> None:
    found = ask(NETWORK, Claim(ClaimKind.VANISHING, -4.0))
    assert pickle.loads(pickle.dumps(found)) == found


def test_without_names_all_trainable_parameters_are_concerned() -> None:
    network = mlp(2, width=8)
    network.parameters[0].trainable = False
    assert ask(network, Claim(ClaimKind.BLOCKED)).concerned == (1, 2, 3)


def test_a_claim_is_asked_of_the_network_that_it_speaks_of() -> None:
    by_layer = Claim(ClaimKind.VANISHING, layer=OTHER.weighted[1])
    by_parameter = Claim(ClaimKind.BLOCKED, parameters=(OTHER.weighted[1].parameters["weight"],))
    by_nothing = Claim(ClaimKind.OVERFLOW)
    asked = questions((NETWORK, OTHER), (by_layer, by_parameter, by_nothing))
    assert [question.network.parameters[0].shape for question in asked] == [(16, 20), (16, 20), (8, 20)]
    assert questions((), (by_layer,)) == ()


@pytest.mark.parametrize(
    "claim",
    [
        Claim(ClaimKind.BLOCKED, parameters=(OTHER.weighted[0].parameters["weight"],)),
        Claim(ClaimKind.VANISHING, layer=OTHER.weighted[0]),
        Claim(ClaimKind.VANISHING, reference=OTHER.weighted[0]),
    ],
)
def test_what_is_no_part_of_the_network_is_an_obstacle(claim: Claim) -> None:
    assert "no part of the network" in ask(NETWORK, claim).obstacle


def test_a_kind_without_a_usual_threshold_needs_one() -> None:
    assert ask(NETWORK, Claim(ClaimKind.VANISHING)).limit == -3.0
    assert ask(NETWORK, Claim(ClaimKind.SHORT_HORIZON, threshold=30)).limit == 30
    with pytest.raises(NotMeasurable, match="no number"):
        _ = ask(NETWORK, Claim(ClaimKind.OVERSHOOT)).limit
