"""Dropout layers: one row each."""

from __future__ import annotations

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import nodes
from gradlint.frameworks.torch.arguments import as_number, input_tensor
from gradlint.frameworks.torch.layers import layer_class
from gradlint.network import Kind

NAMES: dict[str, Value] = {}

_TYPES = {
    "Dropout": "element",
    "Dropout1d": "channel",
    "Dropout2d": "channel",
    "Dropout3d": "channel",
    "AlphaDropout": "alpha",
    "FeatureAlphaDropout": "alpha",
}


def _init(ctx: Context, self: Instance, p: Value = 0.5, inplace: Value = False) -> None:
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        ctx.fail("ValueError", f"dropout probability has to be between 0 and 1, but got {p}")
    self.attrs["p"], self.attrs["inplace"] = p, inplace


def _define(name: str, kind: str) -> None:
    class_name = f"torch.nn.{name}"

    def forward(ctx: Context, self: Instance, input: Value) -> Tensor:  # noqa: A002
        x = input_tensor(ctx, input)
        result = ctx.emit(
            Kind.DROPOUT,
            (x,),
            x.shape,
            attributes={"rate": as_number(self.attrs.get("p")), "type": kind},
            class_name=class_name,
            layer=self,
        )
        return nodes.adopt(ctx, x, result) if self.attrs.get("inplace") is True and x.parameter is None else result

    layer_class(NAMES, name, {"forward": forward}, base="torch.nn._DropoutNd")


layer_class(NAMES, "_DropoutNd", {"__init__": _init})
for _name, _kind in _TYPES.items():
    _define(_name, _kind)
