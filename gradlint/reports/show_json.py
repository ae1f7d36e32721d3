"""The networks of a file as JSON. The keys are stable: none is ever renamed or taken away."""

from __future__ import annotations

import json
from typing import Any

from gradlint.findings import Span
from gradlint.reports.numbers import plain, significant
from gradlint.showing import Showing, ShownChange, ShownLayer, ShownMeasurement, ShownNetwork

VERSION = 1


def render(showing: Showing) -> str:
    """One object: the version of the format, and the networks."""
    content = {"version": VERSION, "networks": [_network(network) for network in showing.networks]}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _network(network: ShownNetwork) -> dict[str, Any]:
    """One network; what only `--what-if` or `--probe` asks for has keys of its own."""
    extra = {"horizons": _horizons(network), "what_if": [_change(change) for change in network.what_if]}
    return _described(network) | (extra if network.what_if else {})


def _change(change: ShownChange) -> dict[str, Any]:
    network = change.network
    return {
        "changes": list(change.changes),
        "text": change.text,
        "without_effect": [{"change": idle.change, "reason": idle.reason} for idle in change.idle],
        "network": None if network is None else _described(network) | {"horizons": _horizons(network)},
    }


def _horizons(network: ShownNetwork) -> list[dict[str, Any]]:
    return [{"layer": horizon.layer, "steps": plain(horizon.steps, 1)} for horizon in network.horizons]


def _described(network: ShownNetwork) -> dict[str, Any]:
    measured = network.measured
    content = {
        "name": network.name,
        "call": network.call,
        **_place(network.span),
        "framework": network.framework,
        "complete": network.complete,
        "parameters": network.parameters,
        "trainable_parameters": network.trainable_parameters,
        "layers": [_layer(layer, measured is not None) for layer in network.layers],
        "log10_gradient_ratio": plain(network.log10_gradient_ratio),
        "log10_gradient_ratio_rms": plain(network.log10_gradient_ratio_rms),
        "verdict": network.verdict,
        "unresolved": [{**_place(item.span), "reason": item.reason} for item in network.unresolved],
    }
    return content if measured is None else content | {"measured": _measured(measured)}


def _measured(found: ShownMeasurement) -> dict[str, Any]:
    return {
        "log10_gradient_ratio": plain(found.log10_gradient_ratio),
        "seeds": found.seeds,
        "assumptions": list(found.assumptions),
        "reason": found.reason,
    }


def _layer(layer: ShownLayer, measured: bool) -> dict[str, Any]:
    content = {
        "name": layer.name,
        "kind": layer.kind,
        "class": layer.class_name,
        **_place(layer.span),
        "parameters": layer.parameters,
        "weight_std": significant(layer.weight_std),
        "signal": significant(layer.signal),
        "log10_gradient": plain(layer.log10_gradient),
    }
    return content | ({"measured_log10_gradient": plain(layer.measured_log10_gradient)} if measured else {})


def _place(span: Span | None) -> dict[str, Any]:
    return {"file": None, "line": None} if span is None else {"file": span.file, "line": span.line}
