"""Changes to networks, and remedies: only what works is offered, and it works in PyTorch."""

from __future__ import annotations

import pytest
import torch

from gradlint.network import Framework, Kind, Network
from gradlint.propagation import (
    NAMES,
    UnknownTransformation,
    horizon_remedies,
    propagate,
    remedies,
    transform,
)
from gradlint.propagation.whatif import mend, wording
from tests import grids
from tests.graphs import Graph, mlp
from tests.grids import transformer
from tests.measuring import log10_ratio
from tests.sequences import CELLS, network

torch.set_num_threads(1)


def functions(net: Network) -> list[str]:
    return [str(n.get("function")) for n in net.nodes if n.kind is Kind.ACTIVATION]


def kinds(net: Network) -> list[Kind]:
    return [n.kind for n in net.nodes]


def test_an_activation_is_replaced_between_layers_but_not_behind_the_last() -> None:
    g = Graph()
    x = g.activation(g.linear(g.input(8, 20), 16), "sigmoid")
    x = g.activation(g.linear(x, 16), "sigmoid")
    g.activation(g.linear(x, 1), "sigmoid")
    assert functions(transform(g.network(), ["relu"])) == ["relu", "relu", "sigmoid"]


def test_gates_are_left_alone() -> None:
    g = Graph()
    x = g.linear(g.input(8, 20), 16)
    gated = g.multiply(g.activation(x, "tanh"), g.activation(g.linear(x, 16), "sigmoid"))
    g.linear(gated, 4)
    assert functions(transform(g.network(), ["relu"])) == ["tanh", "sigmoid"]


def test_an_initializer_reaches_all_weights_and_zeroes_biases() -> None:
    net = transform(mlp(4, 64), ["he"])
    for node in net.weighted:
        assert node.parameters["weight"].distribution.variance == pytest.approx(2 / node.get("in_features"))
        assert node.parameters["bias"].distribution.variance == 0.0


def test_the_old_network_stays_as_it_was() -> None:
    net = mlp(6, 32, "sigmoid")
    before = [p.distribution for p in net.parameters], functions(net), len(net.nodes)
    transform(net, ["relu", "he", "batchnorm", "skip"])
    assert ([p.distribution for p in net.parameters], functions(net), len(net.nodes)) == before


def test_normalization_stands_before_each_hidden_activation_and_counts_its_parameters() -> None:
    net = mlp(4, 32, "tanh")
    changed = transform(net, ["batchnorm"])
    order = [k for k in kinds(changed) if k in (Kind.NORMALIZATION, Kind.ACTIVATION)]
    assert order == [Kind.NORMALIZATION, Kind.ACTIVATION] * 3
    assert changed.parameter_count == (net.parameter_count or 0) + 3 * 64
    assert transform(changed, ["batchnorm"]).parameter_count == changed.parameter_count


def test_a_skip_connection_goes_around_layers_that_keep_the_shape() -> None:
    changed = transform(mlp(5, 32), ["skip"])
    assert kinds(changed).count(Kind.ADD) == 3
    assert kinds(transform(changed, ["skip"])).count(Kind.ADD) == 3


def test_residual_branches_are_scaled_and_the_stream_is_not() -> None:
    net = mlp(10, 32, "relu", "he_normal", skip=True)
    changed = transform(net, ["residual-scaling"])
    sums = [n.get("coefficients") for n in changed.nodes if n.kind is Kind.ADD]
    assert sums == [pytest.approx((1.0, 8**-0.5))] * 8


def test_another_cell_has_as_many_parameters_as_the_framework_gives_it() -> None:
    net = network(CELLS["nn.RNN"], 32)
    lstm = transform(net, ["lstm"])
    expected = sum(p.numel() for p in torch.nn.LSTM(32, 128).parameters()) + 128 * 10 + 10
    assert lstm.parameter_count == expected


def test_shared_weights_stay_shared() -> None:
    g = Graph()
    x = g.linear(g.input(8, 16), 16)
    y = g.node(Kind.LINEAR, g.activation(x, "relu"), shape=x.shape, parameters=dict(x.parameters), in_features=16)
    net = transform(g.network(y), ["he"])
    first, second = net.weighted
    assert first.parameters["weight"] is second.parameters["weight"]
    assert net.parameter_count == 16 * 16 + 16


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("batch-norm", "batchnorm"),
        ("BatchNorm", "batchnorm"),
        ("leaky-relu", "leaky_relu"),
        ("he_normal", "he"),
        ("glorot", "xavier"),
        ("swish", "silu"),
    ],
)
def test_names_may_be_spelt_as_people_do(written: str, meant: str) -> None:
    net = mlp(4, 32, "tanh")
    changed, expected = transform(net, [written]), transform(net, [meant])
    assert functions(changed) == functions(expected)
    assert kinds(changed) == kinds(expected)
    assert propagate(changed).log10_gradient_ratio == propagate(expected).log10_gradient_ratio


def test_a_number_behind_a_name() -> None:
    lstm = network(CELLS["nn.LSTM"], 32)
    horizons = [propagate(transform(lstm, [f"forget-bias={bias}"])).horizons[0].steps for bias in (0, 1, 3)]
    assert horizons == sorted(horizons)
    assert horizons[2] == propagate(transform(lstm, ["large-forget-bias"])).horizons[0].steps
    residual = mlp(10, 32, "relu", "he_normal", skip=True)
    (first, *_) = [
        n.get("coefficients") for n in transform(residual, ["residual-scale=0.1"]).nodes if n.kind is Kind.ADD
    ]
    assert first == (1.0, 0.1)


