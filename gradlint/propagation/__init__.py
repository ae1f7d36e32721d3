"""Predicting signal and gradient statistics of a network at initialization, by mean-field theory."""

from gradlint.propagation.context import Settings
from gradlint.propagation.curvature import largest_learning_rate
from gradlint.propagation.profile import LayerProfile, Profile, propagate
from gradlint.propagation.recurrent import Horizon
from gradlint.propagation.whatif import (
    NAMES,
    RemedyResult,
    UnknownTransformation,
    horizon_remedies,
    mend,
    remedies,
    transform,
)

__all__ = [
    "NAMES",
    "Horizon",
    "LayerProfile",
    "Profile",
    "RemedyResult",
    "Settings",
    "UnknownTransformation",
    "horizon_remedies",
    "largest_learning_rate",
    "mend",
    "propagate",
    "remedies",
    "transform",
]
