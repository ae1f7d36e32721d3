"""The words for changes to a network, as in `gradlint show --what-if relu,he`, and the making of those changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gradlint.network import Network
from gradlint.network.activations import NAMES as ACTIVATIONS
from gradlint.propagation.whatif import transformations as t
from gradlint.propagation.whatif.recurrent import forget_bias, orthogonal_kernel, recurrent_cell
from gradlint.propagation.whatif.rewriting import Rewriting, Rule

LARGE_FORGET_BIAS = 3.0


class UnknownTransformation(ValueError):
    """A word that stands for no change; the sentence lists those there are."""


class Entry(NamedTuple):
    """What a word stands for.

    `make` gives the rule for a network and the number behind the word ("forget-bias=3"), None where there is none;
    `numbered` says whether it takes one. `lacking` says what a network lacks in which the change does nothing.
    """

    group: str
    make: Callable[[Network, float | None], Rule]
    lacking: str
    numbered: bool = False


class Idle(NamedTuple):
    """A word that changes nothing in a network, and why."""

    word: str
    reason: str


class Mended(NamedTuple):
    """A network with changes made, and those of them that change nothing in it."""

    network: Network
    idle: tuple[Idle, ...]


def _fixed(rule: Rule) -> Callable[[Network, float | None], Rule]:
    return lambda network, value: rule


_CELLS = "cells"
_FUNCTIONS = "activations"
_NORMS = "normalizations"
_DRAWS = "initializers"
_PATHS = "skip connections"
_MEMORY = "recurrent weights"
GROUPS = (_CELLS, _FUNCTIONS, _NORMS, _PATHS, _DRAWS, _MEMORY)
"""The kinds of change in the order in which they are made: what draws weights finds all layers in place."""

_ENTRIES: Mapping[str, Entry] = {
    **{
        name: Entry(_FUNCTIONS, _fixed(t.activation(name)), "there is no hidden activation of another kind")
        for name in sorted(ACTIVATIONS - t.NO_REPLACEMENT)
    },
    **{
        name: Entry(_DRAWS, _fixed(t.initializer(draw)), "no linear or convolution layer is drawn in another way")
        for name, draw in (("he", t.he), ("xavier", t.xavier), ("lecun", t.lecun), ("orthogonal", t.orthogonal))
    },
    **{
        f"{kind}norm": Entry(_NORMS, _fixed(t.normalization(kind)), "no hidden activation stands right behind a layer")
        for kind in ("batch", "layer", "rms")
    },
    "skip": Entry(_PATHS, _fixed(t.skip), "no layer that keeps the shape is without a skip connection"),
    "residual-scaling": Entry(_PATHS, t.residual_scaling, "there is no residual branch of another scale", True),
    **{
        kind: Entry(_CELLS, _fixed(recurrent_cell(kind)), "there is no recurrent layer of another kind")
        for kind in ("rnn", "lstm", "gru")
    },
    "forget-bias": Entry(
        _MEMORY,
        lambda network, value: forget_bias(1.0 if value is None else value),
        "there is no LSTM or GRU layer with another bias",
        True,
    ),
    "large-forget-bias": Entry(
        _MEMORY, _fixed(forget_bias(LARGE_FORGET_BIAS)), "there is no LSTM or GRU layer with another bias"
    ),
    "orthogonal-recurrent": Entry(
        _MEMORY, _fixed(orthogonal_kernel()), "there is no recurrent layer with another kernel"
    ),
}
NAMES = tuple(_ENTRIES)

_ALIASES: Mapping[str, str] = {
    "batchnormalization": "batchnorm",
    "layernormalization": "layernorm",
    "rmsnormalization": "rmsnorm",
    "kaiming": "he", "kaimingnormal": "he", "kaiminguniform": "he", "henormal": "he", "heuniform": "he",
    "glorot": "xavier", "glorotnormal": "xavier", "glorotuniform": "xavier",
    "xaviernormal": "xavier", "xavieruniform": "xavier",
    "lecunnormal": "lecun", "lecununiform": "lecun",
    "swish": "silu", "hardswish": "hard_silu", "hardtanh": "hard_tanh",
    "skipconnection": "skip", "residual": "skip",
    "residualscale": "residual-scaling",
    "simplernn": "rnn",
}  # fmt: skip


def _squeezed(word: str) -> str:
    """A word as it is looked up: however it is spelt with hyphens, underscores and capitals."""
    return word.strip().lower().replace("-", "").replace("_", "")


_BY_SPELLING = {_squeezed(name): name for name in NAMES} | dict(_ALIASES)


def meaning(word: str) -> tuple[str, float | None]:
    """The name that a word stands for, and the number behind it.

    Raises:
        UnknownTransformation: for a word that stands for none.
    """
    spelt, equals, written = word.partition("=")
    name = _BY_SPELLING.get(_squeezed(spelt))
    if name is None:
        listed = "; ".join(
            f"{group}: {', '.join(name for name, entry in _ENTRIES.items() if entry.group == group)}"
            for group in GROUPS
        )
        raise UnknownTransformation(f"{word.strip()!r} is no change that can be made to a network; there are {listed}")
    if not equals:
        return name, None
    if not _ENTRIES[name].numbered:
        numbered = " and ".join(name for name, entry in _ENTRIES.items() if entry.numbered)
        raise UnknownTransformation(f"{word.strip()!r}: {name} takes no number; {numbered} do")
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UnknownTransformation(f"{word.strip()!r}: {written.strip()!r} is no number")
    return name, value


def check_words(words: Sequence[str]) -> None:
    """See that every word stands for a change.

    Raises:
        UnknownTransformation: for a word that does not.
    """
    for word in words:
        meaning(word)


def transform(network: Network, words: Sequence[str]) -> Network:
    """The network with these changes made, one after the other; the order is that of `words`.

    Raises:
        UnknownTransformation: for a word that stands for none.
    """
    for word in words:
        name, value = meaning(word)
        network = Rewriting(network, _ENTRIES[name].make(network, value)).result()
    return network


def mend(network: Network, words: Sequence[str]) -> Mended:
    """The network with these changes made, in the order of `GROUPS`, and which of them change nothing.

    Raises:
        UnknownTransformation: for a word that stands for none.
    """
    idle: dict[str, Idle] = {}
    for word in sorted(words, key=lambda word: GROUPS.index(_ENTRIES[meaning(word)[0]].group)):
        name, value = meaning(word)
        rewriting = Rewriting(network, _ENTRIES[name].make(network, value))
        if not rewriting.changed():
            idle[word] = Idle(word, _ENTRIES[name].lacking)
        network = rewriting.result()
    return Mended(network, tuple(idle[word] for word in dict.fromkeys(words) if word in idle))
