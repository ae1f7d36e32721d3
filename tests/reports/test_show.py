from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from gradlint.findings import Span
from gradlint.reports import show_json, show_text
from gradlint.reports.show_text import Bounds
from gradlint.reports.style import Style
from gradlint.showing import (
    Showing,
    ShownChange,
    ShownHorizon,
    ShownIdle,
    ShownLayer,
    ShownMeasurement,
    ShownNetwork,
    ShownUnresolved,
)


def layer(name: str, gradient: float | None, **changes: object) -> ShownLayer:
    made = ShownLayer(
        name=name,
        kind="linear",
        class_name="torch.nn.Linear",
        span=Span("net.py", 5, 10, 5, 30),
        parameters=16512,
        weight_std=0.0510312,
        signal=0.33567,
        log10_gradient=gradient,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


NETWORK = ShownNetwork(
    name="Net",
    call="Net(depth=4)",
    span=Span("net.py", 20, 7, 20, 19),
    framework="torch",
    complete=True,
    parameters=66048,
    trainable_parameters=66048,
    layers=(layer("0", -4.2), layer("2", -2.8), layer("blocks.3.attention.projection.out", -1.4), layer("head", 0.0)),
    log10_gradient_ratio=-4.2,
    log10_gradient_ratio_rms=-4.1,
    verdict="vanishing",
    reason="",
    assumptions=(),
    unresolved=(),
)
UNRESOLVED = tuple(ShownUnresolved(Span("net.py", n, 5, n, 9), f"reason {n}", 30 - n) for n in range(1, 30))

NETWORKS = {
    "vanishing": NETWORK,
    "healthy": replace(
        NETWORK, verdict="healthy", log10_gradient_ratio=0.4, layers=(layer("0", 0.4), layer("1", 0.2), layer("2", 0.0))
    ),
    "exploding": replace(
        NETWORK, verdict="exploding", log10_gradient_ratio=math.inf, layers=(layer("0", math.inf), layer("1", 0.0))
    ),
    "measured": replace(
        NETWORK,
        layers=tuple(layer(str(n), -1.0 * n, measured_log10_gradient=m) for n, m in enumerate((-0.1, -math.inf, None))),
        measured=ShownMeasurement(-4.3, 5, ("shape (32, 8) assumed for x",)),
    ),
    "not measured": replace(NETWORK, measured=ShownMeasurement(None, reason="`magic` is not understood")),
    "dead": replace(
        NETWORK,
        verdict="dead",
        log10_gradient_ratio=-math.inf,
        reason="`0` gets no gradient at all",
        layers=(layer("0", -math.inf), layer("1", 0.0)),
    ),
    "unknown": replace(
        NETWORK,
        verdict="unknown",
        complete=False,
        parameters=None,
        trainable_parameters=None,
        log10_gradient_ratio=None,
        log10_gradient_ratio_rms=None,
        reason="the number of layers is not known",
        layers=(layer("0", None, parameters=None, weight_std=None, signal=None, span=None), layer("", None)),
        assumptions=("width 64 assumed for `hidden`",),
        unresolved=UNRESOLVED,
    ),
    "frozen": replace(NETWORK, trainable_parameters=100, span=None),
    "without layers": replace(NETWORK, layers=(), verdict="unknown", reason="there is no layer with weights"),
    "a long call": replace(NETWORK, call="Net(\n    " + "a_long_argument=1, " * 10 + ")"),
}

MENDED = replace(
    NETWORKS["healthy"],
    layers=(
        layer("0", 0.4, signal=1.96),
        layer("2", 0.3, signal=2.0),
        layer("blocks.3.attention.projection.out", 0.1, signal=2.0),
        layer("head", 0.0, signal=2.0),
    ),
)
RELU = ShownChange(("relu", "he"), 'nn.ReLU() with nn.init.kaiming_normal_(weight, nonlinearity="relu")', (), MENDED)
IDLE = ShownChange(("lstm",), "", (ShownIdle("lstm", "there is no recurrent layer of another kind"),), None)
PARTLY = ShownChange(
    ("skip", "forget-bias=3"),
    "a skip connection around each layer: x = x + layer(x)",
    (ShownIdle("forget-bias=3", "there is no LSTM or GRU layer with another bias"),),
    NETWORKS["dead"],
)
UNKNOWN = ShownChange(("batch-norm",), "nn.BatchNorm1d before each activation", (), NETWORKS["unknown"])
RECURRENT = replace(
    NETWORK,
    layers=(layer("lstm", -0.3, kind="recurrent", class_name="torch.nn.LSTM"), layer("head", 0.0)),
    verdict="healthy",
    log10_gradient_ratio=-0.3,
    horizons=(ShownHorizon("lstm", 9.4),),
)
FOREVER = replace(RECURRENT, horizons=(ShownHorizon("lstm", math.inf),))
WITH_CHANGES = {
    "one change": replace(NETWORK, what_if=(RELU,)),
    "two changes": replace(NETWORK, what_if=(RELU, PARTLY)),
    "more than fit side by side": replace(NETWORK, what_if=(RELU, PARTLY, RELU, UNKNOWN, IDLE)),
    "a change that does not apply": replace(NETWORK, what_if=(IDLE,)),
    "horizons": replace(
        RECURRENT, what_if=(ShownChange(("forget-bias=20",), "a forget gate bias of 20", (), FOREVER),)
    ),
    "without layers": replace(NETWORKS["without layers"], what_if=(IDLE,)),
}


def showing(*networks: ShownNetwork, **changes: object) -> Showing:
    made = Showing("net.py", networks, (), ())
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str, snapshot: SnapshotAssertion) -> None:
    text = show_text.render(showing(NETWORKS[name]), Bounds())
    assert text == snapshot
    assert max(len(line) for line in text.splitlines()) <= 80


