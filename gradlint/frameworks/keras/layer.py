"""`keras.Layer`: construction, building on first call, calling, weights, and the rows that describe layers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import (
    MISSING,
    BoundMethod,
    Class,
    Function,
    Instance,
    Native,
    Property,
    Tensor,
    Unknown,
    Value,
    tensors_in,
)
from gradlint.frameworks import nodes
from gradlint.frameworks.keras import weights as weighing
from gradlint.frameworks.keras.arguments import Signature, flag, is_int
from gradlint.frameworks.keras.late import initializer_properties
from gradlint.frameworks.keras.sizes import BATCH
from gradlint.frameworks.keras.state import MADE_IN_CALL, keras_state, snake_case
from gradlint.frameworks.registry import framework_class
from gradlint.network import UNKNOWN, Kind, Node

Build = Callable[[Context, Instance, Any], None]
Call = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One layer class: its arguments, which become attributes, and what building and calling do.

    `build(ctx, self, input_shape)` makes the weights; `call(ctx, self, inputs, ...)` emits the nodes.
    `setup(ctx, self)` runs at the end of `__init__`. `methods` are further entries of the namespace.
    """

    name: str
    signature: Signature
    call: Call | None = None
    build: Build | None = None
    setup: Callable[[Context, Instance], None] | None = None
    base: str = "keras.Layer"
    methods: Mapping[str, Any] = field(default_factory=dict)


def layer_class(spec: LayerSpec) -> Class:
    """The class of a row."""

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        bound, options = spec.signature.bind(ctx, spec.name, args, kwargs)
        self.attrs.update(bound)
        positional = spec.signature.names[: len(args)]
        self.hidden["given"] = frozenset((*positional, *kwargs))
        self.hidden["options"] = options
        start(ctx, self, options)
        if spec.setup is not None:
            spec.setup(ctx, self)

    methods: dict[str, Any] = {"__init__": initialize, **initializer_properties(spec.signature.names), **spec.methods}
    if spec.build is not None:
        methods["build"] = spec.build
    if spec.call is not None:
        methods["call"] = spec.call
    return framework_class(f"keras.layers.{spec.name}", (spec.base,), methods)


def start(ctx: Context, self: Instance, options: Mapping[str, Value]) -> None:
    """What `Layer.__init__` does with the arguments that every layer takes, in Keras 2 and 3."""
    state = keras_state(ctx)
    self.hidden[MADE_IN_CALL] = state.depth > 0 and state.building == 0
    name = options.get("name")
    self.hidden["named"] = isinstance(name, str)
    self.attrs["name"] = name if isinstance(name, str) else state.unique_name(snake_case(self.cls.name))
    self.attrs["dtype"] = options.get("dtype") or state.float_type
    self.attrs["built"] = False
    self.hidden["trainable"] = flag(options.get("trainable", True), True)
    shape = _declared_shape(options)
    if shape is not None:
        self.hidden["input_shape"] = shape
    if options.get("weights") is not None:
        self.hidden["pretrained"] = True


def _declared_shape(options: Mapping[str, Value]) -> tuple[Value, ...] | None:
    """The input shape, without batch, that a first layer declares in the style of Keras 2."""
    shape = options.get("input_shape")
    if isinstance(shape, (list, tuple)):
        return tuple(shape)
    if is_int(shape):
        return (shape,)
    for key in ("batch_input_shape", "batch_shape"):
        shape = options.get(key)
        if isinstance(shape, (list, tuple)):
            return tuple(shape[1:])
    size = options.get("input_dim")
    if size is not None:
        length = options.get("input_length")
        return (size,) if length is None else (length, size)
    length = options.get("input_length")
    return (length,) if length is not None else None


def _initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    start(ctx, self, kwargs)


