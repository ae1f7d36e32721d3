"""The named changes that can be made to a network, as in `gradlint show --what-if relu,he`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gradlint.network import ONES, ZEROS, Distribution, Kind, Network, Node, Parameter
from gradlint.network.activations import NAMES as ACTIVATIONS
from gradlint.network.activations import SOFTMAX_LIKE
from gradlint.propagation.context import is_zero
from gradlint.propagation.geometry import axis_size
from gradlint.propagation.whatif.recurrent import forget_bias, orthogonal_kernel, recurrent_cell
from gradlint.propagation.whatif.rewriting import Rewriting, Rule

_NO_REPLACEMENT = SOFTMAX_LIKE | {
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
}
_THROUGH = frozenset({Kind.NORMALIZATION, Kind.DROPOUT})


class UnknownTransformation(ValueError):
    """A name that stands for no transformation; the sentence lists those there are."""


def _hidden(rewriting: Rewriting, node: Node) -> bool:
    """Whether a node is an activation between weighted layers, and neither a gate nor part of attention."""
    if node.kind is not Kind.ACTIVATION or node.get("function") in _NO_REPLACEMENT:
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


def _activation(function: str, _: Network) -> Rule:
    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        if not _hidden(rewriting, old) or old.get("function") == function:
            return None
        copy.attributes = {"function": function}
        copy.parameters = {}
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


def _he(fan_in: float, fan_out: float, units: float) -> Distribution:
    return Distribution("normal", 0.0, math.sqrt(2.0 / fan_in), "he", math.sqrt(2.0))


def _xavier(fan_in: float, fan_out: float, units: float) -> Distribution:
    return Distribution("uniform", 0.0, math.sqrt(2.0 / (fan_in + fan_out)), "xavier")


def _lecun(fan_in: float, fan_out: float, units: float) -> Distribution:
    return Distribution("normal", 0.0, math.sqrt(1.0 / fan_in), "lecun")


def _orthogonal(fan_in: float, fan_out: float, units: float) -> Distribution:
    return Distribution("orthogonal", 0.0, 1.0 / math.sqrt(max(fan_in, units)), "orthogonal")


def _initializer(make: Callable[[float, float, float], Distribution]) -> Rule:
    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        if old.kind not in (Kind.LINEAR, Kind.CONVOLUTION) or "weight" not in old.parameters:
            return None
        current = old.parameters["weight"].distribution
        if is_zero(current) and not _between_layers(rewriting, old):
            return None
        rewriting.initialize(copy, "weight", make(*_fans(old)))
        rewriting.initialize(copy, "bias", ZEROS)
        return None

    return rule


def _between_layers(rewriting: Rewriting, node: Node) -> bool:
    """Whether an activation of this layer is followed by more layers: zero weights there are no design."""
    return any(_hidden(rewriting, user) for user in rewriting.users.get(id(node), []))


def _normalization(kind: str) -> Rule:
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


def _skip(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
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


def _residual_scaling(network: Network) -> Rule:
    """Multiply every residual branch by 1 / sqrt(number of branches)."""
    found = branches(network)
    factor = 1.0 / math.sqrt(max(len(found), 1))

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        if id(old) in found:
            given = old.get("coefficients") or (1.0,) * len(old.inputs)
            scaled = tuple(a * factor if i in found[id(old)] else a for i, a in enumerate(given))
            copy.attributes = {**old.attributes, "coefficients": scaled}
        return None

    return rule


_RULES: Mapping[str, Callable[[Network], Rule]] = {
    **{name: partial(_activation, name) for name in sorted(ACTIVATIONS - _NO_REPLACEMENT)},
    "he": lambda _: _initializer(_he),
    "xavier": lambda _: _initializer(_xavier),
    "lecun": lambda _: _initializer(_lecun),
    "orthogonal": lambda _: _initializer(_orthogonal),
    "batchnorm": lambda _: _normalization("batch"),
    "layernorm": lambda _: _normalization("layer"),
    "rmsnorm": lambda _: _normalization("rms"),
    "skip": lambda _: _skip,
    "residual-scaling": _residual_scaling,
    "rnn": lambda _: recurrent_cell("rnn"),
    "lstm": lambda _: recurrent_cell("lstm"),
    "gru": lambda _: recurrent_cell("gru"),
    "forget-bias": lambda _: forget_bias(1.0),
    "large-forget-bias": lambda _: forget_bias(3.0),
    "orthogonal-recurrent": lambda _: orthogonal_kernel(),
}
NAMES = tuple(_RULES)


def transform(network: Network, names: Sequence[str]) -> Network:
    """The network with these changes made, one after the other; the order is that of `names`.

    Raises:
        UnknownTransformation: for a name that is not in `NAMES`.
    """
    for name in names:
        make = _RULES.get(name.strip().lower().replace("_", "-"), _RULES.get(name.strip().lower()))
        if make is None:
            raise UnknownTransformation(f"{name!r} is no transformation; there are {', '.join(NAMES)}")
        network = Rewriting(network, make(network)).result()
    return network
