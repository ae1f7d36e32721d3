"""What can go wrong with measuring, in the words that the user reads."""

from __future__ import annotations

INSTALL_HINT = 'the probe needs PyTorch: pip install "gradlint[probe]"'


class ProbeUnavailable(Exception):
    """Nothing can be measured in this run: no PyTorch, or not the device asked for."""


class NotMeasurable(Exception):
    """One network cannot be measured; the text says why and stands behind "not measured"."""
