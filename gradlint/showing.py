"""What `gradlint show` knows of a file: its networks with what is predicted at each layer, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gradlint.config import Settings
from gradlint.findings import Span
from gradlint.network import Network, Node, Unresolved
from gradlint.stack import on_deep_stack

if TYPE_CHECKING:
    from gradlint.probe import Probe
    from gradlint.propagation import Profile
    from gradlint.propagation import Settings as Bounds


@dataclass(frozen=True, slots=True)
class ShownLayer:
    """One weighted layer. `parameters` counts its entries; numbers that are not known, or measured, are None."""

    name: str
    kind: str
    class_name: str
    span: Span | None
    parameters: int | None
    weight_std: float | None
    signal: float | None
    log10_gradient: float | None
    measured_log10_gradient: float | None = None


@dataclass(frozen=True, slots=True)
class ShownMeasurement:
    """What measuring said of a network as a whole: the ratio over `seeds` draws, or the reason why there is none."""

    log10_gradient_ratio: float | None
    seeds: int = 0
    assumptions: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ShownUnresolved:
    """A place where knowledge was lost, why, and how many values depend on it."""

    span: Span | None
    reason: str
    cost: int


@dataclass(frozen=True, slots=True)
class ShownHorizon:
    """How many steps back the gradient of a recurrent layer reaches before it has fallen to 1 %; may be infinite."""

    layer: str
    steps: float


@dataclass(frozen=True, slots=True)
class ShownIdle:
    """A change that does nothing to a network, and why."""

    change: str
    reason: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """The same network with changes made.

    `text` says them in the words of the framework. `idle` are those that do nothing; where all are, `network` is None.
    """

    changes: tuple[str, ...]
    text: str
    idle: tuple[ShownIdle, ...]
    network: ShownNetwork | None


@dataclass(frozen=True, slots=True)
class ShownNetwork:
    """One network, its layers in the order in which they run.

    `what_if` is the same network with changes made. `measured` is there where gradients were to be measured.
    """

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
    horizons: tuple[ShownHorizon, ...] = ()
    what_if: tuple[ShownChange, ...] = ()
    measured: ShownMeasurement | None = None


@dataclass(frozen=True, slots=True)
class Showing:
    """The networks of a file. `unresolved` are places of the file that no network could be drawn up for."""

    name: str
    networks: tuple[ShownNetwork, ...]
    unresolved: tuple[ShownUnresolved, ...]
    notes: tuple[str, ...]


def show(
    path: Path,
    name: str,
    calls: Sequence[str],
    settings: Settings,
    what_if: Sequence[Sequence[str]] = (),
    probe: Probe | None = None,
) -> Showing:
    """Read a file and predict the gradients of its networks, or of those that `calls` build.

    Each entry of `what_if` is a list of changes (words of `gradlint.propagation.whatif`) that are made together to
    every network. `probe` measures each of them.

    Raises:
        OSError: the file cannot be read.
        SourceError: it cannot be decoded or parsed.
        CallError: a call cannot be evaluated, or builds no network.
        UnknownTransformation: a word of `what_if` stands for no change.
        ProbeUnavailable: PyTorch cannot be used.
    """
    return on_deep_stack(lambda: _show(path, name, calls, settings, what_if, probe))


def _show(
    path: Path,
    name: str,
    calls: Sequence[str],
    settings: Settings,
    what_if: Sequence[Sequence[str]],
    probe: Probe | None,
) -> Showing:
    from gradlint.evaluation.driver import Evaluator
    from gradlint.propagation import Settings as Bounds
    from gradlint.sources import SourceLoader, load

    source = load(path, name)
    loader = SourceLoader()
    loader.add(source)
    evaluator = Evaluator(loader)
    evaluations = [evaluator.evaluate(source, call) for call in calls or (None,)]
    networks = [network for evaluation in evaluations for network in evaluation.networks]
    known = {_key(item) for network in networks for item in network.unresolved}
    rest = [item for evaluation in evaluations for item in evaluation.unresolved if _key(item) not in known]
    bounds = Bounds(vanishing=settings.vanishing, exploding=settings.exploding)
    return Showing(
        name,
        tuple(_with_changes(network, bounds, what_if, probe) for network in networks),
        _unresolved(rest),
        tuple(dict.fromkeys(note for evaluation in evaluations for note in evaluation.notes)),
    )


def _with_changes(
    network: Network, bounds: Bounds, what_if: Sequence[Sequence[str]], probe: Probe | None
) -> ShownNetwork:
    shown = _network(network, bounds, probe)
    changes = (_changed(network, bounds, words, probe) for words in what_if)
    return replace(shown, what_if=tuple(changes)) if what_if else shown


def _changed(network: Network, bounds: Bounds, words: Sequence[str], probe: Probe | None) -> ShownChange:
    from gradlint.propagation.whatif import mend, wording

    mended = mend(network, words)
    idle = tuple(ShownIdle(item.word, item.reason) for item in mended.idle)
    working = [word for word in words if word not in {item.word for item in mended.idle}]
    return ShownChange(
        tuple(words),
        wording(working, network) if working else "",
        idle,
        _network(mended.network, bounds, probe, imagined=True) if working else None,
    )


def _network(network: Network, bounds: Bounds, probe: Probe | None, imagined: bool = False) -> ShownNetwork:
    from gradlint.propagation import propagate

    profile = propagate(network, bounds)
    shown = ShownNetwork(
        name=network.name,
        call=network.call,
        span=None if network.origin is None else network.origin.span,
        framework=network.framework.value,
        complete=network.complete,
        parameters=network.parameter_count,
        trainable_parameters=network.trainable_count,
        layers=_layers(profile),
        log10_gradient_ratio=profile.log10_gradient_ratio,
        log10_gradient_ratio_rms=profile.log10_gradient_ratio_rms,
        verdict=profile.verdict,
        reason=profile.reason,
        assumptions=tuple(dict.fromkeys((*network.assumptions, *profile.assumptions))),
        unresolved=_unresolved(network.unresolved),
        horizons=tuple(ShownHorizon(horizon.node.name, horizon.steps) for horizon in profile.horizons),
    )
    return shown if probe is None else _measured(network, profile, shown, probe, imagined)


def _measured(network: Network, profile: Profile, shown: ShownNetwork, probe: Probe, imagined: bool) -> ShownNetwork:
    """The network with what PyTorch measures at each layer."""
    from gradlint.probe import NotMeasurable

    try:
        found = probe.measure(network, imagined)
    except NotMeasurable as error:
        return replace(shown, measured=ShownMeasurement(None, reason=str(error)))
    positions = {id(node): position for position, node in enumerate(network.nodes)}
    ratios = found.log10_profile()
    layers = tuple(
        replace(layer, measured_log10_gradient=ratios.get(positions[id(predicted.node)]))
        for layer, predicted in zip(shown.layers, profile.layers, strict=True)
    )
    return replace(shown, layers=layers, measured=ShownMeasurement(found.log10_ratio(), found.seeds, found.assumptions))


def _layers(profile: Profile) -> tuple[ShownLayer, ...]:
    return tuple(
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
