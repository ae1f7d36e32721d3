"""Measuring real gradients with PyTorch, in a child process. Importing this package does not import torch."""

from gradlint.probe.client import Probe
from gradlint.probe.errors import NotMeasurable, ProbeUnavailable
from gradlint.probe.measurement import Activity, Horizon, Layer, Measurement
from gradlint.probe.question import Question, ask, questions
from gradlint.probe.settings import ProbeSettings

__all__ = [
    "Activity",
    "Horizon",
    "Layer",
    "Measurement",
    "NotMeasurable",
    "Probe",
    "ProbeSettings",
    "ProbeUnavailable",
    "Question",
    "ask",
    "questions",
]
