from __future__ import annotations

import math
from typing import Any

import pytest

from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Status
from gradlint.network import Network
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.measurement import Activity, Horizon, Layer, Measurement, ParameterFigures
from gradlint.probe.network_spec import Index, describe
from gradlint.probe.question import ask
from gradlint.probe.verdict import judge
from tests.graphs import mlp

NETWORK = mlp(3, width=8, function="sigmoid")
FIRST, MIDDLE, LAST = NETWORK.weighted


def index(network: Network = NETWORK) -> Index:
    return describe(network)[1]


def layer(node: Any, gradient: float, **figures: Any) -> Layer:
    usual = {"weight_norm": 0.0, "signal": 1.0, "correlation": 0.0, "difference": 1.0, "lost": 0.0}
    series = {name: (value,) for name, value in (usual | figures).items()}
    position = index().node(node)
    assert position is not None
    return Layer(position, node.name, gradient=(gradient,), weight_gradient=(gradient,), units=8, **series)


def measured(*gradients: float, **rest: Any) -> Measurement:
    figures = rest.pop("figures", {})
    layers = tuple(layer(node, g, **figures) for node, g in zip(NETWORK.weighted, gradients, strict=False))
    return Measurement(seeds=5, batch=32, layers=layers, **rest)


def status(claim: Claim, measurement: Measurement, plain: Measurement | None = None) -> Status:
    return judge(ask(NETWORK, claim), measurement, plain).status


def position(node: Any) -> int:
    found = index().node(node)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("gradients", "expected"),
    [
        ((-6.0, -3.0, 0.0), Status.CONFIRMED),
        ((-2.8, -1.0, 0.0), Status.CONFIRMED),  # within a factor of two of the threshold
        ((-2.5, -1.0, 0.0), Status.REFUTED),
        ((-math.inf, -math.inf, 0.0), Status.CONFIRMED),
        ((-9.0, -9.0, -9.0), Status.REFUTED),  # small everywhere is not vanishing
    ],
)
def test_vanishing(gradients: tuple[float, ...], expected: Status) -> None:
    assert status(Claim(ClaimKind.VANISHING, -6.0), measured(*gradients)) is expected


@pytest.mark.parametrize(("ratio", "expected"), [(-2.9, Status.CONFIRMED), (-2.0, Status.REFUTED), (-2.5, None)])
def test_what_was_assumed_may_make_it_too_close_to_tell(ratio: float, expected: Status | None) -> None:
    claim, figures = Claim(ClaimKind.VANISHING), measured(ratio, 0.0, 0.0, slack=0.3, assumptions=("smaller images",))
    if expected is not None:
        assert status(claim, figures) is expected
        return
    with pytest.raises(NotMeasurable, match="smaller images"):
        status(claim, figures)


def test_the_figures_stand_side_by_side() -> None:
    found = judge(ask(NETWORK, Claim(ClaimKind.VANISHING, -6.8)), measured(-6.0, -3.0, 1.0))
    assert (found.predicted_log10, found.measured_log10, found.seeds) == (-6.8, -7.0, 5)
    assert found.reason == ""


def test_a_claim_may_name_its_layers() -> None:
    claim = Claim(ClaimKind.VANISHING, layer=MIDDLE, reference=LAST)
    assert judge(ask(NETWORK, claim), measured(-9.0, -4.0, 0.0)).measured_log10 == -4.0


@pytest.mark.parametrize(
    ("gradients", "finite", "expected"),
    [
        ((4.0, 2.0, 0.0), True, Status.CONFIRMED),
        ((2.0, 1.0, 0.0), True, Status.REFUTED),
        ((math.inf, 2.0, 0.0), False, Status.CONFIRMED),
        ((math.nan, math.nan, math.nan), False, Status.CONFIRMED),
    ],
)
def test_exploding(gradients: tuple[float, ...], finite: bool, expected: Status) -> None:
    assert status(Claim(ClaimKind.EXPLODING, 4.0), measured(*gradients, finite=finite)) is expected


@pytest.mark.parametrize(("finite", "expected"), [(False, Status.CONFIRMED), (True, Status.REFUTED)])
def test_overflow(finite: bool, expected: Status) -> None:
    assert status(Claim(ClaimKind.OVERFLOW), measured(0.0, 0.0, 0.0, finite=finite)) is expected


def parameters(*blocked: bool, still: bool | None = None, finite: bool = True) -> tuple[ParameterFigures, ...]:
    return tuple(ParameterFigures(p, b, finite, still) for p, b in enumerate(blocked))


def test_blocked_speaks_of_all_named_parameters() -> None:
    weight, bias = FIRST.parameters["weight"], FIRST.parameters["bias"]
    figures = measured(0.0, 0.0, 0.0, parameters=parameters(True, False, False, False, False, False))
    assert status(Claim(ClaimKind.BLOCKED, parameters=(weight,)), figures) is Status.CONFIRMED
    assert status(Claim(ClaimKind.BLOCKED, parameters=(weight, bias)), figures) is Status.REFUTED
    assert status(Claim(ClaimKind.BLOCKED), figures) is Status.REFUTED


