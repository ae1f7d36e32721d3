"""A network and the same network with changes made, side by side."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from gradlint.reports.numbers import number, ratio
from gradlint.reports.show_bars import VERDICT_COLORS, WIDTH, Bounds, Scale, scale_of, shorten, shorten_left
from gradlint.reports.style import Style
from gradlint.showing import ShownChange, ShownHorizon, ShownLayer, ShownNetwork

PRESENT = "as it is"
BESIDE = 3
"""Changed networks that fit beside the present one."""

_WIDEST_NAME = 22
_FIGURE = 8
_LEAST_WITH_SIGNAL = 22
"""Columns for one network from which on its signals are shown beside its gradients."""
_GAP = 2

Column = tuple[str, ShownNetwork]
Place = tuple[str, int]


def tables(network: ShownNetwork, bounds: Bounds, style: Style) -> Iterator[str]:
    """A line for each layer with its gradients in all networks; then what becomes of each network."""
    changed = [(title(change), change.network) for change in network.what_if if change.network is not None]
    for start in range(0, len(changed), BESIDE):
        columns: list[Column] = [(PRESENT, network), *changed[start : start + BESIDE]]
        yield from _table(columns, bounds, style)
        yield ""
    yield from _verdict(PRESENT, "", network, style)
    for change in network.what_if:
        if change.network is not None:
            yield from _verdict(title(change), change.text, change.network, style)
        yield from without_effect(change, style)


def without_effect(change: ShownChange, style: Style) -> Iterator[str]:
    """Those of the changes that do nothing to the network, and why."""
    for idle in change.idle:
        yield from _wrapped(f"{style(idle.change, 'bold')} does not apply: {idle.reason}")


def title(change: ShownChange) -> str:
    """The changes as they were asked for."""
    return ",".join(change.changes)


def layers_by_place(network: ShownNetwork) -> Mapping[Place, ShownLayer]:
    """The layers of a network by name, and by which of several calls of that name each is."""
    seen: Counter[str] = Counter()
    found: dict[Place, ShownLayer] = {}
    for layer in network.layers:
        found[layer.name, seen[layer.name]] = layer
        seen[layer.name] += 1
    return found


def _table(columns: Sequence[Column], bounds: Bounds, style: Style) -> Iterator[str]:
    networks = [layers_by_place(network) for _, network in columns]
    scale = scale_of((layer.log10_gradient for layers in networks for layer in layers.values()), bounds)
    names = max((len(layer.name or layer.kind) for layer in networks[0].values()), default=0)
    name_width = min(max(names, len("layer")), _WIDEST_NAME)
    width = (WIDTH - _GAP - name_width) // len(columns) - _GAP
    signal = width >= _LEAST_WITH_SIGNAL
    gap = " " * _GAP
    titles = gap.join(shorten(text, width).ljust(width) for text, _ in columns)
    yield style(f"{gap}{''.ljust(name_width)}{gap}{titles}".rstrip(), "bold")
    figures = f"{'signal'.rjust(_FIGURE)} " * signal + "gradient".rjust(_FIGURE)
    heading = gap.join(figures.ljust(width) for _ in columns)
    yield style(f"{gap}{'layer'.ljust(name_width)}{gap}{heading}".rstrip(), "dim")
    for place, layer in networks[0].items():
        name = shorten_left(layer.name or layer.kind, name_width).ljust(name_width)
        cells = gap.join(_cell(layers.get(place), width, signal, scale, style) for layers in networks)
        yield f"{gap}{name}{gap}{cells}".rstrip()


def _cell(layer: ShownLayer | None, width: int, signal: bool, scale: Scale, style: Style) -> str:
    if layer is None:
        return " " * width
    gradient = layer.log10_gradient
    figures = f"{number(layer.signal).rjust(_FIGURE)} " * signal
    figures += ("-" if gradient is None else ratio(gradient)).rjust(_FIGURE)
    room = width - len(figures) - 1
    bar = scale.bar(gradient, room, style)
    drawn = len(scale.bar(gradient, room, Style()))
    return f"{figures} {bar}{' ' * (room - drawn)}"


def _verdict(text: str, words: str, network: ShownNetwork, style: Style) -> Iterator[str]:
    verdict = style(network.verdict, VERDICT_COLORS.get(network.verdict, "yellow"), "bold")
    said = [f"{style(text, 'bold')}: {verdict}"]
    if network.reason:
        said.append(network.reason)
    elif network.log10_gradient_ratio is not None:
        said.append(f"the first layer gets {ratio(network.log10_gradient_ratio)} of the last layer's gradient")
    if network.measured is not None:
        found = network.measured
        said.append(
            f"not measured: {found.reason}" if found.reason else f"measured {ratio(found.log10_gradient_ratio)}"
        )
    yield from _wrapped(", ".join(said))
    if words:
        yield from _wrapped(words, "    ")
    yield from (f"    {horizon}" for horizon in horizons(network.horizons))


def horizons(found: Sequence[ShownHorizon]) -> Iterator[str]:
    """How far back the gradient of each recurrent layer reaches."""
    for horizon in found:
        steps = "more than 10000" if horizon.steps > 10_000 else f"{horizon.steps:.0f}"
        yield f"gradient horizon of {horizon.layer or 'the recurrent layer'}: {steps} steps"


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent="    ", break_long_words=False)