def call_layer(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """`layer(...)`: build if need be, then `call`; remembers which layer the new nodes belong to."""
    state = keras_state(ctx)
    state.serial += 1
    serial = state.serial
    state.depth += 1
    try:
        if not self.hidden.get("built"):
            build_layer(ctx, self, args, kwargs)
        call = self.attrs.get("call") or self.cls.find("call")
        if isinstance(call, Native):
            result = call.call(ctx, self, *args, **kwargs)
        elif call is MISSING:
            result = ctx.opaque(f"{self.cls.name} has no call method", [args, kwargs])
        else:
            _inject(ctx, call, args, kwargs)
            bound = call if self.attrs.get("call") is call else BoundMethod(call, self)
            result = ctx.call(bound, *args, **kwargs)
    finally:
        state.depth -= 1
    inputs = args[0] if args else next(iter(kwargs.values()), None)
    if "input" not in self.hidden:
        self.hidden["input"], self.hidden["output"] = inputs, result
    _own(ctx, self, serial, tensors_in(args, kwargs), tensors_in(result))
    return result


def _own(ctx: Context, self: Instance, serial: int, inputs: list[Tensor], outputs: list[Tensor]) -> None:
    """Note `self` as the layer of the nodes between `inputs` and `outputs`."""
    owners = keras_state(ctx).owners
    known = {id(tensor.node) for tensor in inputs}
    stack: list[Node] = [tensor.node for tensor in outputs]
    while stack:
        node = stack.pop()
        key = id(node)
        if key in known:
            continue
        known.add(key)
        owner = owners.get(key)
        if owner is not None and owner[2] < serial:
            continue
        owners[key] = (node, self, serial)
        stack.extend(node.inputs)


def _inject(ctx: Context, call: Value, args: Sequence[Value], kwargs: dict[str, Value]) -> None:
    """Pass `training` (and a mask of None) to a user's `call` that takes them, and only then, as Keras does."""
    names = parameter_names(call)
    if names and "training" not in names and not takes_keywords(call):
        kwargs.pop("training", None)
    for name, value in (("training", ctx.training), ("mask", None)):
        if name in names and name not in kwargs and names.index(name) > len(args):
            kwargs[name] = value


def parameter_names(function: Value) -> list[str]:
    """The names of the parameters of a function of the source, `self` included; empty when it is something else."""
    while isinstance(function, BoundMethod):
        function = function.function
    if not isinstance(function, Function):
        return []
    parameters = getattr(function.syntax, "params", None)
    if parameters is None:
        return []
    return [p.name.value for group in ("params", "kwonly_params") for p in getattr(parameters, group, ())]


def takes_keywords(function: Value) -> bool:
    """Whether a function of the source has a `**kwargs` parameter."""
    while isinstance(function, BoundMethod):
        function = function.function
    parameters = getattr(getattr(function, "syntax", None), "params", None)
    return getattr(parameters, "star_kwarg", None) is not None


def shapes_of(value: Value) -> Value:
    """The shape of a tensor, or the structure of shapes of a list, tuple or dict of tensors; None where unknown."""
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, (list, tuple)):
        return [shapes_of(item) for item in value]
    if isinstance(value, dict):
        return {key: shapes_of(item) for key, item in value.items()}
    return None


def build_layer(ctx: Context, self: Instance, args: Sequence[Value], kwargs: Mapping[str, Value]) -> None:
    """Call `build` with the shapes of the arguments of the first call."""
    state = keras_state(ctx)
    state.building += 1
    try:
        _run_build(ctx, self, args, kwargs)
    finally:
        state.building -= 1


def _run_build(ctx: Context, self: Instance, args: Sequence[Value], kwargs: Mapping[str, Value]) -> None:
    build = self.cls.find("build")
    first = args[0] if args else next(iter(kwargs.values()), None)
    shape = shapes_of(first)
    self.hidden["built"] = shape is not None
    ctx.modified(self)
    self.attrs["built"] = True
    if isinstance(build, Native):
        build.call(ctx, self, shape)
    elif build is not MISSING:
        names = [name for name in parameter_names(build)[1:] if name.endswith(("_shape", "_shapes"))]
        given = shape if shape is not None else ctx.unknown("the input shape is not known")
        if len(names) > 1:
            calls = parameter_names(self.cls.find("call"))[1:]
            found = {**dict(zip(calls, args, strict=False)), **kwargs}
            chosen = {name: shapes_of(found.get(name.rpartition("_shape")[0])) for name in names}
            ctx.call(BoundMethod(build, self), **chosen)
        else:
            ctx.call(BoundMethod(build, self), given)


