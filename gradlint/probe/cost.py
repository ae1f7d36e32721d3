"""What a network costs to run, from its shapes alone."""

from __future__ import annotations

import math

from gradlint.probe.network_spec import CONVOLUTIONAL, NetworkSpec, NodeSpec

PER_ENTRY = 30.0
"""What moving an entry through memory costs, in multiplications: most of the time of an activation or a norm."""
USUAL_STEPS = 16
"""Steps of a sequence whose length is not known."""


def work(network: NetworkSpec) -> float:
    """The work of one forward pass with the network's own shapes, in multiplications."""
    entries = sum(_entries(node.shape) for node in network.nodes)
    return PER_ENTRY * entries + sum(_multiplications(network, node) for node in network.nodes)


def memory(network: NetworkSpec, batch: int, own: int | None) -> float:
    """Bytes that weights, gradients and kept activations take for `batch` samples, roughly.

    `own` is the number of samples that the network's own shapes speak of.
    """
    weights = sum(_entries(parameter.shape) for parameter in network.parameters if parameter.shape is not None)
    kept = sum(_entries(node.shape) for node in network.nodes if node.shape is not None)
    return 4.0 * (2 * weights + 2 * kept * batch / (own or 1))


def _multiplications(network: NetworkSpec, node: NodeSpec) -> float:
    entries = float(_entries(node.shape))
    weight = node.parameters.get("weight")
    kernel = 0 if weight is None else _entries(network.parameters[weight].shape)
    source = network.nodes[node.inputs[0]].shape if node.inputs else None
    if node.kind == "recurrent":
        total = sum(_entries(network.parameters[position].shape) for position in node.parameters.values())
        steps = math.prod(size or 1 for size in (source or (1, USUAL_STEPS))[:2])
        places = max(1, _entries(source) // steps) if node.get("cell") == CONVOLUTIONAL else 1  # at most
        return float(total * steps * places)
    if node.kind == "linear" and kernel:
        return entries * kernel / max(1, int(node.get("out_features", 1)))
    if node.kind == "convolution" and kernel:
        if node.get("transposed", False):
            return float(_entries(source) * kernel / max(1, int(node.get("in_channels", 1))))
        return entries * kernel / max(1, int(node.get("out_channels", 1)))
    if node.kind == "matmul" and source:
        return entries * (source[-1] or 1)
    if node.kind == "attention" and len(node.inputs) > 1:
        keys = network.nodes[node.inputs[1]].shape or (1, 1)
        return 2 * entries * (keys[-2 if len(keys) > 1 else -1] or 1)
    return entries


def _entries(shape: tuple[int | None, ...] | None) -> int:
    return 1 if shape is None else math.prod(size or 1 for size in shape)
