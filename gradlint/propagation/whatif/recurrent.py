"""Changes to recurrent layers: another cell, the forget bias, the recurrent kernel."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gradlint.network import Distribution, Framework, Kind, Node, Parameter
from gradlint.propagation.recurrent import GATES
from gradlint.propagation.whatif.rewriting import Rewriting, Rule

_GATED = ("lstm", "gru", "conv_lstm")
_ORDERS = {
    Framework.TORCH: {"rnn": "n", "lstm": "ifgo", "gru": "rzn"},
    Framework.KERAS: {"rnn": "n", "lstm": "ifgo", "gru": "zrn"},
}


def _plain(node: Node) -> bool:
    return node.kind is Kind.RECURRENT and bool(node.parameters)


def recurrent_cell(kind: str) -> Rule:
    """Another cell of the same size, with the framework's default weights."""

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        hidden = old.get("hidden_size")
        if not _plain(old) or old.get("cell") == kind or old.get("cell") not in GATES or not hidden:
            return None
        framework = rewriting.network.framework
        gates = _ORDERS[framework][kind]
        attributes: dict[str, Any] = {
            **old.attributes,
            "cell": kind,
            "gates": gates,
            "activation": "tanh",
            "recurrent_activation": None if kind == "rnn" else "sigmoid",
            "reset_after": kind == "gru",
        }
        before = len(old.get("gates") or GATES[str(old.get("cell", "rnn"))])
        copy.attributes = attributes
        copy.parameters = {
            role: rewriting.replaced(old.parameters[role], _default(role, p, before, gates, int(hidden), framework))
            for role, p in copy.parameters.items()
        }
        return None

    return rule


def _default(role: str, old: Parameter, before: int, gates: str, hidden: int, framework: Framework) -> Parameter:
    """The framework's default for a kernel or bias of another number of gates."""
    after = len(gates)
    shape = None
    if old.shape is not None:
        axis = 0 if framework is Framework.TORCH else len(old.shape) - 1
        shape = tuple(n // before * after if i == axis else n for i, n in enumerate(old.shape))
    if framework is Framework.TORCH:
        each = Distribution("uniform", 0.0, 1.0 / math.sqrt(3.0 * hidden), "torch")
        return Parameter(shape, each, name=old.name)
    if role.startswith("bias"):
        return Parameter(shape, _forgetting(Distribution("constant", text="zeros"), gates, hidden, 1.0), name=old.name)
    if role.startswith("weight_hh"):
        std = 1.0 / math.sqrt(hidden * after)
        return Parameter(shape, Distribution("orthogonal", 0.0, std, "orthogonal"), name=old.name)
    fans = sum(shape) if shape is not None else hidden * (after + 1)
    return Parameter(shape, Distribution("uniform", 0.0, math.sqrt(2.0 / fans), "keras"), name=old.name)


def _forgetting(bias: Distribution, gates: str, hidden: int, value: float) -> Distribution:
    """The bias with the part of the gate that keeps the memory set to a number."""
    gate = "f" if "f" in gates else "z" if "z" in gates else ""
    if not gate:
        return bias
    start = gates.index(gate) * hidden
    part = Distribution("constant", value, 0.0, "constant", text=f"{value:g}", explicit=True)
    return replace(bias, parts=(((0, start, start + hidden), part),))


def forget_bias(value: float) -> Rule:
    """The forget gate of an LSTM, or the update gate of a GRU, that starts open."""

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        hidden = old.get("hidden_size")
        if not _plain(old) or not hidden or old.get("cell") not in _GATED:
            return None
        gates = old.get("gates") or GATES[str(old.get("cell"))]
        for role in copy.parameters:
            if role.startswith("bias_"):
                first = role.startswith("bias_ih")
                current = replace(copy.parameters[role].distribution, parts=())
                changed = _forgetting(current, gates, int(hidden), value if first else 0.0)
                rewriting.initialize(copy, role, changed)
        return None

    return rule


def orthogonal_kernel() -> Rule:
    """A recurrent kernel that keeps norms, for each gate."""

    def rule(rewriting: Rewriting, old: Node, copy: Node) -> Node | None:
        hidden = old.get("hidden_size")
        if not _plain(old) or not hidden:
            return None
        std = 1.0 / math.sqrt(float(hidden))
        for role in copy.parameters:
            if role.startswith("weight_hh"):
                rewriting.initialize(copy, role, Distribution("orthogonal", 0.0, std, "orthogonal"))
        return None

    return rule