def test_untrained_is_what_a_step_leaves_alone() -> None:
    weight = (FIRST.parameters["weight"],)
    for still, expected in ((True, Status.CONFIRMED), (False, Status.REFUTED)):
        figures = measured(0.0, 0.0, 0.0, parameters=parameters(False, still=still))
        assert status(Claim(ClaimKind.UNTRAINED, parameters=weight), figures) is expected


def test_not_a_number() -> None:
    fine = measured(0.0, 0.0, 0.0, parameters=parameters(False))
    bad = measured(0.0, 0.0, 0.0, parameters=parameters(False, finite=False))
    assert status(Claim(ClaimKind.NAN), fine) is Status.REFUTED
    assert status(Claim(ClaimKind.NAN), bad) is Status.CONFIRMED
    assert status(Claim(ClaimKind.NAN), measured(math.nan, 0.0, 0.0)) is Status.CONFIRMED


@pytest.mark.parametrize(
    ("share", "expected"), [(0.9, Status.CONFIRMED), (0.45, Status.CONFIRMED), (0.3, Status.REFUTED)]
)
def test_dead_and_saturated_shares(share: float, expected: Status) -> None:
    activity = Activity(position(FIRST) + 1, position(FIRST), "relu", (share,), (share,))
    figures = measured(0.0, 0.0, 0.0, activities=(activity,))
    assert status(Claim(ClaimKind.DEAD), figures) is expected
    assert status(Claim(ClaimKind.SATURATED, layer=FIRST), figures) is expected


@pytest.mark.parametrize(("value", "expected"), [(0.9999, Status.CONFIRMED), (0.7, Status.REFUTED)])
def test_collapsed(value: float, expected: Status) -> None:
    figures = measured(0.0, 0.0, 0.0, figures={"correlation": value})
    assert status(Claim(ClaimKind.COLLAPSED), figures) is expected


@pytest.mark.parametrize(("value", "expected"), [(0.0, Status.CONFIRMED), (0.99, Status.REFUTED)])
def test_symmetric(value: float, expected: Status) -> None:
    figures = measured(0.0, 0.0, 0.0, figures={"difference": value})
    assert status(Claim(ClaimKind.SYMMETRIC, layer=MIDDLE), figures) is expected


@pytest.mark.parametrize(("with_it", "expected"), [(-2.0, Status.CONFIRMED), (-0.05, Status.REFUTED)])
def test_attenuated_is_against_its_absence(with_it: float, expected: Status) -> None:
    claim = Claim(ClaimKind.ATTENUATED, layer=NETWORK.nodes[2])
    assert status(claim, measured(with_it, 0.0, 0.0), measured(0.0, 0.0, 0.0)) is expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [(9.0, Status.CONFIRMED), (34.0, Status.CONFIRMED), (40.0, Status.REFUTED), (math.inf, Status.REFUTED)],
)
def test_a_horizon_shorter_than_the_sequence(steps: float, expected: Status) -> None:
    figures = measured(0.0, horizons=(Horizon(1, "rnn", (steps,), 256),))
    assert status(Claim(ClaimKind.SHORT_HORIZON, threshold=30), figures) is expected


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (((1.0, 5.0), (1.0, 9.0), (1.0, 0.5)), Status.CONFIRMED),
        (((1.0, math.nan),), Status.CONFIRMED),
        (((1.0, math.inf),), Status.CONFIRMED),
        (((1.0, 0.9), (1.0, 0.8), (1.0, 3.0)), Status.REFUTED),
    ],
)
def test_overshoot_is_a_loss_that_rises(losses: tuple[tuple[float, float], ...], expected: Status) -> None:
    assert status(Claim(ClaimKind.OVERSHOOT), measured(0.0, losses=losses)) is expected


@pytest.mark.parametrize(("share", "expected"), [(0.5, Status.CONFIRMED), (0.001, Status.REFUTED)])
def test_underflow(share: float, expected: Status) -> None:
    figures = measured(0.0, figures={"lost": share})
    assert status(Claim(ClaimKind.UNDERFLOW), figures) is expected


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (Claim(ClaimKind.DEAD), "no rectified units"),
        (Claim(ClaimKind.SHORT_HORIZON, threshold=5), "no recurrent layer"),
        (Claim(ClaimKind.OVERSHOOT), "no steps"),
    ],
)
def test_a_measurement_that_says_nothing_about_the_claim(claim: Claim, reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason):
        judge(ask(NETWORK, claim), measured(0.0, 0.0, 0.0))


def test_no_gradient_anywhere_is_not_a_vanishing_one() -> None:
    nothing = measured(-math.inf, -math.inf, -math.inf)
    with pytest.raises(NotMeasurable, match="no gradient at either layer"):
        judge(ask(NETWORK, Claim(ClaimKind.VANISHING)), nothing)


def test_every_kind_of_claim_has_its_test() -> None:
    from gradlint.probe.verdict import _TESTS

    assert set(_TESTS) == set(ClaimKind)
