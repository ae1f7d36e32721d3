"""Dense, EinsumDense, Embedding, and the layers that change nothing or call a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.errors import ShapeMismatch
from gradlint.evaluation.values import Instance, Tensor, Value
from gradlint.frameworks import nodes, shapes
from gradlint.frameworks.einsum import as_linear, parse_equation
from gradlint.frameworks.keras.activations import apply_activation
from gradlint.frameworks.keras.arguments import integer, signature
from gradlint.frameworks.keras.initializers import FanAxes
from gradlint.frameworks.keras.layer import LayerSpec
from gradlint.frameworks.keras.weights import parameters, weight
from gradlint.network import Kind

PENALTIES = {
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
"""The arguments of layers with a kernel and a bias that do not matter to the graph."""


def last_size(shape: Value) -> int | None:
    """The size of the last axis of a shape, where it is known."""
    return integer(shape[-1]) if isinstance(shape, (list, tuple)) and shape else None


def dense_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    """Kernel (inputs, units) and bias (units)."""
    units = self.attrs.get("units")
    inputs = last_size(input_shape)
    self.hidden["built"] = inputs is not None
    shape = (inputs, units) if inputs is not None else None
    weight(ctx, self, "kernel", shape, self.attrs.get("kernel_initializer"))
    if self.attrs.get("use_bias") is not False:
        weight(ctx, self, "bias", (units,), self.attrs.get("bias_initializer"))
    else:
        self.attrs["bias"] = None


def dense_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """One LINEAR node, then the activation."""
    x = ctx.as_tensor(inputs)
    units = integer(self.attrs.get("units"))
    kernel = self.attrs.get("kernel")
    in_features = kernel.shape[0] if isinstance(kernel, Tensor) and kernel.shape else None
    if x.shape is not None and in_features is not None and (not x.shape or x.shape[-1] != in_features):
        raise ShapeMismatch(f"{self.attrs.get('name')} expects {in_features} features, but the input is {x.shape}")
    shape = (*x.shape[:-1], units) if x.shape is not None and units is not None else None
    out = ctx.emit(
        Kind.LINEAR,
        [x],
        shape,
        attributes={"in_features": in_features, "out_features": units},
        parameters=parameters(weight=_tensor(kernel), bias=_tensor(self.attrs.get("bias"))),
        class_name="keras.layers.Dense",
        layer=self,
        dtype="float32",
    )
    return apply_activation(ctx, self.attrs.get("activation"), out, self)


def _tensor(value: Value) -> Tensor | None:
    return value if isinstance(value, Tensor) else None


def einsum_shapes(
    equation: Value, output: Value, bias_axes: Value, input_shape: Sequence[Value] | None
) -> tuple[tuple[Any, ...], tuple[Any, ...] | None, tuple[Any, ...]] | None:
    """Kernel shape, bias shape and output shape of an EinsumDense; None when they cannot be known."""
    if not isinstance(equation, str) or not isinstance(input_shape, (list, tuple)):
        return None
    left, _, result = equation.replace(" ", "").partition("->")
    operand, _, kernel = left.partition(",")
    rank = len(input_shape)
    wanted = tuple(output) if isinstance(output, (list, tuple)) else (output,)
    if "..." in operand:
        hidden = rank - len(operand.replace("...", ""))
        if operand.startswith("..."):
            input_labels: list[str] = [*("",) * hidden, *operand[3:]]
            leading = True
        else:
            input_labels, leading = [*operand.replace("...", ""), *("",) * hidden], False
    else:
        input_labels, leading, hidden = list(operand), True, 0
    if len(input_labels) != rank:
        raise ShapeMismatch(f"EinsumDense {equation} on an input of {rank} axes")
    sizes = {label: size for label, size in zip(input_labels, input_shape, strict=True) if label}
    result_labels = result.replace("...", "")
    named = [*("",) * hidden, *result_labels] if leading else [*result_labels, *("",) * hidden]
    kept = len(named) - len(wanted)
    full = [*input_shape[:kept], *wanted] if kept >= 0 else list(wanted)
    for axis, (label, size) in enumerate(zip(named, full, strict=True)):
        if size is None:
            full[axis] = sizes.get(label) if label else input_shape[axis]
        if label and label not in sizes:
            sizes[label] = full[axis]
    kernel_shape = tuple(sizes.get(label) for label in kernel)
    bias_shape = None
    if isinstance(bias_axes, str):
        first = min((result_labels.find(label) for label in bias_axes), default=0)
        bias_shape = tuple(sizes.get(label) if label in bias_axes else 1 for label in result_labels[first:])
    return kernel_shape, bias_shape, tuple(full)


def kernel_axes(equation: Value) -> FanAxes | None:
    """The axes of the kernel of an einsum that are summed over, and those that it brings into the result."""
    if not isinstance(equation, str) or "," not in equation:
        return None
    left, _, result = equation.replace(" ", "").partition("->")
    kernel = left.partition(",")[2]
    produced = tuple(axis for axis, label in enumerate(kernel) if label in result)
    return tuple(axis for axis in range(len(kernel)) if axis not in produced), produced


def _einsum_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    attrs = self.attrs
    known = einsum_shapes(attrs.get("equation"), self.hidden.get("output_size"), attrs.get("bias_axes"), input_shape)
    self.hidden["built"] = known is not None
    kernel, bias, full = known if known is not None else (None, None, None)
    self.attrs["full_output_shape"] = full
    axes = kernel_axes(attrs.get("equation"))
    weight(ctx, self, "kernel", kernel, attrs.get("kernel_initializer"), axes=axes)
    if attrs.get("bias_axes") is not None:
        weight(ctx, self, "bias", bias, attrs.get("bias_initializer"))
    else:
        attrs["bias"] = None


def _einsum_setup(ctx: Context, self: Instance) -> None:
    self.hidden["output_size"] = self.attrs.pop("output_shape", None)


def _einsum_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    return apply_activation(
        ctx, self.attrs.get("activation"), projected(ctx, self, ctx.as_tensor(inputs), "keras.layers.EinsumDense"), self
    )


def projected(ctx: Context, self: Instance, x: Tensor, class_name: str) -> Tensor:
    """The LINEAR node of an EinsumDense between the rearrangements that its equation asks for."""
    kernel, bias = self.attrs.get("kernel"), _tensor(self.attrs.get("bias"))
    equation = self.attrs.get("equation")
    if x.shape is None or not isinstance(kernel, Tensor) or kernel.shape is None or not isinstance(equation, str):
        return ctx.emit(
            Kind.LINEAR,
            [x],
            None,
            parameters=parameters(weight=_tensor(kernel), bias=bias),
            class_name=class_name,
            layer=self,
        )
    parsed = parse_equation(equation, (len(x.shape), len(kernel.shape)))
    if parsed is None:
        return ctx.opaque(f"einsum {equation!r} is not modelled", [x])
    form = as_linear(parsed, (x.shape, kernel.shape), 1)
    if form is None:
        return ctx.emit(
            Kind.MATMUL,
            [x, kernel],
            parsed.shape((x.shape, kernel.shape)),
            attributes={"equation": equation},
            class_name=class_name,
            layer=self,
        )
    if form.order != tuple(range(len(form.order))):
        x = nodes.reshaped(ctx, x, shapes.permuted(x.shape, form.order), "transpose", axes=form.order)
    merged = (*form.kept, form.in_features)
    if x.shape != merged:
        x = nodes.reshaped(ctx, x, merged, "view")
    out = ctx.emit(
        Kind.LINEAR,
        [x],
        (*form.kept, form.out_features),
        attributes={"in_features": form.in_features, "out_features": form.out_features},
        parameters=parameters(weight=kernel, bias=bias),
        class_name=class_name,
        layer=self,
    )
    if out.shape != form.unmerged:
        out = nodes.reshaped(ctx, out, form.unmerged, "view")
    if form.restore != tuple(range(len(form.restore))):
        out = nodes.reshaped(ctx, out, shapes.permuted(form.unmerged, form.restore), "transpose", axes=form.restore)
    return out


def _embedding_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    self.hidden["built"] = True
    shape = (self.attrs.get("input_dim"), self.attrs.get("output_dim"))
    weight(ctx, self, "embeddings", shape, self.attrs.get("embeddings_initializer"))


def _embedding_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    width = integer(self.attrs.get("output_dim"))
    if kwargs.get("reverse") is True:
        return _reverse_embedding(ctx, self, x)
    return ctx.emit(
        Kind.EMBEDDING,
        [x],
        (*x.shape, width) if x.shape is not None and width is not None else None,
        attributes={"num_embeddings": integer(self.attrs.get("input_dim")), "embedding_dim": width},
        parameters=parameters(weight=_tensor(self.attrs.get("embeddings"))),
        class_name="keras.layers.Embedding",
        layer=self,
        dtype="float32",
    )


def _reverse_embedding(ctx: Context, self: Instance, x: Tensor) -> Tensor:
    words, width = integer(self.attrs.get("input_dim")), integer(self.attrs.get("output_dim"))
    shape = (*x.shape[:-1], words) if x.shape and words is not None else None
    return ctx.emit(
        Kind.LINEAR,
        [x],
        shape,
        attributes={"in_features": width, "out_features": words},
        parameters=parameters(weight=_tensor(self.attrs.get("embeddings"))),
        class_name="keras.layers.ReversibleEmbedding",
        layer=self,
    )


def identity_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    """A node that changes nothing, for each tensor of the input."""
    if isinstance(inputs, (list, tuple)):
        return [identity_call(ctx, self, item) for item in inputs]
    if isinstance(inputs, dict):
        return {key: identity_call(ctx, self, item) for key, item in inputs.items()}
    x = ctx.as_tensor(inputs)
    return ctx.emit(
        Kind.RESHAPE,
        [x],
        x.shape,
        attributes={"operation": "identity"},
        class_name=f"keras.layers.{self.cls.name.rpartition('.')[2]}" if self.cls.syntax is None else self.cls.name,
        layer=self,
    )


def _lambda_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    extra = self.attrs.get("arguments")
    known = dict(extra) if isinstance(extra, dict) else {}
    return ctx.call(self.attrs.get("function"), inputs, **{k: v for k, v in known.items() if isinstance(k, str)})


def _wrapper_build(ctx: Context, self: Instance, input_shape: Value = None) -> None:
    self.hidden["built"] = True


def _activation_call(ctx: Context, self: Instance, inputs: Value = None, *args: Value, **kwargs: Value) -> Value:
    x = ctx.as_tensor(inputs)
    out = apply_activation(ctx, self.attrs.get("activation"), x, self)
    return identity_call(ctx, self, x) if out is x else out


LAYERS: tuple[LayerSpec, ...] = (
    LayerSpec(
        "Dense",
        signature(
            "units",
            activation=None,
            use_bias=True,
            kernel_initializer="glorot_uniform",
            bias_initializer="zeros",
            **PENALTIES,
            lora_rank=None,
            lora_alpha=None,
            quantization_config=None,
        ),
        dense_call,
        dense_build,
    ),
    LayerSpec(
        "EinsumDense",
        signature(
            "equation",
            "output_shape",
            activation=None,
            bias_axes=None,
            kernel_initializer="glorot_uniform",
            bias_initializer="zeros",
            **PENALTIES,
        ),
        _einsum_call,
        _einsum_build,
        _einsum_setup,
    ),
    LayerSpec(
        "Embedding",
        signature(
            "input_dim",
            "output_dim",
            embeddings_initializer="uniform",
            embeddings_regularizer=None,
            embeddings_constraint=None,
            mask_zero=False,
            weights=None,
            lora_rank=None,
        ),
        _embedding_call,
        _embedding_build,
        lambda ctx, self: self.hidden.update(pretrained=self.attrs.get("weights") is not None),
    ),
    LayerSpec(
        "ReversibleEmbedding",
        signature("input_dim", "output_dim", tie_weights=True, embeddings_initializer="uniform", mask_zero=False),
        _embedding_call,
        _embedding_build,
    ),
    LayerSpec("Activation", signature("activation"), _activation_call),
    LayerSpec("Lambda", signature("function", output_shape=None, mask=None, arguments=None), _lambda_call),
    LayerSpec("Masking", signature(mask_value=0.0), identity_call),
    LayerSpec("Identity", signature(), identity_call),
    LayerSpec("ActivityRegularization", signature(l1=0.0, l2=0.0), identity_call),
    LayerSpec("Wrapper", signature("layer"), None, _wrapper_build),
)
