"""Initialization code that does not reach the weights that it could."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gradlint.checks._causes import is_moot
from gradlint.checks._wording import counted, listed
from gradlint.findings import Remedy
from gradlint.network import Unapplied
from gradlint.subjects import NetworkSubject, Problem

_NAMED = 3
_OF_ALL_LAYERS = frozenset({"unmatched", "overwritten"})
"""What can be said only where all layers are known."""


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Say what the code misses.

    That nothing calls it can be said only where the whole training is known, and that it finds no layer of its kind
    only where all layers are.
    """
    network = subject.network
    if is_moot(network):
        return
    trained = any(loop.complete and network in loop.networks for loop in subject.loops)
    for code in network.unapplied:
        if (code.how == "uncalled" and not trained) or (code.how in _OF_ALL_LAYERS and not network.complete):
            continue
        message, label, remedy = _WORDS[code.how](code)
        yield Problem(message, code.origin, label=label, remedies=(Remedy(remedy),), network=network.name)


def _uncalled(code: Unapplied) -> tuple[str, str, str]:
    return (
        f"`{code.name}` initializes weights and is never called: the network is trained from the framework's default",
        "never called",
        f"call it at the end of `__init__`, or `self.apply(self.{code.name})` where it takes a layer",
    )


def _unmatched(code: Unapplied) -> tuple[str, str, str]:
    name = f"`{code.name}` goes" if code.name else "this loop goes"
    return (
        f"{name} over all layers and initializes none of them: what it looks for is not in this network",
        "its conditions hold for no layer here",
        "the classes of the layers that the network has, in its conditions",
    )


def _overwritten(code: Unapplied) -> tuple[str, str, str]:
    name = f"`{code.name}` draws" if code.name else "this loop draws"
    return (
        f"{name} weights that a normalization of weights computes anew in each forward pass: what it writes is lost",
        "writes to a weight that is computed",
        "the same before weight_norm() or spectral_norm() is applied",
    )


def _early(code: Unapplied) -> tuple[str, str, str]:
    layers = [f"`{path}`" for path in code.layers]
    names = listed(layers if len(layers) <= _NAMED else [*layers[:_NAMED], f"{len(layers) - _NAMED} more"])
    keep = "keeps" if len(layers) == 1 else "keep"
    return (
        f"this initialization runs too early for {counted(len(layers), 'layer')} of the kind that it initializes: "
        f"{names} {keep} the framework's default",
        "runs before all layers are made",
        "the same at the end of `__init__`",
    )


def _late(code: Unapplied) -> tuple[str, str, str]:
    return (
        f"`{code.name}` is assigned to {counted(len(code.layers), 'layer')} whose weights are drawn already: nothing "
        "draws them again",
        "too late",
        f"layers.Dense(64, {code.name}=...): give it to the layer when it is made",
    )


_WORDS: Mapping[str, Callable[[Unapplied], tuple[str, str, str]]] = {
    "uncalled": _uncalled,
    "unmatched": _unmatched,
    "overwritten": _overwritten,
    "early": _early,
    "late": _late,
}
