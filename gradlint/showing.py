"""What `gradlint show` knows of a file: its networks with what is predicted at each layer, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradlint.config import Settings
from gradlint.findings import Span
from gradlint.network import Network, Node, Unresolved
from gradlint.stack import on_deep_stack


@dataclass(frozen=True, slots=True)
class ShownLayer:
    """One weighted layer. `parameters` counts its entries; numbers that are not known are None."""

    name: str
    kind: str
    class_name: str
    span: Span | None
    parameters: int | None
    weight_std: float | None
    signal: float | None
    log10_gradient: float | None


@dataclass(frozen=True, slots=True)
class ShownUnresolved:
    """A place where knowledge was lost, why, and how many values depend on it."""

    span: Span | None
    reason: str
    cost: int


@dataclass(frozen=True, slots=True)
class ShownNetwork:
    """One network, its layers in the order in which they run."""

    name: str
    call: str
    span: Span | None
    framework: str
    complete: bool
    parameters: int | None
    trainable_parameters: int | None
    layers: tuple[ShownLayer, ...]
    log10_gradient_ratio: float | None
    log10_gradient_ratio_rms: float | None
    verdict: str
    reason: str
    assumptions: tuple[str, ...]
    unresolved: tuple[ShownUnresolved, ...]


@dataclass(frozen=True, slots=True)
class Showing:
    """The networks of a file. `unresolved` are places of the file that no network could be drawn up for."""

    name: str
    networks: tuple[ShownNetwork, ...]
    unresolved: tuple[ShownUnresolved, ...]
    notes: tuple[str, ...]


def show(path: Path, name: str, calls: Sequence[str], settings: Settings) -> Showing:
    """Read a file and predict the gradients of its networks, or of those that `calls` build.

    Raises:
        OSError: the file cannot be read.
        SourceError: it cannot be decoded or parsed.
        CallError: a call cannot be evaluated, or builds no network.
    """
    return on_deep_stack(lambda: _show(path, name, calls, settings))


def _show(path: Path, name: str, calls: Sequence[str], settings: Settings) -> Showing:
    from gradlint.evaluation.driver import Evaluator
    from gradlint.sources import SourceLoader, load

    source = load(path, name)
    loader = SourceLoader()
    loader.add(source)
    evaluator = Evaluator(loader)
    evaluations = [evaluator.evaluate(source, call) for call in calls or (None,)]
    networks = [network for evaluation in evaluations for network in evaluation.networks]
    known = {_key(item) for network in networks for item in network.unresolved}
    rest = [item for evaluation in evaluations for item in evaluation.unresolved if _key(item) not in known]
    return Showing(
        name,
        tuple(_network(network, settings) for network in networks),
        _unresolved(rest),
        tuple(dict.fromkeys(note for evaluation in evaluations for note in evaluation.notes)),
    )


def _network(network: Network, settings: Settings) -> ShownNetwork:
    from gradlint.propagation import Settings as Bounds
    from gradlint.propagation import propagate

    profile = propagate(network, Bounds(vanishing=settings.vanishing, exploding=settings.exploding))
    return ShownNetwork(
        name=network.name,
        call=network.call,
        span=None if network.origin is None else network.origin.span,
        framework=network.framework.value,
        complete=network.complete,
        parameters=network.parameter_count,
        trainable_parameters=network.trainable_count,
        layers=tuple(
            ShownLayer(
                name=layer.node.name,
                kind=layer.node.kind.value,
                class_name=layer.node.class_name,
                span=None if layer.node.origin is None else layer.node.origin.span,
                parameters=_size(layer.node),
                weight_std=layer.weight_std,
                signal=layer.signal,
                log10_gradient=layer.log10_gradient,
            )
            for layer in profile.layers
        ),
        log10_gradient_ratio=profile.log10_gradient_ratio,
        log10_gradient_ratio_rms=profile.log10_gradient_ratio_rms,
        verdict=profile.verdict,
        reason=profile.reason,
        assumptions=(*network.assumptions, *profile.assumptions),
        unresolved=_unresolved(network.unresolved),
    )


def _size(node: Node) -> int | None:
    sizes = [parameter.size for parameter in node.parameters.values()]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _unresolved(items: Iterable[Unresolved]) -> tuple[ShownUnresolved, ...]:
    """What was lost, most costly first, each place and reason once."""
    unique = {_key(item): item for item in sorted(items, key=lambda item: item.cost)}
    ordered = sorted(unique.values(), key=lambda item: -item.cost)
    return tuple(
        ShownUnresolved(None if item.origin is None else item.origin.span, item.reason, item.cost) for item in ordered
    )


def _key(item: Unresolved) -> tuple[str, int]:
    return item.reason, 0 if item.origin is None else id(item.origin.syntax)
