"""The changes that can be made to a network, as rules for rewriting it."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradlint.network import ONES, ZEROS, Distribution, Kind, Network, Node, Parameter
from gradlint.network.activations import SOFTMAX_LIKE
from gradlint.propagation.context import is_zero
from gradlint.propagation.geometry import axis_size
from gradlint.propagation.whatif.rewriting import Rewriting, Rule

NO_REPLACEMENT = SOFTMAX_LIKE | {
    "linear",
    "glu",
    "pow",
    "sqrt",
    "rsqrt",
    "square",
    "reciprocal",
    "abs",
    "clamp",
    "log",
    "sign",
}
"""Functions that are no activation of a hidden layer: they are neither replaced nor put in place of one."""

Draw = Callable[[float, float, float], Distribution]
"""What an initializer draws from, by fan-in, fan-out and number of units."""
_THROUGH = frozenset({Kind.NORMALIZATION, Kind.DROPOUT})
_PRELU_SLOPE = 0.25


def _hidden(rewriting: Rewriting, node: Node) -> bool:
    """Whether a node is an activation between weighted layers, and neither a gate nor part of attention."""
    if node.kind is not Kind.ACTIVATION or node.get("function") in NO_REPLACEMENT:
        return False
    users = rewriting.users.get(id(node), [])
    return not any(user.kind is Kind.MULTIPLY for user in users) and rewriting.leads_to_weights(node)


def _layer_behind(node: Node) -> Node | None:
    """The weighted layer that an activation belongs to, through normalization and dropout."""
    while node.inputs:
        node = node.inputs[0]
        if node.kind in (Kind.LINEAR, Kind.CONVOLUTION):
            return node
        if node.kind not in _THROUGH:
            return None
    return None


def activation(function: str) -> Rule:
    """Another function in place of every activation between weighted layers that is no gate."""

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        if not _hidden(rewriting, old) or old.get("function") == function:
            return None
        copy.attributes = {"function": function}
        copy.parameters = {}
        if function == "prelu":
            slope = Parameter((1,), Distribution("constant", _PRELU_SLOPE, 0.0, "constant"))
            copy.parameters = {"weight": rewriting.adopt(slope)}
        return None

    return rule


def _fans(node: Node) -> tuple[float, float, float]:
    """Fan-in, fan-out and number of units of a layer."""
    if node.kind is Kind.LINEAR:
        fan_in = float(node.get("in_features") or axis_size(node.inputs[0].shape, -1))
        units = float(node.get("out_features") or axis_size(node.shape, -1))
        return fan_in, units, units
    area = math.prod(node.get("kernel_size", (1,)))
    groups = max(int(node.get("groups", 1) or 1), 1)
    units = float(node.get("out_channels") or axis_size(node.shape, node.get("channel_axis", 1)))
    channels = float(node.get("in_channels") or axis_size(node.inputs[0].shape, node.get("channel_axis", 1)))
    return max(channels // groups, 1.0) * area, units * area / groups, units


def he(fan_in: float, fan_out: float, units: float) -> Distribution:
    """He et al. 2015: variance 2 / fan-in."""
    return Distribution("normal", 0.0, math.sqrt(2.0 / fan_in), "he", math.sqrt(2.0))


def xavier(fan_in: float, fan_out: float, units: float) -> Distribution:
    """Glorot and Bengio 2010: variance 2 / (fan-in + fan-out)."""
    return Distribution("uniform", 0.0, math.sqrt(2.0 / (fan_in + fan_out)), "xavier")


def lecun(fan_in: float, fan_out: float, units: float) -> Distribution:
    """LeCun et al. 1998: variance 1 / fan-in."""
    return Distribution("normal", 0.0, math.sqrt(1.0 / fan_in), "lecun")


def orthogonal(fan_in: float, fan_out: float, units: float) -> Distribution:
    """Saxe et al. 2014: a matrix with orthonormal rows or columns."""
    return Distribution("orthogonal", 0.0, 1.0 / math.sqrt(max(fan_in, units)), "orthogonal")


def initializer(make: Draw) -> Rule:
    """Draw the weights of every linear and convolution layer anew, and start its biases at zero."""

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        if old.kind not in (Kind.LINEAR, Kind.CONVOLUTION) or "weight" not in old.parameters:
            return None
        current = old.parameters["weight"].distribution
        if current.scheme == "reparametrized" or (is_zero(current) and not _between_layers(rewriting, old)):
            return None
        rewriting.initialize(copy, "weight", make(*_fans(old)))
        rewriting.initialize(copy, "bias", ZEROS)
        return None

    return rule


def _between_layers(rewriting: Rewriting, node: Node) -> bool:
    """Whether an activation of this layer is followed by more layers: zero weights there are no design."""
    return any(_hidden(rewriting, user) for user in rewriting.users.get(id(node), []))


def normalization(kind: str) -> Rule:
    """Put a normalization before every hidden activation whose layer has none."""

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        layer = _layer_behind(old) if _hidden(rewriting, old) else None
        if layer is None or layer is not old.inputs[0] or layer.shape is None:
            return None
        rank = len(layer.shape)
        channel = layer.get("channel_axis", 1) % rank if layer.kind is Kind.CONVOLUTION else rank - 1
        # torch's layer norm wants the channels last: over images its place is taken by one group of all channels.
        single = kind == "layer" and layer.kind is Kind.CONVOLUTION and channel == 1
        axes = tuple(a for a in range(rank) if a != channel) if kind == "batch" else (channel,)
        size = (layer.shape[channel],)
        parameters = {"weight": Parameter(size, ONES)}
        if kind != "rms":
            parameters["bias"] = Parameter(size, ZEROS)
        attributes: dict[str, object] = {"type": kind, "epsilon": 1e-5, "axes": axes, "channel_axis": channel}
        if single:
            attributes |= {"type": "group", "groups": 1, "axes": tuple(range(1, rank))}
        norm = rewriting.add(Kind.NORMALIZATION, copy.inputs, attributes, layer, parameters)
        return rewriting.add(Kind.ACTIVATION, (norm,), old.attributes, old, copy.parameters)

    return rule


def skip(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
    """Add its input to every block of one weighted layer and one activation that keeps the shape."""
    layer = _layer_behind(old) if _hidden(rewriting, old) else None
    if layer is None or old.shape is None or layer.inputs[0].shape != old.shape:
        return None
    if any(user.kind is Kind.ADD for user in rewriting.users.get(id(old), [])):
        return None
    shortcut = rewriting.copies[id(layer.inputs[0])]
    return rewriting.add(Kind.ADD, (shortcut, copy), {"coefficients": (1.0, 1.0)}, old)


def branches(network: Network) -> dict[int, tuple[int, ...]]:
    """For each residual addition, which of its inputs are branches: those that another input leads to."""
    found: dict[int, tuple[int, ...]] = {}
    for node in network.nodes:
        if node.kind is Kind.ADD and len(node.inputs) > 1:
            leading = [_ancestors(operand) for operand in node.inputs]
            branches = tuple(
                i
                for i, _ in enumerate(node.inputs)
                if any(j != i and id(other) in leading[i] for j, other in enumerate(node.inputs))
            )
            if branches:
                found[id(node)] = branches
    return found


def _ancestors(node: Node, limit: int = 64) -> set[int]:
    """What leads to a node, as far back as a residual block reaches."""
    seen: set[int] = set()
    stack = [node]
    while stack and len(seen) < limit:
        for operand in stack.pop(0).inputs:
            if id(operand) not in seen:
                seen.add(id(operand))
                stack.append(operand)
    return seen


def residual_scaling(network: Network, scale: float | None = None) -> Rule:
    """Multiply every residual branch by a number, 1 / sqrt(number of branches) where none is given."""
    found = branches(network)
    factor = 1.0 / math.sqrt(max(len(found), 1)) if scale is None else scale

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        if id(old) in found:
            given = old.get("coefficients") or (1.0,) * len(old.inputs)
            scaled = tuple(a * factor if i in found[id(old)] else a for i, a in enumerate(given))
            copy.attributes = {**old.attributes, "coefficients": scaled}
        return None

    return rule
