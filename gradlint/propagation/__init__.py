"""Predicting signal and gradient statistics of a network at initialization, by mean-field theory."""

from gradlint.propagation.context import Settings
from gradlint.propagation.profile import LayerProfile, Profile, propagate

__all__ = ["LayerProfile", "Profile", "Settings", "propagate"]
