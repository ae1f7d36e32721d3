"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence

from gradlint.network import Node
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.signal import Gradient, Signal


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """Not yet."""
    raise NotModelled(f"recurrent layer {describe(node)}")


def backward(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """Not yet."""
    raise NotModelled(f"recurrent layer {describe(node)}")