@pytest.mark.parametrize("name", WITH_CHANGES)
def test_a_network_beside_what_it_would_be(name: str, snapshot: SnapshotAssertion) -> None:
    text = show_text.render(showing(WITH_CHANGES[name]), Bounds())
    assert text == snapshot
    assert max(len(line) for line in text.splitlines()) <= 80


def test_colours_do_not_move_columns() -> None:
    colored = show_text.render(showing(WITH_CHANGES["two changes"]), Bounds(), Style(enabled=True))
    plain = show_text.render(showing(WITH_CHANGES["two changes"]), Bounds())
    table = re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines()[:10]
    assert [line.rstrip() for line in table] == plain.splitlines()[:10]


def test_the_horizon_of_a_recurrent_layer_is_told() -> None:
    assert "gradient horizon of lstm: 9 steps" in show_text.render(showing(RECURRENT), Bounds())
    assert "gradient horizon of lstm: more than 10000 steps" in show_text.render(showing(FOREVER), Bounds())


def test_color(snapshot: SnapshotAssertion) -> None:
    assert show_text.render(showing(NETWORK), Bounds(), Style(enabled=True)) == snapshot


def test_bounds_decide_which_bars_are_red() -> None:
    wide = show_text.render(showing(NETWORK), Bounds(vanishing=-9.0), Style(enabled=True))
    assert wide.count("\x1b[32m") == len(NETWORK.layers)


def test_a_file_without_networks(snapshot: SnapshotAssertion) -> None:
    assert (
        show_text.render(showing(unresolved=UNRESOLVED[:2], notes=("evaluation was cut short",)), Bounds()) == snapshot
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_json(name: str, snapshot: SnapshotAssertion) -> None:
    assert show_json.render(showing(replace(NETWORKS[name], unresolved=NETWORKS[name].unresolved[:2]))) == snapshot


def test_changes_as_json(snapshot: SnapshotAssertion) -> None:
    assert show_json.render(showing(replace(WITH_CHANGES["two changes"], what_if=(PARTLY, IDLE)))) == snapshot


def test_changes_only_add_keys_to_the_json() -> None:
    (plain,) = json.loads(show_json.render(showing(NETWORK)))["networks"]
    (changed,) = json.loads(show_json.render(showing(WITH_CHANGES["one change"])))["networks"]
    assert changed.keys() - plain.keys() == {"what_if", "horizons"}
    assert {key: changed[key] for key in plain} == plain
    (change,) = changed["what_if"]
    assert list(change) == ["changes", "text", "without_effect", "network"]
    assert change["network"].keys() == plain.keys() | {"horizons"}


def test_json_has_the_documented_keys_and_no_other() -> None:
    content = json.loads(show_json.render(showing(NETWORKS["unknown"])))
    assert list(content) == ["version", "networks"]
    (network,) = content["networks"]
    assert list(network) == [
        "name",
        "call",
        "file",
        "line",
        "framework",
        "complete",
        "parameters",
        "trainable_parameters",
        "layers",
        "log10_gradient_ratio",
        "log10_gradient_ratio_rms",
        "verdict",
        "unresolved",
    ]
    assert list(network["layers"][0]) == [
        "name",
        "kind",
        "class",
        "file",
        "line",
        "parameters",
        "weight_std",
        "signal",
        "log10_gradient",
    ]
    assert list(network["unresolved"][0]) == ["file", "line", "reason"]
