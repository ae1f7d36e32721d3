"""Shape arithmetic shared by all frameworks: pure functions of sizes, no graph and no framework names.

A shape is a tuple of sizes, or None while it is unknown; functions that take shapes return None when one that
matters is None, and raise `ShapeMismatch` where the framework would raise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from gradlint.evaluation.errors import Demand, ShapeMismatch
from gradlint.network import Shape

Pads = tuple[tuple[int, int], ...]


def is_size(value: Any) -> bool:
    """Whether `value` is a known integer (and no truth value)."""
    return type(value) is int or (isinstance(value, int) and type(value) is not bool)


def sizes(value: Any) -> Shape | None:
    """`value` (an integer or a sequence of integers) as a shape; None when an entry is not known."""
    if is_size(value):
        return (value,)
    if not isinstance(value, (tuple, list)):
        return None
    flat = value[0] if len(value) == 1 and isinstance(value[0], (tuple, list)) else value
    return tuple(flat) if all(is_size(size) for size in flat) else None


def axis_of(axis: int, rank: int, shape: Shape | None = None) -> int:
    """`axis` counted from the front; raises ShapeMismatch when a tensor of this rank, and `shape`, has no such axis."""
    if not -max(rank, 1) <= axis < max(rank, 1):
        demand = None if shape is None else Demand(shape, axis + 1 if axis >= 0 else -axis)
        raise ShapeMismatch(f"dimension {axis} is out of range for a tensor of {rank} dimensions", demand)
    return axis + rank if axis < 0 else axis


def axes_of(axes: Any, rank: int) -> tuple[int, ...] | None:
    """`axes` (None for all, an integer, or several) counted from the front; None when not known."""
    if axes is None or (isinstance(axes, (tuple, list)) and not axes):
        return tuple(range(rank))
    chosen = sizes(axes)
    return None if chosen is None else tuple(axis_of(axis, rank) for axis in chosen)


def broadcast(*shapes: Shape | None) -> Shape | None:
    """The shape of an elementwise operation on operands of these shapes."""
    if len(shapes) == 2 and shapes[0] == shapes[1]:
        return shapes[0]
    result: list[int] = []
    for shape in shapes:
        if shape is None:
            return None
        if len(shape) > len(result):
            result = [1] * (len(shape) - len(result)) + result
        offset = len(result) - len(shape)
        for position, size in enumerate(shape, offset):
            present = result[position]
            if present == 1:
                result[position] = size
            elif size not in (1, present):
                raise ShapeMismatch(f"sizes {present} and {size} do not fit at dimension {position}")
    return tuple(result)


def matmul(left: Shape | None, right: Shape | None) -> Shape | None:
    """The shape of `left @ right` with the rules of numpy, torch and Keras."""
    if left is None or right is None:
        return None
    if not left or not right:
        raise ShapeMismatch("matrix product with a scalar")
    rows = left[:-1][-1:]
    columns = right[-1:] if len(right) > 1 else ()
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        raise ShapeMismatch(f"matrix product of {left} and {right}: sizes {left[-1]} and {inner} differ")
    batch = broadcast(left[:-2], right[:-2])
    return None if batch is None else (*batch, *rows, *columns)


def reduced(shape: Shape | None, axes: Sequence[int] | None, keep: bool = False) -> Shape | None:
    """The shape after a reduction over `axes` (already counted from the front)."""
    if shape is None or axes is None:
        return None
    if keep:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def viewed(shape: Shape | None, new: Sequence[Any]) -> Shape | None:
    """The shape of a view: `new` may hold one -1, or one size that is not known, which is inferred."""
    open_axes = [axis for axis, size in enumerate(new) if not is_size(size) or size == -1]
    if not open_axes:
        result = tuple(new)
        if shape is not None and math.prod(shape) != math.prod(result):
            raise ShapeMismatch(f"a tensor of shape {shape} cannot be viewed as {result}", _rows_of(shape, result))
        return result
    if shape is None or len(open_axes) > 1:
        return None
    known = math.prod(size for axis, size in enumerate(new) if axis != open_axes[0])
    total = math.prod(shape)
    if known == 0 or total % known:
        raise ShapeMismatch(f"a tensor of shape {shape} cannot be viewed as {tuple(new)}", _rows_of(shape, new))
    return tuple(total // known if axis == open_axes[0] else size for axis, size in enumerate(new))


def _rows_of(shape: Shape, new: Sequence[Any]) -> Demand | None:
    """What a view as rows of known length asks for."""
    return Demand(shape, 2, -1, new[1]) if len(new) == 2 and is_size(new[1]) and new[1] > 0 else None


def flattened(shape: Shape | None, start: int, end: int) -> Shape | None:
    """The shape with the axes from `start` to `end` (inclusive) merged into one."""
    if shape is None:
        return None
    if not shape:
        return (1,)
    first, last = axis_of(start, len(shape)), axis_of(end, len(shape))
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


def permuted(shape: Shape | None, order: Sequence[int]) -> Shape | None:
    """The shape with its axes in this order."""
    return None if shape is None else tuple(shape[axis] for axis in order)


def moved(rank: int, source: Sequence[int], destination: Sequence[int]) -> tuple[int, ...]:
    """The order of axes that moves each `source` axis to its `destination` and leaves the others in order."""
    placed = dict(zip(destination, source, strict=True))
    others = iter(axis for axis in range(rank) if axis not in source)
    return tuple(placed[axis] if axis in placed else next(others) for axis in range(rank))


def concatenated(shapes: Sequence[Shape | None], axis: int) -> Shape | None:
    """The shape of a concatenation along `axis`; empty one-dimensional tensors are skipped, as torch does."""
    known = [shape for shape in shapes if shape is not None and shape != (0,)]
    if len(known) < sum(shape != (0,) for shape in shapes) or not known:
        return (0,) if shapes and not known and None not in shapes else None
    first = known[0]
    axis = axis_of(axis, len(first))
    for shape in known[1:]:
        if len(shape) != len(first) or any(
            a != b for position, (a, b) in enumerate(zip(first, shape, strict=True)) if position != axis
        ):
            raise ShapeMismatch(f"shapes {first} and {shape} cannot be concatenated along dimension {axis}")
    return (*first[:axis], sum(shape[axis] for shape in known), *first[axis + 1 :])


def per_axis(value: Any, count: int) -> tuple[int, ...] | None:
    """A setting per spatial axis from one integer or a sequence; None when it is not known."""
    if is_size(value):
        return (value,) * count
    if isinstance(value, (tuple, list)) and len(value) in (count, 1) and all(map(is_size, value)):
        return tuple(value) if len(value) == count else tuple(value) * count
    return None


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> Pads:
    """The padding that torch's `padding="same"` adds (stride 1): the larger half behind."""
    totals = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def window(
    size: int, kernel: int, stride: int, pads: tuple[int, int] = (0, 0), dilation: int = 1, ceil: bool = False
) -> int:
    """How many places a window of this kernel takes along an axis (convolution and pooling arithmetic).

    With `ceil`, a last window that starts inside the input or its front padding counts too (torch's `ceil_mode`).
    """
    if stride <= 0:
        raise ShapeMismatch("stride must be positive")
    span = size + pads[0] + pads[1] - dilation * (kernel - 1) - 1
    if span < 0:
        raise ShapeMismatch(f"kernel size {kernel} is larger than the padded input {size + sum(pads)}")
    if not ceil:
        return span // stride + 1
    places = -(-span // stride) + 1
    return places - 1 if (places - 1) * stride >= size + pads[0] else places


def convolved(
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    ceil: bool = False,
) -> Shape:
    """Spatial sizes after a convolution or pooling; `padding` holds (before, after) pairs."""
    rows = zip(spatial, kernel, stride, padding, dilation, strict=True)
    return tuple([window(n, k, s, p, d, ceil) for n, k, s, p, d in rows])


def deconvolved(
    spatial: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> Shape:
    """Spatial sizes after a transposed convolution."""
    rows = zip(spatial, kernel, stride, padding, dilation, output_padding, strict=True)
    result = tuple((n - 1) * s - p[0] - p[1] + d * (k - 1) + o + 1 for n, k, s, p, d, o in rows)
    if any(size < 1 for size in result):
        raise ShapeMismatch(f"transposed convolution of {tuple(spatial)} leaves nothing: {result}")
    return result


def resized(spatial: Sequence[int], scale: Any) -> Shape | None:
    """Spatial sizes after interpolation by `scale` (one number or one per axis); None when it is not known."""
    scales = scale if isinstance(scale, (tuple, list)) else (scale,) * len(spatial)
    if len(scales) != len(spatial) or not all(isinstance(factor, (int, float)) for factor in scales):
        return None
    return tuple(math.floor(size * factor) for size, factor in zip(spatial, scales, strict=True))


def split_sizes(total: int, size: int) -> tuple[int, ...]:
    """Lengths of the pieces of at most `size` entries that `total` entries are cut into."""
    if size <= 0:
        raise ShapeMismatch("split size must be positive")
    return tuple(min(size, total - start) for start in range(0, total, size)) or (0,)


def chunk_sizes(total: int, count: int) -> tuple[int, ...]:
    """Lengths of torch's `chunk`: equal pieces but the last, possibly fewer than asked for."""
    if count <= 0:
        raise ShapeMismatch("chunk expects at least one piece")
    return split_sizes(total, max(1, -(-total // count)))


def even_sizes(total: int, count: int) -> tuple[int, ...]:
    """Lengths of `tensor_split` (numpy's `array_split`): exactly `count` pieces, the longer ones first."""
    if count <= 0:
        raise ShapeMismatch("at least one piece is needed")
    base, extra = divmod(total, count)
    return tuple(base + 1 if piece < extra else base for piece in range(count))


def adaptive(spatial: Sequence[int], output: Any) -> Shape | None:
    """Spatial sizes of adaptive pooling: None entries of `output` keep the input's size."""
    wanted = output if isinstance(output, (tuple, list)) else (output,) * len(spatial)
    if len(wanted) == 1:
        wanted = tuple(wanted) * len(spatial)
    if len(wanted) != len(spatial):
        return None
    result = tuple(size if want is None else want for size, want in zip(spatial, wanted, strict=True))
    return result if all(is_size(size) for size in result) else None


_FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
_INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")


def is_floating(dtype: str) -> bool:
    """Whether tensors of this dtype can carry a gradient."""
    return dtype not in _INTEGERS


def promoted(dtypes: Iterable[str]) -> str:
    """The dtype of an operation on tensors of these dtypes; float16 with bfloat16 gives float32."""
    best = ""
    for dtype in dtypes:
        if {dtype, best} == {"float16", "bfloat16"}:
            best = "float32"
        elif not best or _rank(dtype) > _rank(best):
            best = dtype
    return best or "float32"


def _rank(dtype: str) -> int:
    if dtype in _FLOATS:
        return len(_INTEGERS) + _FLOATS.index(dtype)
    return _INTEGERS.index(dtype) if dtype in _INTEGERS else len(_INTEGERS)
