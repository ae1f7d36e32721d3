"""What a finding claims about real gradients, in a form that can be measured and found true or false."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gradlint.network import Node, Parameter


class ClaimKind(enum.StrEnum):
    """What is claimed. In brackets: what `predicted` and `threshold` of the claim are numbers of."""

    VANISHING = "vanishing"
    """The gradient at `layer` is far smaller than at `reference` [log10 of the ratio of their L2 norms]."""
    EXPLODING = "exploding"
    """The gradient at `layer` is far larger than at `reference` [log10 of the ratio of their L2 norms]."""
    OVERFLOW = "overflow"
    """The signal or a gradient passes the largest number of the network's dtype [no number]."""
    NAN = "nan"
    """A gradient is not a number [no number]."""
    DEAD = "dead"
    """Rectified units are zero for every input [share of the units of a layer]."""
    SATURATED = "saturated"
    """Bounded activations sit where their slope is below 1 % of its greatest [share of the entries]."""
    COLLAPSED = "collapsed"
    """Different inputs give the same output [correlation between the outputs for two inputs]."""
    SYMMETRIC = "symmetric"
    """All units of a layer get the same gradient, and so stay the same unit [no number]."""
    BLOCKED = "blocked"
    """The gradient of `parameters` is absent or exactly zero [no number]."""
    UNTRAINED = "untrained"
    """A step of `optimizer` leaves `parameters` as they were [no number]."""
    ATTENUATED = "attenuated"
    """`layer`, an activation, weakens the gradient before it against its absence [log10 of the ratio]."""
    SHORT_HORIZON = "short horizon"
    """A recurrent layer's gradient falls to 1 % within the sequence [steps]."""
    OVERSHOOT = "overshoot"
    """`steps` steps of `optimizer` leave the loss higher than it was [learning rate]."""
    UNDERFLOW = "underflow"
    """Gradients are lost in half precision [share of the entries below its smallest number]."""


THRESHOLDS: Mapping[ClaimKind, float] = {
    ClaimKind.VANISHING: -3.0,
    ClaimKind.EXPLODING: 3.0,
    ClaimKind.DEAD: 0.5,
    ClaimKind.SATURATED: 0.5,
    ClaimKind.COLLAPSED: 0.99,
    ClaimKind.ATTENUATED: -0.3,
    ClaimKind.UNDERFLOW: 0.05,
}
"""The number from which a claim of a kind holds, where the claim itself says none."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss by its name in `Node` (LOSS), and whether it takes logits; "neutral" is a random linear functional."""

    function: str = "neutral"
    from_logits: bool = True


NEUTRAL = Loss()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an optimizer: its class name, learning rate and further settings as `Optimizer` has them.

    `parameters` are those that the optimizer holds; None means all trainable ones of the network.
    """

    optimizer: str = "SGD"
    learning_rate: float = 0.01
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a finding says of a network and that PyTorch can be asked about.

    `predicted` and `threshold` are numbers of what the kind says; None takes the kind's usual threshold.
    `layer` is the node concerned (usual: the first weighted layer; for shares and correlations: any layer)
    and `reference` what it is compared with (usual: the last weighted layer). `parameters` are those that
    BLOCKED and UNTRAINED speak of; none named means all trainable ones. `inputs` "zero" asks what happens
    at exactly zero, where square roots, norms and logarithms have no slope. `steps` are taken before
    measuring. `objective` is the tensor that a training loop minimizes, where the claim is about the way to
    it and not about the network by itself.
    """

    kind: ClaimKind
    predicted: float | None = None
    threshold: float | None = None
    layer: Node | None = None
    reference: Node | None = None
    parameters: tuple[Parameter, ...] = ()
    loss: Loss = NEUTRAL
    step: Step | None = None
    steps: int = 0
    inputs: Literal["random", "zero"] = "random"
    objective: Node | None = None
