"""What follows a layer, which activations are hidden, what is a gate, what is a skip connection."""

from __future__ import annotations

from gradlint.network import Node
from gradlint.propagation.structure import Structure
from tests.graphs import Graph


def dense(g: Graph, x: Node, function: str = "relu") -> Node:
    return g.activation(g.linear(x, 16), function)


def test_hidden_activations_stand_between_layers() -> None:
    g = Graph()
    first = dense(g, g.activation(g.input(4, 16), "tanh"))
    second = dense(g, first, "sigmoid")
    output = dense(g, second, "sigmoid")
    assert Structure(g.network(output)).hidden == (first, second)


def test_a_gate_is_not_hidden() -> None:
    g = Graph()
    x = dense(g, g.input(4, 16))
    gate = dense(g, x, "sigmoid")
    carry = g.add(gate, coefficients=[-1.0], constant=1.0)
    mixed = g.add(g.multiply(gate, dense(g, x, "tanh")), g.multiply(carry, x))
    structure = Structure(g.network(g.linear(mixed, 2)))
    assert structure.is_gate(gate)
    assert [node.get("function") for node in structure.hidden] == ["relu"]


def test_a_sum_of_gates_is_a_gate() -> None:
    g = Graph()
    x = dense(g, g.input(4, 16))
    gates = [dense(g, x, "sigmoid") for _ in range(2)]
    structure = Structure(g.network(g.linear(g.multiply(g.add(*gates), x), 2)))
    assert all(structure.is_gate(gate) for gate in gates)


def test_a_branch_that_is_added_is_no_gate() -> None:
    g = Graph()
    x = dense(g, g.input(4, 16))
    branch = dense(g, x, "sigmoid")
    structure = Structure(g.network(g.linear(g.add(x, branch), 2)))
    assert branch in structure.hidden
    assert len(structure.additions) == 1


def test_layer_and_activation_find_each_other_through_normalization_and_dropout() -> None:
    g = Graph()
    layer = g.linear(g.input(4, 16), 16)
    activation = g.activation(g.dropout(g.norm(layer), 0.1), "relu")
    structure = Structure(g.network(g.linear(activation, 2)))
    assert structure.layer_of(activation) is layer
    assert structure.activation_of(layer) is activation
    assert structure.normalized_before(activation)


def test_an_input_that_is_added_is_no_skip_connection() -> None:
    g = Graph()
    x = g.input(4, 16)
    output = g.linear(g.add(x, g.linear(x, 16)), 2)
    assert Structure(g.network(output)).additions == ()


def test_a_softmax_between_layers_is_told_from_attention_and_routing() -> None:
    g = Graph()
    x = dense(g, g.input(4, 16))
    plain = dense(g, x, "softmax")
    structure = Structure(g.network(g.linear(plain, 2)))
    assert structure.softmaxes == (plain,)

    g = Graph()
    x = dense(g, g.input(4, 8, 16))
    scores = g.activation(g.linear(x, 8), "softmax", axis=-1)
    structure = Structure(g.network(g.linear(g.matmul(scores, x), 2)))
    assert structure.softmaxes == ()

    g = Graph()
    x = dense(g, g.input(4, 16))
    structure = Structure(g.network(dense(g, x, "softmax")))
    assert structure.softmaxes == ()