@pytest.mark.parametrize("word", ["relu=3", "forget-bias=", "forget-bias=much", "forget-bias=nan", ""])
def test_a_number_where_there_is_none_to_give(word: str) -> None:
    with pytest.raises(UnknownTransformation):
        transform(mlp(3), [word])


def test_a_change_that_does_nothing_is_told() -> None:
    net = mlp(6, 32, "relu", "he_normal")
    mended = mend(net, ["forget-bias", "relu", "he", "skip", "batch-norm"])
    assert [idle.word for idle in mended.idle] == ["forget-bias", "relu", "he"]
    assert kinds(mended.network).count(Kind.NORMALIZATION) == 5
    assert {idle.word for idle in mend(mended.network, ["skip", "batch-norm"]).idle} == {"skip", "batch-norm"}
    assert [idle.word for idle in mend(network(CELLS["nn.LSTM"], 8), ["lstm", "gru", "tanh"]).idle] == ["lstm", "tanh"]


def test_weights_are_drawn_for_the_layers_that_other_changes_leave() -> None:
    rnn = network(CELLS["nn.RNN"], 32)
    changed = mend(rnn, ["forget-bias=3", "lstm"])
    assert changed.idle == ()
    expected = propagate(transform(rnn, ["lstm", "forget-bias=3"])).horizons[0].steps
    assert propagate(changed.network).horizons[0].steps == expected


def test_parameters_of_a_replaced_activation_are_gone_and_those_of_a_new_one_counted() -> None:
    net = mlp(4, 32, "relu")
    with_slopes = transform(net, ["prelu"])
    assert with_slopes.parameter_count == (net.parameter_count or 0) + 3
    assert transform(with_slopes, ["relu"]).parameter_count == net.parameter_count


@pytest.mark.parametrize("framework", Framework)
@pytest.mark.parametrize("name", NAMES)
def test_every_change_has_words(name: str, framework: Framework) -> None:
    net = mlp(3)
    net.framework = framework
    text = wording([name], net)
    assert text
    assert "{" not in text
    if text.startswith("nn.") and text.endswith("()"):
        assert hasattr(torch.nn, text[3:-2])


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownTransformation, match="batchnorm"):
        transform(mlp(3), ["relux"])


@pytest.mark.parametrize("name", NAMES)
def test_every_name_leaves_a_network_that_can_be_propagated(name: str) -> None:
    for net in (mlp(6, 32, "tanh", skip=True), network(CELLS["nn.LSTM"], 8), transformer(2)):
        changed = transform(net, [name])
        assert propagate(changed).known
        order = {id(node): i for i, node in enumerate(changed.nodes)}
        assert all(order[id(operand)] < order[id(node)] for node in changed.nodes for operand in node.inputs)


def test_a_healthy_network_needs_no_remedy() -> None:
    net = mlp(5, 64, "relu", "he_normal")
    assert remedies(net, propagate(net)) == ()


def test_the_textbook_network_is_mended_in_the_words_of_keras() -> None:
    net = mlp(11, 128, "sigmoid", "keras")
    net.framework = Framework.KERAS
    first, *others = remedies(net, propagate(net))
    assert first.text == 'activation="relu" with kernel_initializer="he_normal"'
    assert first.predicted_log10 == pytest.approx(0.0, abs=0.3)
    assert "BatchNormalization() before each activation" in [other.text for other in others]


def test_and_in_the_words_of_torch() -> None:
    net = mlp(11, 128, "sigmoid", "torch")
    assert remedies(net, propagate(net))[0].text == (
        'nn.ReLU() with nn.init.kaiming_normal_(weight, nonlinearity="relu")'
    )


def test_normalization_is_no_remedy_where_it_makes_gradients_explode() -> None:
    net = mlp(60, 128, "relu", "torch")
    offered = remedies(net, propagate(net), most=10)
    assert offered
    assert all(set(r.names) != {"batchnorm"} for r in offered)


def test_residual_growth_is_not_mended_by_more_skip_connections() -> None:
    net = mlp(50, 128, "relu", "he_normal", skip=True)
    assert all("skip" not in r.names for r in remedies(net, propagate(net), most=10))


def test_all_that_is_offered_is_within_bounds() -> None:
    for _, net in grids.bad(12, seed=3):
        for offered in remedies(net, propagate(net)):
            assert propagate(transform(net, offered.names)).verdict == "healthy"


def test_remedies_for_a_short_horizon_reach_beyond_the_sequence() -> None:
    net = network(CELLS["nn.LSTM"], 32, steps=100)
    offered = horizon_remedies(net, 100)
    assert offered[0].names == ("large-forget-bias",)
    assert all((r.horizon or 0.0) >= 100 for r in offered)


@pytest.mark.slow
def test_first_remedies_bring_bad_networks_within_bounds_in_pytorch() -> None:
    small = [(n, net) for n, net in grids.bad(60, seed=5) if (net.parameter_count or 0) < 150_000][:20]
    assert len(small) == 20
    mended = 0
    for _, net in small:
        offered = remedies(net, propagate(net))
        assert offered
        mended += -3 < log10_ratio(offered[0].network, 3) < 3
    assert mended >= 19
