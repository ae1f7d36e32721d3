"""Numbers, counts and names as the messages of checks put them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from gradlint.network import Network, Node
from gradlint.propagation.structure import Structure

_PLAIN_FROM, _PLAIN_TO = -2.0, 4.0
_FUNCTIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "prelu": "PReLU",
    "leaky_relu": "leaky ReLU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "elu": "ELU",
    "celu": "CELU",
    "selu": "SELU",
    "exp": "exponential",
    "pow": "power",
}


def power(log10: float) -> str:
    """The number with this log10, to two figures: "0.8", "1.7e-07", "exactly 0"."""
    if math.isinf(log10):
        return "infinity" if log10 > 0 else "exactly 0"
    if _PLAIN_FROM <= log10 < _PLAIN_TO:
        value = 10.0**log10
        return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
    exponent = math.floor(log10)
    mantissa = round(10.0 ** (log10 - exponent), 1)
    if mantissa >= 10.0:
        mantissa, exponent = 1.0, exponent + 1
    return f"{mantissa:.1f}e{exponent:+03d}"


def function_name(name: str) -> str:
    """An activation as people write it: "sigmoid", "ReLU", "hard sigmoid"."""
    return _FUNCTIONS.get(name, name.replace("_", " "))


def function_names(nodes: Iterable[Node], family: str) -> str:
    """The one function of these activations, or what they have in common."""
    names = {node.get("function") for node in nodes}
    return function_name(names.pop()) if len(names) == 1 else family


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun: "1 layer", "10 layers", "2 branches"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))


def layer_name(node: Node, network: Network) -> str:
    """A weighted layer by its name and its place among the weighted layers: "`dense` (layer 1)"."""
    place = next((index for index, other in enumerate(network.weighted, 1) if other is node), None)
    name = f"`{node.name or node.class_name.rpartition('.')[2] or node.kind}`"
    return f"{name} (layer {place})" if place is not None else name


_SCHEMES = {"he": "He", "xavier": "Xavier", "keras": "Glorot", "lecun": "LeCun", "torch": "He (a=sqrt(5))"}


def scheme_name(layers: Iterable[Node]) -> str:
    """The initialization scheme of most of these layers, as people write it."""
    schemes = Counter(layer.parameters["weight"].distribution.scheme for layer in layers)
    scheme = schemes.most_common(1)[0][0]
    return _SCHEMES.get(scheme, scheme)


def default_initialization(layers: Iterable[Node]) -> str:
    """The default that the framework chose for most of these layers; empty where the user chose."""
    texts = Counter(_DEFAULTS.get(layer.parameters["weight"].distribution.scheme, "") for layer in layers)
    return texts.most_common(1)[0][0] if texts else ""


_DEFAULTS = {"torch": "torch's default initialization", "keras": "Keras's default initialization"}


def activation_after(layers: Iterable[Node], network: Network) -> str:
    """The activation that most of these layers have, as people write it."""
    structure = Structure(network)
    functions = Counter(
        activation.get("function") if (activation := structure.activation_of(layer)) else "linear" for layer in layers
    )
    return function_name(str(functions.most_common(1)[0][0]))
