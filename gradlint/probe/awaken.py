"""A network with its zero-initialized weights drawn, to look past the first step, at which they block on purpose."""

from __future__ import annotations

import dataclasses
import math

from gradlint.probe.network_spec import NetworkSpec, NodeSpec, ParameterSpec

_LAYERS = frozenset({"linear", "convolution", "embedding", "recurrent"})


def awakened(network: NetworkSpec) -> NetworkSpec | None:
    """`network` with zero weights drawn at LeCun scale (1 / fan-in) and zero scales set to one; None if it has none.

    A zero-initialized output layer or residual branch makes every gradient behind it exactly zero at the first
    step and not afterwards; that is right, and says nothing about how gradients flow. Biases stay as they are.
    """
    replaced = dict(enumerate(network.parameters))
    for position, node in enumerate(network.nodes):
        for role, index in node.parameters.items():
            spec = network.parameters[index]
            if spec.family == "constant" and spec.mean == 0.0:
                drawn = _drawn(network, position, node, role, spec)
                if drawn is not None:
                    replaced[index] = drawn
    if all(replaced[index] is spec for index, spec in enumerate(network.parameters)):
        return None
    return dataclasses.replace(network, parameters=tuple(replaced[index] for index in sorted(replaced)))


def _drawn(network: NetworkSpec, position: int, node: NodeSpec, role: str, spec: ParameterSpec) -> ParameterSpec | None:
    if node.kind in _LAYERS and role.startswith("weight"):
        return dataclasses.replace(spec, family="normal", std=1.0 / math.sqrt(_fan_in(node, spec, network.framework)))
    if node.kind == "normalization" and role == "weight":
        return dataclasses.replace(spec, mean=1.0)
    if node.kind != "parameter":
        return None
    users = {user.kind for user in network.nodes if position in user.inputs}
    if "matmul" in users or "linear" in users:
        rows = max(1, min(spec.shape or (1,)))
        return dataclasses.replace(spec, family="normal", std=1.0 / math.sqrt(rows))
    return dataclasses.replace(spec, mean=1.0) if "multiply" in users else None


def _fan_in(node: NodeSpec, spec: ParameterSpec, framework: str) -> int:
    if node.kind == "embedding":
        return 1
    shape = spec.shape or (1,)
    if node.kind == "recurrent":
        return max(1, shape[-1] if node.get("layout", framework) == "torch" else shape[0])
    outputs = node.get("out_features") or node.get("out_channels") or shape[0 if framework == "torch" else -1]
    return max(1, math.prod(shape) // max(1, int(outputs)))
