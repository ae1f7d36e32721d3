"""Einstein summation: equations, the shape they give, and how one operand acts as the weights of a linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.network import Shape

# Labels that stand for the axes behind an ellipsis; no letter of an equation can be one of these.
_ELLIPSIS_LABELS = tuple(chr(0x2460 + index) for index in range(20))


@dataclass(frozen=True, slots=True)
class Equation:
    """An equation with its ellipses written out: one string of labels per operand, and those of the result."""

    operands: tuple[str, ...]
    result: str

    def sizes(self, shapes: Sequence[Shape]) -> dict[str, int]:
        """The size behind each label; raises ShapeMismatch where operands disagree."""
        found: dict[str, int] = {}
        for labels, shape in zip(self.operands, shapes, strict=True):
            if len(labels) != len(shape):
                message = f"einsum operand of shape {shape} for the labels {labels!r}"
                raise ShapeMismatch(message, Demand(shape, len(labels)))
            for label, size in zip(labels, shape, strict=True):
                present = found.get(label, 1)
                if present not in (1, size) and size != 1:
                    raise ShapeMismatch(f"einsum label {label!r} has the sizes {present} and {size}")
                found[label] = size if present == 1 else present
        return found

    def shape(self, shapes: Sequence[Shape]) -> Shape:
        """The shape of the result."""
        found = self.sizes(shapes)
        return tuple(found[label] for label in self.result)


def parse_equation(text: str, ranks: Sequence[int]) -> Equation | None:
    """The equation `text` for operands of these ranks; None when it is not one."""
    left, arrow, right = text.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        return None
    operands: list[str] = []
    widest = 0
    for part, rank in zip(parts, ranks, strict=True):
        hidden = rank - len(part.replace("...", "")) if "..." in part else 0
        if not 0 <= hidden <= len(_ELLIPSIS_LABELS):
            return None
        widest = max(widest, hidden)
        operands.append(part.replace("...", "".join(_ELLIPSIS_LABELS[len(_ELLIPSIS_LABELS) - hidden :])))
    ellipsis = "".join(_ELLIPSIS_LABELS[len(_ELLIPSIS_LABELS) - widest :])
    if arrow:
        result = right.replace("...", ellipsis)
    else:
        joined = "".join(parts).replace("...", "")
        result = ellipsis + "".join(sorted(label for label in set(joined) if joined.count(label) == 1))
    labels = set("".join(operands))
    if any(label not in labels for label in result) or "." in result + "".join(operands):
        return None
    return Equation(tuple(operands), result)


@dataclass(frozen=True, slots=True)
class LinearForm:
    """A product with weights, as a linear layer between two rearrangements.

    `x` is permuted by `order` and its last axes are merged into `in_features`; the sizes of the others are `kept`.
    The result, viewed as `unmerged`, is permuted by `restore`.
    """

    order: tuple[int, ...]
    kept: Shape
    in_features: int
    out_features: int
    unmerged: Shape
    restore: tuple[int, ...]


def as_linear(equation: Equation, shapes: Sequence[Shape], weight: int) -> LinearForm | None:
    """How the two-operand `equation` is a linear layer with operand `weight` as its weights.

    None when it is none: a label that all three share makes it a product per group, and a label that is summed
    over in one operand alone is no linear layer either.
    """
    if len(equation.operands) != 2:
        return None
    x, w, result = equation.operands[1 - weight], equation.operands[weight], equation.result
    if any(len(set(labels)) != len(labels) for labels in (x, w, result)):
        return None
    contracted = [label for label in w if label in x and label not in result]
    produced = [label for label in w if label not in x and label in result]
    kept = [label for label in x if label in result and label not in w]
    if not contracted or len(contracted) + len(produced) != len(w) or len(contracted) + len(kept) != len(x):
        return None
    found = equation.sizes(shapes)
    in_features = out_features = 1
    for label in contracted:
        in_features *= found[label]
    for label in produced:
        out_features *= found[label]
    unmerged = [*kept, *produced]
    return LinearForm(
        tuple(x.index(label) for label in [*kept, *contracted]),
        tuple(found[label] for label in kept),
        in_features,
        out_features,
        tuple(found[label] for label in unmerged),
        tuple(unmerged.index(label) for label in result),
    )
