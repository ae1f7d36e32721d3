from __future__ import annotations

import json
import math

from gradlint.network import ZEROS, Distribution, Kind, Origin, Parameter
from gradlint.probe.network_spec import NetworkSpec, describe
from tests.graphs import Graph, mlp


class _Source:
    name = "model.py"

    def span(self, syntax: object) -> object:
        raise AssertionError("the source must not be asked")


def travelled(spec: NetworkSpec) -> NetworkSpec:
    return NetworkSpec.from_plain(json.loads(json.dumps(spec.to_plain())))


def test_a_network_survives_the_trip_as_json() -> None:
    spec, _ = describe(mlp(4, norm="batch", skip=True))
    assert travelled(spec) == spec


def test_positions_of_nodes_and_parameters_are_those_of_the_network() -> None:
    network = mlp(3)
    spec, index = describe(network)
    first = network.weighted[0]
    position = index.node(first)
    assert position is not None
    assert spec.nodes[position].name == first.name
    weight = index.parameter(first.parameters["weight"])
    assert spec.nodes[position].parameters["weight"] == weight
    assert spec.weighted == tuple(index.node(node) for node in network.weighted)


def test_no_source_handle_travels() -> None:
    network = mlp(2)
    origin = Origin(_Source(), object())  # type: ignore[arg-type]
    network.origin = origin
    for node in network.nodes:
        node.origin = origin
        for parameter in node.parameters.values():
            parameter.origin = origin
    assert "object at" not in json.dumps(describe(network)[0].to_plain())


def test_a_shared_parameter_is_one_parameter() -> None:
    g = Graph()
    x = g.input(4, 8)
    first = g.linear(x, 8)
    second = g.linear(first, 8)
    second.parameters = first.parameters
    spec, _ = describe(g.network())
    positions = [node.parameters["weight"] for node in spec.nodes if node.kind == "linear"]
    assert positions[0] == positions[1]


def test_an_unregistered_parameter_is_told_from_the_others() -> None:
    g = Graph()
    g.linear(g.input(4, 8), 8)
    network = g.network()
    stranger = Parameter((3,), ZEROS)
    spec, index = describe(network, (stranger,))
    position = index.parameter(stranger)
    assert position is not None
    assert not spec.parameters[position].registered
    assert spec.parameters[0].registered


def test_parts_of_a_parameter_travel_with_their_windows() -> None:
    forget = Distribution("constant", 1.0, 0.0, "constant")
    whole = Distribution("uniform", 0.0, 0.1, "torch", parts=(((0, 4, 8), forget), (None, forget)))
    g = Graph(lambda i, o: (whole, whole))
    g.linear(g.input(2, 16), 16)
    parts = travelled(describe(g.network())[0]).parameters[1].parts
    assert [(window, part.shape, part.mean) for window, part in parts] == [((0, 4, 8), (4,), 1.0)]


def test_an_attribute_that_is_no_plain_value_counts_as_unknown() -> None:
    g = Graph()
    g.activation(g.input(2, 3), "relu", maximum=object(), threshold=math.inf)
    node = travelled(describe(g.network())[0]).nodes[-1]
    assert node.get("maximum", 6.0) == 6.0
    assert node.get("threshold") == math.inf


def test_what_is_not_understood_and_depends_on_no_parameter_is_data() -> None:
    g = Graph()
    data = g.opaque(g.node(Kind.CONSTANT, shape=(4, 8)), "a batch of a loader")
    g.opaque(g.linear(data, 3), "something done to the output")
    spec, _ = describe(g.network())
    assert [node.kind for node in spec.nodes] == ["constant", "input", "linear", "opaque"]
    assert spec.inputs == (1,)
