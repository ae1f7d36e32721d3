"""Findings to report in tests of the output formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gradlint.catalogue import own_rules
from gradlint.findings import Confidence, Evidence, Finding, Related, Remedy, Severity, Span, Status
from gradlint.reports import Context
from gradlint.results import Failure, Report

MLP = """\
from keras import Sequential
from keras.layers import Dense


model = Sequential()
for _ in range(10):
    model.add(Dense(128, activation="sigmoid"))
"""

SIGMOIDS = Finding(
    code="GRD101",
    name="deep-sigmoid-stack",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    message="10 sigmoid layers shrink the gradient to 1.7e-07: 100 %, of <it>",
    span=Span("nets/mlp.py", 7, 15, 7, 47),
    network="model",
    evidence=Evidence(predicted_log10=-6.7696),
    remedies=(Remedy('activation="relu"', -0.0969), Remedy("a shallower network")),
    related=(Related(Span("nets/mlp.py", 5, 1, 5, 21), "the network starts here"),),
    flow=(
        Related(Span("nets/mlp.py", 5, 1, 5, 21), "the loss: the gradient starts here"),
        Related(Span("nets/mlp.py", 7, 15, 7, 47), "10 layers, back to `dense`: from 0.33 to 1.7e-07"),
    ),
)
LOOP = Finding(
    code="GRD505",
    name="missing-zero-grad",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    message="gradients add up",
    span=Span("nets/mlp.py", 5, 1, 7, 47),
)
NOTEBOOK = replace(
    LOOP, severity=Severity.NOTE, confidence=Confidence.LOW, span=Span("größe & co/a b.ipynb", 2, 1, 2, 4, cell=3)
)
REFUTED = replace(
    SIGMOIDS, span=Span("nets/two.py", 1, 1, 1, 2), flow=(), evidence=Evidence(-6.0, -0.3, Status.REFUTED, seeds=5)
)
REPORT = Report(findings=(LOOP, SIGMOIDS, NOTEBOOK), files=12, networks=3, seconds=0.31415)
FAILED = Report(failures=(Failure("broken.py: internal error: ValueError: 5 < 6 & \x1b[31m", "a traceback"),), files=1)


def context(root: Path | None = None, files: Mapping[str, str] | None = None) -> Context:
    """What a renderer needs, with the source of `SIGMOIDS`."""
    texts = {"nets/mlp.py": MLP} if files is None else files

    def source_line(span: Span, line: int) -> str:
        lines = texts.get(span.file, "").split("\n")
        return lines[line - 1] if line <= len(lines) else ""

    return Context(source_line=source_line, root=root, rules={rule.code: rule for rule in own_rules()})
