"""The networks of a file as tables: a line for each layer, its gradient as a bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradlint.reports.full import place
from gradlint.reports.numbers import count, number, ratio
from gradlint.reports.show_bars import VERDICT_COLORS, WIDTH, Bounds, scale_of, shorten, shorten_left
from gradlint.reports.show_what_if import horizons, tables, without_effect
from gradlint.reports.style import PLAIN, Style
from gradlint.showing import Showing, ShownMeasurement, ShownNetwork, ShownUnresolved

UNRESOLVED_SHOWN = 20
"""Places where knowledge was lost that are listed for one network; the rest is counted."""

_NAME_WIDTH = 22
_CLASS_WIDTH = 12
_NUMBER_WIDTH = 9
_BAR_WIDTH = WIDTH - 2 - _NAME_WIDTH - _CLASS_WIDTH - 3 * _NUMBER_WIDTH - 5


def render(showing: Showing, bounds: Bounds, style: Style = PLAIN) -> str:
    """A table for each network, and what is unresolved, most costly first."""
    blocks = ["".join(f"{line}\n" for line in _network(network, bounds, style)) for network in showing.networks]
    if not blocks:
        blocks.append(f"No networks in {showing.name}.\n")
    if showing.unresolved:
        heading = "not understood elsewhere in the file" if showing.networks else "not understood"
        blocks.append("".join(f"{line}\n" for line in _unresolved(heading, showing.unresolved, style)))
    blocks.extend(f"note: {note}\n" for note in showing.notes)
    return "\n".join(blocks)


def _network(network: ShownNetwork, bounds: Bounds, style: Style) -> Iterator[str]:
    at = "" if network.span is None else f"{place(network.span)}: "
    yield f"{style(f'{at}{network.name}', 'bold')} ({network.framework})"
    if network.call and network.call != network.name:
        yield f"  {shorten(network.call, WIDTH - 2)}"
    yield f"  {_size(network)}"
    yield ""
    if any(change.network is not None for change in network.what_if):
        yield from tables(network, bounds, style)
    else:
        yield from _layers(network, bounds, style)
        for change in network.what_if:
            yield from without_effect(change, style)
    yield from (f"  assumed: {assumption}" for assumption in network.assumptions)
    if network.unresolved:
        yield ""
        yield from _unresolved("not understood", network.unresolved, style)


def _layers(network: ShownNetwork, bounds: Bounds, style: Style) -> Iterator[str]:
    if network.layers:
        yield from _table(network, bounds, style)
        yield ""
    yield f"  {_verdict(network, style)}"
    if network.measured is not None:
        yield from _measured(network.measured)
    yield from (f"  {horizon}" for horizon in horizons(network.horizons))


def _size(network: ShownNetwork) -> str:
    parts = [count(len(network.layers), "layer") + " with weights"]
    if network.parameters is None:
        parts.append("number of parameters unknown")
    else:
        parts.append(count(network.parameters, "parameter"))
        if network.trainable_parameters not in (None, network.parameters):
            parts.append(f"{network.trainable_parameters:,} of them trainable")
    if not network.complete:
        parts.append("not followed to the end")
    return ", ".join(parts)


def _table(network: ShownNetwork, bounds: Bounds, style: Style) -> Iterator[str]:
    scale = scale_of((layer.log10_gradient for layer in network.layers), bounds)
    measured = network.measured is not None
    heading = ["signal", "predicted", "measured"] if measured else ["weights", "signal", "gradient"]
    titles = " ".join(title.rjust(_NUMBER_WIDTH) for title in heading)
    yield style(f"  {'layer'.ljust(_NAME_WIDTH)} {'class'.ljust(_CLASS_WIDTH)} {titles}", "dim")
    for layer in network.layers:
        name = shorten_left(layer.name or layer.kind, _NAME_WIDTH).ljust(_NAME_WIDTH)
        cls = shorten(layer.class_name.rpartition(".")[2], _CLASS_WIDTH).ljust(_CLASS_WIDTH)
        gradient = layer.log10_gradient
        predicted = [number(layer.signal), _gradient(gradient)]
        figures = (
            [*predicted, _gradient(layer.measured_log10_gradient)]
            if measured
            else [number(layer.weight_std), *predicted]
        )
        columns = " ".join(figure.rjust(_NUMBER_WIDTH) for figure in figures)
        yield f"  {name} {cls} {columns} {scale.bar(gradient, _BAR_WIDTH, style)}".rstrip()


def _gradient(log10: float | None) -> str:
    return "-" if log10 is None else ratio(log10)


def _measured(found: ShownMeasurement) -> Iterator[str]:
    if found.reason:
        yield f"  not measured: {found.reason}"
    elif found.log10_gradient_ratio is not None:
        yield f"  measured: {ratio(found.log10_gradient_ratio)}, over {count(found.seeds, 'draw')}"
    yield from (f"  measured with {assumption}" for assumption in found.assumptions)


def _verdict(network: ShownNetwork, style: Style) -> str:
    verdict = style(network.verdict, VERDICT_COLORS.get(network.verdict, "yellow"), "bold")
    if network.reason:
        return f"{verdict}: {network.reason}"
    if network.log10_gradient_ratio is None:
        return verdict
    return f"{verdict}: the gradient at the first layer is {ratio(network.log10_gradient_ratio)} of that at the last"


def _unresolved(heading: str, items: Sequence[ShownUnresolved], style: Style) -> Iterator[str]:
    yield f"  {style(heading, 'bold')}, most costly first:"
    for item in items[:UNRESOLVED_SHOWN]:
        at = "" if item.span is None else f"{place(item.span)}: "
        yield f"    {at}{item.reason}"
    if len(items) > UNRESOLVED_SHOWN:
        yield f"    and {len(items) - UNRESOLVED_SHOWN} more"
