"""The way of the gradient: from the loss back to the place of a finding, layer by layer, with what is left of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gradlint.findings import Related, Span
from gradlint.network import Kind, Node, Origin
from gradlint.reports.numbers import ratio

if TYPE_CHECKING:
    from gradlint.propagation import LayerProfile
    from gradlint.subjects import NetworkSubject, Place

MOST_STEPS = 40
"""Longer ways are told by their first and last steps."""


def gradient_flow(subject: NetworkSubject, where: Place) -> tuple[Related, ...]:
    """The loss, then the layers behind it as far as the one at `where`; none where nothing is predicted.

    Layers that one place builds, one after the other, are one step.
    """
    profile = subject.profile
    layers = [layer for layer in reversed(profile.layers) if layer.log10_gradient is not None and layer.node.origin]
    steps = [*_losses(subject), *_grouped(_up_to(layers, where))]
    if len(steps) > MOST_STEPS:
        half = MOST_STEPS // 2
        steps = [*steps[:half], *steps[-half:]]
    return tuple(steps) if len(steps) > 1 else ()


def _losses(subject: NetworkSubject) -> Iterator[Related]:
    for loop in subject.loops:
        for node in loop.objectives:
            if node.origin is not None:
                name = node.get("function") if node.kind is Kind.LOSS else ""
                yield Related(node.origin.span, f"the loss{f' ({name})' if name else ''}: the gradient starts here")
                return


def _up_to(layers: Sequence[LayerProfile], where: Place) -> Sequence[LayerProfile]:
    """The layers as far as the last one that `where` builds; all of them where it builds none."""
    last = max((index for index, layer in enumerate(layers) if _built_at(layer.node, where)), default=len(layers) - 1)
    return layers[: last + 1]


def _built_at(node: Node, where: Place) -> bool:
    if node.origin is None:
        return False
    if isinstance(where, Origin):
        return any(origin.syntax is where.syntax for origin in node.origin.chain())
    return any(_covers(origin.span, where) for origin in node.origin.chain())


def _covers(span: Span, other: Span) -> bool:
    inside = (span.line, span.column) <= (other.line, other.column)
    return (span.file, span.cell) == (other.file, other.cell) and inside and other.end_line <= span.end_line


def _grouped(layers: Sequence[LayerProfile]) -> Iterator[Related]:
    group: list[LayerProfile] = []
    for layer in layers:
        if group and _span(group[-1]) != _span(layer):
            yield _step(group)
            group = []
        group.append(layer)
    if group:
        yield _step(group)


def _span(layer: LayerProfile) -> Span | None:
    return None if layer.node.origin is None else layer.node.origin.span


def _step(group: Sequence[LayerProfile]) -> Related:
    span = _span(group[0])
    assert span is not None
    name = group[0].node.name or group[0].node.class_name.rpartition(".")[2]
    first, last = (ratio(group[index].log10_gradient) for index in (0, -1))
    if len(group) == 1:
        return Related(span, f"`{name}`: {first} of the gradient at the last layer")
    return Related(span, f"{len(group)} layers, back to `{group[-1].node.name or name}`: from {first} to {last}")
