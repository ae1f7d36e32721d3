"""The framework-neutral description of networks and training loops."""

from gradlint.network.graph import (
    Framework,
    Kind,
    Network,
    Node,
    Shape,
    Unapplied,
    Unregistered,
    Unresolved,
    topological,
)
from gradlint.network.origin import Origin, PositionSource
from gradlint.network.parameters import ONES, UNKNOWN, ZEROS, Distribution, Parameter
from gradlint.network.training import Event, EventKind, Optimizer, TrainingLoop

__all__ = [
    "ONES",
    "UNKNOWN",
    "ZEROS",
    "Distribution",
    "Event",
    "EventKind",
    "Framework",
    "Kind",
    "Network",
    "Node",
    "Optimizer",
    "Origin",
    "Parameter",
    "PositionSource",
    "Shape",
    "TrainingLoop",
    "Unapplied",
    "Unregistered",
    "Unresolved",
    "topological",
]
