"""Functions of torch for signals and numerics: short-time Fourier transforms, integrals, frequencies, quantization."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Value
from gradlint.frameworks import operators, shapes
from gradlint.frameworks.nodes import constant, integer, reduction, stopped
from gradlint.frameworks.torch.functions.tables import Table, tensor
from gradlint.network import Shape

TABLE = Table()


def _stft(
    ctx: Context,
    input: Value,
    n_fft: Value,
    hop_length: Value = None,
    win_length: Value = None,
    window: Value = None,
    center: Value = True,
    pad_mode: Value = "reflect",
    normalized: Value = False,
    onesided: Value = None,
    return_complex: Value = None,
    **rest: Value,
) -> Value:
    x, size = tensor(ctx, input), integer(n_fft)
    hop = integer(hop_length) if hop_length is not None else None if size is None else size // 4
    shape: Shape | None = None
    if x.shape is not None and size is not None and hop:
        length = x.shape[-1] + (2 * (size // 2) if center is not False else 0)
        bins = size if onesided is False else size // 2 + 1
        shape = (*x.shape[:-1], bins, (length - size) // hop + 1)
        shape = shape if return_complex is True else (*shape, 2)
    result = ctx.opaque("torch.stft is not modelled", [x], shape)
    result.dtype = "complex64" if return_complex is True else "float32"
    return result


def _istft(
    ctx: Context,
    input: Value,
    n_fft: Value,
    hop_length: Value = None,
    win_length: Value = None,
    window: Value = None,
    center: Value = True,
    normalized: Value = False,
    onesided: Value = None,
    length: Value = None,
    return_complex: Value = False,
) -> Value:
    x, size, wanted = tensor(ctx, input), integer(n_fft), integer(length)
    hop = integer(hop_length) if hop_length is not None else None if size is None else size // 4
    shape: Shape | None = None
    if x.shape is not None and size is not None and hop:
        samples = size + hop * (x.shape[-1] - 1) - (2 * (size // 2) if center is not False else 0)
        shape = (*x.shape[:-2], samples if wanted is None else wanted)
    result = ctx.opaque("torch.istft is not modelled", [x], shape)
    result.dtype = "float32"
    return result


def _integral(ctx: Context, y: Value, x: Value = None, *, dx: Value = None, dim: Value = -1) -> Value:
    values, axis = tensor(ctx, y), integer(dim)
    shape = None
    if values.shape is not None and axis is not None:
        shape = shapes.reduced(values.shape, (shapes.axis_of(axis, len(values.shape), values.shape),))
    return ctx.opaque("torch.trapezoid is not modelled", [values], shape)


def _vecdot(ctx: Context, x: Value, y: Value, *, dim: Value = -1, out: Value = None) -> Value:
    product, axis = operators.multiply(ctx, tensor(ctx, x), tensor(ctx, y)), integer(dim)
    axes = None
    if product.shape is not None and axis is not None:
        axes = (shapes.axis_of(axis, len(product.shape), product.shape),)
    return reduction(ctx, product, "sum", axes, class_name="torch.linalg.vecdot")


def _frequencies(halved: bool) -> Callable[..., Value]:
    def apply(ctx: Context, n: Value, d: Value = 1.0, **rest: Value) -> Value:
        count = integer(n)
        if count is not None and halved:
            count = count // 2 + 1
        return constant(ctx, None if count is None else (count,))

    return apply


def _bitwise_not(ctx: Context, input: Value, *, out: Value = None) -> Value:
    return operators.unary_operation(ctx, "~", tensor(ctx, input))


def _same_shape(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
        x = tensor(ctx, input)
        return ctx.opaque(f"torch.{name} is not modelled", [x], x.shape)

    return apply


def _quantized(ctx: Context, input: Value, *args: Value, **kwargs: Value) -> Value:
    x = tensor(ctx, input)
    return stopped(ctx, (x,), "quantize", x.shape, x.dtype)


TABLE.add("stft", _stft)
TABLE.add("istft", _istft)
TABLE.add("trapezoid trapz", _integral, "t")
TABLE.add("vecdot", _vecdot, "l")
TABLE.add("fftfreq", _frequencies(False), "x")
TABLE.add("rfftfreq", _frequencies(True), "x")
TABLE.add("bitwise_not", _bitwise_not, "tmi")
for _name in ("renorm", "mvlgamma", "polygamma", "cholesky_inverse"):
    TABLE.add(_name, _same_shape(_name))
# The gradient passes these as if nothing were rounded.
for _name in ("fake_quantize_per_tensor_affine", "fake_quantize_per_channel_affine"):
    TABLE.add(_name, _same_shape(_name), "t")
TABLE.add("quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic", _quantized, "t")
