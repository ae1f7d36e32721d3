"""Products of two tensors that are both signals: matmul and einsum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradlint.network import Node
from gradlint.propagation.context import Context, NotModelled, describe
from gradlint.propagation.geometry import axis_size, entries
from gradlint.propagation.signal import Gradient, Signal


class Contraction(NamedTuple):
    """Axes that are summed over, by operand, and how many entries that are; rows and columns that are kept."""

    length: float
    left: tuple[int, ...]
    right: tuple[int, ...]
    rows: float
    columns: float
    row_axis: int
    column_axis: int


def contraction(node: Node) -> Contraction:
    """What a MATMUL node sums over.

    Raises:
        NotModelled: for an einsum of more than two operands.
    """
    if len(node.inputs) != 2:
        raise NotModelled(f"a product of {len(node.inputs)} tensors at {describe(node)} is not known")
    first, second = node.inputs
    ranks = [len(n.shape) if n.shape is not None else 2 for n in (first, second)]
    equation = node.get("equation")
    if equation and "->" in equation and "." not in equation:
        terms, result = equation.replace(" ", "").split("->")
        names = terms.split(",")
        if len(names) == 2:
            a, b = names
            summed = [x for x in a if x in b and x not in result]
            rows = [x for x in a if x not in b and x in result]
            columns = [x for x in b if x not in a and x in result]
            length = rows_count = columns_count = 1
            for x in summed:
                length *= axis_size(first.shape, a.index(x))
            for x in rows:
                rows_count *= axis_size(first.shape, a.index(x))
            for x in columns:
                columns_count *= axis_size(second.shape, b.index(x))
            return Contraction(
                float(length),
                tuple(a.index(x) for x in summed),
                tuple(b.index(x) for x in summed),
                float(rows_count),
                float(columns_count),
                a.index(rows[-1]) if rows else -1,
                b.index(columns[-1]) if columns else -1,
            )
    inner = max(ranks[1] - 2, 0)
    return Contraction(
        float(axis_size(first.shape, -1)),
        (ranks[0] - 1,),
        (inner,),
        float(axis_size(first.shape, -2)) if ranks[0] > 1 else 1.0,
        float(axis_size(second.shape, -1)) if ranks[1] > 1 else 1.0,
        ranks[0] - 2,
        ranks[1] - 1,
    )


def _along(signal: Signal, axes: Sequence[int]) -> float:
    """E[x x'] of two entries that differ along these axes."""
    if signal.channel in axes:
        return signal.units if len(axes) == 1 else signal.elsewhere(signal.positions)
    return signal.positions


def forward(node: Node, inputs: Sequence[Signal], context: Context) -> Signal:
    """y_ij = sum_k a_ik b_kj for independent a and b."""
    a, b = inputs
    parts = contraction(node)
    k = parts.length
    inner_a, inner_b = _along(a, parts.left), _along(b, parts.right)
    row, column = _along(a, (parts.row_axis,)), _along(b, (parts.column_axis,))
    apart_a = a.elsewhere(row if parts.left and a.channel in parts.left else inner_a)
    apart_b = b.elsewhere(column if parts.right and b.channel in parts.right else inner_b)

    def total(same_a: float, same_b: float, other_a: float, other_b: float) -> float:
        return k * (same_a * same_b + (k - 1.0) * other_a * other_b)

    rank = len(node.shape) if node.shape is not None else 2
    return Signal(
        k * a.mean * b.mean,
        total(a.square, b.square, inner_a, inner_b),
        total(a.samples, b.samples, a.elsewhere(a.samples), b.elsewhere(b.samples)),
        total(row, b.square, apart_a, inner_b),
        total(min(row, a.samples), b.samples, a.elsewhere(a.apart), b.elsewhere(b.samples)),
        total(a.square, column, inner_a, apart_b),
        rank - 1,
    )


def backward(node: Node, gradient: Gradient, context: Context) -> list[Gradient]:
    """The gradient of a is dY b^T, that of b is a^T dY."""
    a, b = (context.signal(n) for n in node.inputs)
    parts = contraction(node)
    column, row = _along(b, (parts.column_axis,)), _along(a, (parts.row_axis,))
    to_left = parts.length * (b.square + (parts.columns - 1.0) * max(gradient.units, 0.0) * column)
    to_right = parts.length * (a.square + (parts.rows - 1.0) * max(gradient.positions, 0.0) * row)
    size_a, size_b = entries(node.inputs[0]), entries(node.inputs[1])
    if size_a <= 1 or size_b <= 1:
        return [gradient.times(to_left), gradient.times(to_right)]
    # The rows of A^T dY are sums over the same rows of dY: alike as far as those of A are.
    inner = _along(a, parts.left)
    alike = (inner + (parts.rows - 1.0) * max(gradient.positions, 0.0) * a.elsewhere(row)) / max(
        a.square + (parts.rows - 1.0) * max(gradient.positions, 0.0) * row, 1e-300
    )
    samples, positions, units = gradient.samples, gradient.positions, gradient.units
    overlap, local = gradient.overlap, gradient.local
    return [
        gradient.changed(to_left, samples, positions, 0.0, overlap, local),
        gradient.changed(to_right, samples, min(max(alike, 0.0), 1.0), units, overlap, local),
    ]
