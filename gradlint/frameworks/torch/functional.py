"""`torch.*`, `torch.nn.functional.*`, `torch.linalg.*` and the like: the tables of functions put together."""

from __future__ import annotations

from gradlint.evaluation.values import Value
from gradlint.frameworks.torch.functions import (
    activations,
    attention,
    elementwise,
    joining,
    linear_algebra,
    neural,
    picking,
    reductions,
    resize,
    signals,
    views,
)
from gradlint.frameworks.torch.functions.tables import Table

TABLE = Table()
TABLE.include(
    elementwise.TABLE,
    activations.TABLE,
    reductions.TABLE,
    views.TABLE,
    joining.TABLE,
    picking.TABLE,
    linear_algebra.TABLE,
    neural.TABLE,
    attention.TABLE,
    resize.TABLE,
    signals.TABLE,
)

NAMES: dict[str, Value] = TABLE.names