def _build(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    self.hidden["built"] = True
    ctx.modified(self)
    self.attrs["built"] = True


def _call(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    return ctx.opaque(f"{self.cls.name} has no call method", [args, kwargs])


_ADD_WEIGHT = ("shape", "initializer", "dtype", "trainable", "autocast", "regularizer", "constraint", "aggregation")
_ADD_WEIGHT_OLD = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")


def add_weight(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Tensor:
    """`Layer.add_weight` in the argument orders of Keras 2 (name first) and Keras 3 (shape first)."""
    order = _ADD_WEIGHT_OLD if args and (isinstance(args[0], str) or "shape" in kwargs) else _ADD_WEIGHT
    given: dict[str, Value] = {**dict(zip(order, args, strict=False)), **kwargs}
    shape = given.get("shape", ())
    shape = () if shape is None else shape
    shape = (shape,) if is_int(shape) else shape
    initializer = given.get("initializer")
    name = given.get("name")
    taken = self.hidden.setdefault("weights", {})
    stem = name if isinstance(name, str) and name else "variable"
    key, count = stem, 1
    while key in taken:
        key, count = f"{stem}_{count}", count + 1
    saved = self.attrs.get(key, MISSING)
    tensor = weighing.weight(
        ctx,
        self,
        key,
        shape if isinstance(shape, (list, tuple)) else None,
        "glorot_uniform" if initializer is None else initializer,
        trainable=given.get("trainable") is not False,
        explicit=initializer is not None,
    )
    if saved is MISSING:
        del self.attrs[key]
    else:
        self.attrs[key] = saved
    return tensor


def _set_weights(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Weights from elsewhere: pretrained; known constant entries are taken over where they are given."""
    values = args[0] if args else kwargs.get("weights")
    held = weighing.all_weights(self)
    known = (
        [nodes.distribution_of(value) if isinstance(value, Tensor) else None for value in values]
        if isinstance(values, (list, tuple))
        else []
    )
    if not known or any(drawn is None for drawn in known):
        weighing.mark_pretrained(self)
    for position, tensor in enumerate(held):
        if tensor.parameter is not None:
            drawn = known[position] if position < len(known) else None
            ctx.modified(tensor.parameter)
            tensor.parameter.initialize(drawn or UNKNOWN)


def _load_weights(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    weighing.mark_pretrained(self)


def _count(ctx: Context, self: Instance) -> Value:
    total = 0
    for tensor in weighing.all_weights(self):
        size = tensor.parameter.size if tensor.parameter is not None else 0
        if size is None:
            return ctx.unknown("the shape of a weight is not known")
        total += size
    return total


def _weights(trainable: bool | None) -> Property:
    def getter(ctx: Context, self: Instance) -> Value:
        return [
            tensor
            for tensor in weighing.all_weights(self)
            if trainable is None or (tensor.parameter is not None and tensor.parameter.trainable is trainable)
        ]

    return Property(Native("weights", getter))


def _get_trainable(ctx: Context, self: Instance) -> Value:
    return self.hidden.get("trainable", True)


def _set_trainable(ctx: Context, self: Instance, value: Value) -> None:
    if isinstance(value, Unknown):
        return
    weighing.set_trainable(ctx, self, flag(value, True))


def _remembered(what: str, shape: bool = False) -> Property:
    def getter(ctx: Context, self: Instance) -> Value:
        value = self.hidden.get(what, MISSING)
        if value is MISSING:
            if shape and what == "input" and "input_shape" in self.hidden:
                return (None, *self.hidden["input_shape"])
            ctx.fail("AttributeError", f"The layer {self.attrs.get('name')} has never been called")
        return shapes_of(value) if shape else value

    return Property(Native(f"keras.Layer.{what}", getter))


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Accepted and of no consequence for gradients."""


def _config(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
    """`get_config`: the arguments that the layer was made with."""
    names = self.hidden.get("given", ())
    return {"name": self.attrs.get("name"), **{name: self.attrs[name] for name in names if name in self.attrs}}


def _identity(ctx: Context, self: Instance, value: Value = None, *args: Value, **kwargs: Value) -> Value:
    return value


def _output_shape(ctx: Context, self: Instance, input_shape: Value = None, *args: Value, **kwargs: Value) -> Value:
    """`compute_output_shape`: the layer is called on an input of this shape."""
    known = input_shape if isinstance(input_shape, (list, tuple)) else ()
    sizes = tuple(size for size in known[1:] if is_int(size))
    if not known or len(sizes) != len(known) - 1:
        return ctx.unknown("the output shape for an input shape that is not known")
    batch = known[0] if is_int(known[0]) else BATCH
    given = ctx.emit(Kind.INPUT, (), (batch, *sizes), attributes={"dtype": "float"})
    shape = shapes_of(call_layer(ctx, self, given))
    return (known[0], *shape[1:]) if isinstance(shape, tuple) and shape else shape


def _no_list() -> Property:
    return Property(Native("keras.Layer.losses", lambda ctx, self: []))


LAYER_METHODS: Mapping[str, Any] = {
    "__init__": _initialize,
    "__call__": call_layer,
    "build": _build,
    "call": _call,
    "add_weight": add_weight,
    "add_variable": add_weight,
    "add_loss": _nothing,
    "add_metric": _nothing,
    "add_update": _nothing,
    "set_weights": _set_weights,
    "load_weights": _load_weights,
    "load_own_variables": _load_weights,
    "get_weights": lambda ctx, self: weighing.all_weights(self),
    "count_params": _count,
    "get_config": _config,
    "compute_mask": lambda ctx, self, *args, **kwargs: None,
    "compute_output_shape": _output_shape,
    "build_from_config": _nothing,
    "quantize": _nothing,
    "trainable": Property(
        Native("keras.Layer.trainable", _get_trainable), Native("keras.Layer.trainable", _set_trainable)
    ),
    "weights": _weights(None),
    "variables": _weights(None),
    "trainable_weights": _weights(True),
    "trainable_variables": _weights(True),
    "non_trainable_weights": _weights(False),
    "non_trainable_variables": _weights(False),
    "losses": _no_list(),
    "metrics": _no_list(),
    "input": _remembered("input"),
    "output": _remembered("output"),
    "input_shape": _remembered("input", shape=True),
    "output_shape": _remembered("output", shape=True),
    "compute_dtype": "float32",
    "dtype_policy": "float32",
    "variable_dtype": "float32",
    "supports_masking": True,
    "stateful": False,
}


@functools.cache
def base_class() -> Class:
    """`keras.Layer` itself."""
    return framework_class("keras.Layer", (), dict(LAYER_METHODS))
