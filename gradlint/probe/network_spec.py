"""A network as plain data: what travels to the child process instead of nodes that hold on to syntax trees."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradlint.network import Distribution, Network, Node, Parameter

CONVOLUTIONAL = "conv_lstm"
"""The kind of recurrent cell whose state is an image; see `gradlint.probe.convolutional`."""


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One tensor of parameters and how to draw it; see `gradlint.network.Distribution`.

    `registered` is false for a tensor that the forward pass uses but the network does not own. `parts` are
    later draws of some of the entries: their window (axis, start, stop) and what they are drawn from.
    """

    shape: tuple[int, ...] | None
    family: str
    mean: float
    std: float
    gain: float = 1.0
    trainable: bool = True
    registered: bool = True
    name: str = ""
    parts: tuple[tuple[tuple[int, int, int], ParameterSpec], ...] = ()


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node; `inputs` and `parameters` are positions in the lists of its network.

    `gradient` is false where gradients are not recorded.
    """

    kind: str
    inputs: tuple[int, ...]
    shape: tuple[int | None, ...] | None
    attributes: Mapping[str, Any]
    parameters: Mapping[str, int]
    name: str = ""
    class_name: str = ""
    gradient: bool = True

    def get(self, key: str, default: Any = None) -> Any:
        """The attribute `key`, or `default` when it is absent or not known."""
        value = self.attributes.get(key)
        return default if value is None else value

    @property
    def label(self) -> str:
        """A name for messages: of the layer, else of the function, else of the kind."""
        return self.name or self.class_name or self.kind


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network without its source: nodes in the order in which they run, and the parameters they use."""

    name: str
    framework: str
    dtype: str
    nodes: tuple[NodeSpec, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parameters: tuple[ParameterSpec, ...]
    weighted: tuple[int, ...]

    @property
    def size(self) -> int | None:
        """Number of parameters that it owns; None when a shape is not known."""
        shapes = [parameter.shape for parameter in self.parameters if parameter.registered]
        return None if None in shapes else sum(math.prod(shape) for shape in shapes if shape is not None)

    def to_plain(self) -> dict[str, Any]:
        """This network as lists, dictionaries, numbers and strings."""
        return {
            "name": self.name,
            "framework": self.framework,
            "dtype": self.dtype,
            "nodes": [
                [n.kind, n.inputs, n.shape, dict(n.attributes), dict(n.parameters), n.name, n.class_name, n.gradient]
                for n in self.nodes
            ],
            "inputs": self.inputs,
            "outputs": self.outputs,
            "parameters": [dataclasses.astuple(parameter) for parameter in self.parameters],
            "weighted": self.weighted,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> NetworkSpec:
        """The network that `to_plain` (after a trip through JSON) describes."""
        nodes = tuple(
            NodeSpec(kind, tuple(inputs), _tuples(shape), _tuples(attributes), *rest)
            for kind, inputs, shape, attributes, *rest in plain["nodes"]
        )
        return cls(
            plain["name"],
            plain["framework"],
            plain["dtype"],
            nodes,
            tuple(plain["inputs"]),
            tuple(plain["outputs"]),
            tuple(_parameter_from(row) for row in plain["parameters"]),
            tuple(plain["weighted"]),
        )


@dataclass(frozen=True, slots=True)
class Index:
    """Where the nodes and parameters of a network stand in its spec; holds the network, so identities last."""

    network: Network
    nodes: Mapping[int, int]
    parameters: Mapping[int, int]

    def node(self, node: Node | None) -> int | None:
        """The position of `node`, or None if it is no part of the network."""
        return None if node is None else self.nodes.get(id(node))

    def parameter(self, parameter: Parameter) -> int | None:
        """The position of `parameter`, or None if the network neither owns nor uses it."""
        return self.parameters.get(id(parameter))


def describe(network: Network, extra: Sequence[Parameter] = ()) -> tuple[NetworkSpec, Index]:
    """The plain description of `network`, and where each node and parameter stands in it."""
    nodes = {id(node): position for position, node in enumerate(network.nodes)}
    registered = {id(parameter) for parameter in network.parameters}
    found: dict[int, Parameter] = {}
    used = (parameter for node in network.nodes for parameter in node.parameters.values())
    for parameter in (*network.parameters, *used, *extra):
        found.setdefault(id(parameter), parameter)
    positions = {identity: position for position, identity in enumerate(found)}
    specs = _with_data_as_inputs([_node(node, nodes, positions) for node in network.nodes])
    own = {nodes[id(node)] for node in network.inputs if id(node) in nodes}
    spec = NetworkSpec(
        name=network.name,
        framework=str(network.framework),
        dtype=network.dtype,
        nodes=specs,
        inputs=tuple(position for position, node in enumerate(specs) if position in own or node.kind == "input"),
        outputs=tuple(nodes[id(node)] for node in network.outputs if id(node) in nodes),
        parameters=tuple(_parameter(parameter, id(parameter) in registered) for parameter in found.values()),
        weighted=tuple(nodes[id(node)] for node in network.weighted),
    )
    return spec, Index(network, nodes, positions)


def _with_data_as_inputs(nodes: Sequence[NodeSpec]) -> tuple[NodeSpec, ...]:
    """The nodes, with an input in place of whatever is not understood and depends on no parameter: it is data."""
    trained: list[bool] = []
    result = []
    for node in nodes:
        trained.append(bool(node.parameters) or any(trained[source] for source in node.inputs))
        if node.kind == "opaque" and not trained[-1]:
            node = dataclasses.replace(node, kind="input", inputs=(), attributes={"dtype": "float"})
        result.append(node)
    return tuple(result)


def _node(node: Node, nodes: Mapping[int, int], parameters: Mapping[int, int]) -> NodeSpec:
    return NodeSpec(
        kind=str(node.kind),
        inputs=tuple(nodes[id(source)] for source in node.inputs if id(source) in nodes),
        shape=None if node.shape is None else tuple(_plain(size) for size in node.shape),
        attributes={str(key): _plain(value) for key, value in node.attributes.items()},
        parameters={role: parameters[id(parameter)] for role, parameter in node.parameters.items()},
        name=node.name,
        class_name=node.class_name,
        gradient=node.gradient,
    )


def _parameter(parameter: Parameter, registered: bool) -> ParameterSpec:
    shape = None if parameter.shape is None else tuple(int(size) for size in parameter.shape)
    drawn = _drawn(parameter.distribution, shape)
    return dataclasses.replace(drawn, trainable=parameter.trainable, registered=registered, name=parameter.name)


def _drawn(distribution: Distribution, shape: tuple[int, ...] | None) -> ParameterSpec:
    numbers = (float(distribution.mean), float(distribution.std), float(distribution.gain))
    return ParameterSpec(
        shape,
        distribution.family,
        *numbers,
        parts=tuple(
            (window, _drawn(part, _windowed(shape, window)))
            for window, part in distribution.parts
            if window is not None and shape is not None
        ),
    )


def _windowed(shape: tuple[int, ...] | None, window: tuple[int, int, int]) -> tuple[int, ...]:
    axis, start, stop = window
    sizes = list(shape or ())
    sizes[axis] = stop - start
    return tuple(sizes)


def _parameter_from(row: Sequence[Any]) -> ParameterSpec:
    *values, parts = _tuples(row)
    drawn = tuple((window, _parameter_from(part)) for window, part in parts)
    return dataclasses.replace(ParameterSpec(*values), parts=drawn)


def _plain(value: Any) -> Any:
    """`value` in what JSON can carry; None for what is none of it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (tuple, list)):
        return tuple(_plain(item) for item in value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Distribution):
        return {"family": value.family, "mean": value.mean, "std": value.std, "gain": value.gain}
    return None


def _tuples(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value
