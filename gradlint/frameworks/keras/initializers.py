"""Keras initializers: from a string, class, object or function to the distribution of a weight of a given shape."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import MISSING, BoundMethod, Class, Function, Instance, Native, Tensor, Value
from gradlint.frameworks import nodes
from gradlint.frameworks.keras.arguments import Signature, is_number, signature
from gradlint.frameworks.keras.sizes import fans
from gradlint.frameworks.keras.state import snake_case
from gradlint.frameworks.registry import framework_class, native
from gradlint.network import ONES, UNKNOWN, ZEROS, Distribution, Origin, Shape
from gradlint.network.parameters import Family

TRUNCATION = 0.87962566103423978
"""Standard deviation of a standard normal truncated at two standard deviations."""

FanAxes = tuple[Sequence[int], Sequence[int]]
"""The axes of a weight that count as inputs and those that count as outputs."""

Draw = Callable[[Mapping[str, Value], Shape], Distribution | None]


@dataclass(frozen=True, slots=True)
class InitializerSpec:
    """One class of `keras.initializers`: its arguments and what it draws."""

    signature: Signature
    draw: Draw


def _zeros(_: Mapping[str, Value], __: Shape) -> Distribution:
    return ZEROS


def _ones(_: Mapping[str, Value], __: Shape) -> Distribution:
    return ONES


def _constant(arguments: Mapping[str, Value], _: Shape) -> Distribution | None:
    value = arguments["value"]
    return Distribution("constant", float(value), 0.0, "constant") if is_number(value) else None


def _normal(arguments: Mapping[str, Value], _: Shape) -> Distribution | None:
    mean, std = arguments["mean"], arguments["stddev"]
    return Distribution("normal", mean, std) if is_number(mean) and is_number(std) else None


def _truncated(arguments: Mapping[str, Value], _: Shape) -> Distribution | None:
    mean, std = arguments["mean"], arguments["stddev"]
    return Distribution("truncated_normal", mean, std * TRUNCATION) if is_number(mean) and is_number(std) else None


def _uniform(arguments: Mapping[str, Value], _: Shape) -> Distribution | None:
    low, high = arguments["minval"], arguments["maxval"]
    if not (is_number(low) and is_number(high)):
        return None
    return Distribution("uniform", (low + high) / 2, abs(high - low) / math.sqrt(12.0))


def _orthogonal(arguments: Mapping[str, Value], shape: Shape) -> Distribution | None:
    gain = arguments["gain"]
    if not is_number(gain) or not shape:
        return None
    largest = max(math.prod(shape[:-1]), shape[-1], 1)
    return Distribution("orthogonal", 0.0, float(gain) / math.sqrt(largest), "orthogonal", float(gain))


def _identity(arguments: Mapping[str, Value], shape: Shape) -> Distribution | None:
    gain = arguments["gain"]
    if not is_number(gain) or len(shape) != 2:
        return None
    mean = float(gain) * min(shape) / max(math.prod(shape), 1)
    mean_square = float(gain) ** 2 * min(shape) / max(math.prod(shape), 1)
    return Distribution("identity", mean, math.sqrt(max(mean_square - mean * mean, 0.0)), "identity", float(gain))


def _scaled(arguments: Mapping[str, Value], shape: Shape) -> Distribution | None:
    scale, mode, family = arguments["scale"], arguments["mode"], arguments["distribution"]
    if not (is_number(scale) and isinstance(mode, str) and isinstance(family, str)):
        return None
    fan_in, fan_out = _chosen_fans(arguments, shape)
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}.get(mode.lower())
    drawn = _FAMILIES.get(family.lower())
    if n is None or drawn is None:
        return None
    return Distribution(drawn, 0.0, math.sqrt(max(scale, 0.0) / max(1.0, n)), _scheme(scale, mode, family))


_FAMILIES: Mapping[str, Family] = {
    "normal": "truncated_normal",
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
}


def _chosen_fans(arguments: Mapping[str, Value], shape: Shape) -> tuple[float, float]:
    axes = arguments.get("input_axes"), arguments.get("output_axes")
    if all(isinstance(chosen, (list, tuple, range)) and all(isinstance(a, int) for a in chosen) for chosen in axes):
        rank = len(shape)
        fan_in, fan_out = (math.prod(shape[a] for a in chosen or () if -rank <= a < rank) for chosen in axes)
        return fan_in, fan_out
    return fans(shape)


_SCHEMES = {(2.0, "fan_in"): "he", (1.0, "fan_in"): "lecun", (1.0, "fan_avg"): "xavier"}


def _scheme(scale: float, mode: str, _: str) -> str:
    return _SCHEMES.get((float(scale), mode.lower()), "explicit")


def _fixed_scale(scale: float, mode: str, family: str) -> InitializerSpec:
    fixed = {"scale": scale, "mode": mode, "distribution": family}
    return InitializerSpec(
        signature(seed=None, input_axes=None, output_axes=None),
        lambda arguments, shape: _scaled({**arguments, **fixed}, shape),
    )


_SPECS: Mapping[str, InitializerSpec] = {
    "Zeros": InitializerSpec(signature(), _zeros),
    "Ones": InitializerSpec(signature(), _ones),
    "Constant": InitializerSpec(signature(value=0.0), _constant),
    "RandomNormal": InitializerSpec(signature(mean=0.0, stddev=0.05, seed=None), _normal),
    "TruncatedNormal": InitializerSpec(signature(mean=0.0, stddev=0.05, seed=None), _truncated),
    "RandomUniform": InitializerSpec(signature(minval=-0.05, maxval=0.05, seed=None), _uniform),
    "VarianceScaling": InitializerSpec(
        signature(
            scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, input_axes=None, output_axes=None
        ),
        _scaled,
    ),
    "GlorotUniform": _fixed_scale(1.0, "fan_avg", "uniform"),
    "GlorotNormal": _fixed_scale(1.0, "fan_avg", "truncated_normal"),
    "HeUniform": _fixed_scale(2.0, "fan_in", "uniform"),
    "HeNormal": _fixed_scale(2.0, "fan_in", "truncated_normal"),
    "LecunUniform": _fixed_scale(1.0, "fan_in", "uniform"),
    "LecunNormal": _fixed_scale(1.0, "fan_in", "truncated_normal"),
    "Orthogonal": InitializerSpec(signature(gain=1.0, seed=None), _orthogonal),
    "Identity": InitializerSpec(signature(gain=1.0), _identity),
}

_ALIASES = {
    "zeros_initializer": "Zeros",
    "ones_initializer": "Ones",
    "constant_initializer": "Constant",
    "random_normal_initializer": "RandomNormal",
    "random_uniform_initializer": "RandomUniform",
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "random_normal": "RandomNormal",
    "random_uniform": "RandomUniform",
    "zero": "Zeros",
    "one": "Ones",
    "OrthogonalInitializer": "Orthogonal",
    "IdentityInitializer": "Identity",
    "glorot_uniform_initializer": "GlorotUniform",
    "glorot_normal_initializer": "GlorotNormal",
    **{snake_case(name): name for name in _SPECS},
}


def initializer_class(name: str) -> Class | None:
    """The class of `keras.initializers` under this name (any case style), or None."""
    name = _ALIASES.get(name, name)
    return _class(name) if name in _SPECS or name == "Initializer" else None


@functools.cache
def _class(name: str) -> Class:
    if name == "Initializer":
        return framework_class(
            "keras.initializers.Initializer",
            (),
            {"__init__": _nothing, "get_config": _config, "from_config": _nothing},
        )
    spec = _SPECS[name]

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        bound, _ = spec.signature.bind(ctx, name, args, kwargs)
        self.attrs.update(bound)

    return framework_class(
        f"keras.initializers.{name}", ("keras.initializers.Initializer",), {"__init__": initialize, "__call__": _draw}
    )


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    """Nothing to set up."""


def _config(ctx: Context, self: Instance) -> Value:
    return dict(self.attrs)


def _draw(ctx: Context, self: Instance, shape: Value = None, dtype: Value = None, **kwargs: Value) -> Value:
    """`initializer(shape)`: a tensor with entries from the distribution."""
    sizes = tuple(shape) if isinstance(shape, (list, tuple)) and all(isinstance(n, int) for n in shape) else None
    drawn = distribution(ctx, self, sizes, explicit=True)
    value = drawn.mean if drawn.family == "constant" else None
    return nodes.constant(ctx, sizes, value=value, distribution=drawn)


def distribution(
    ctx: Context,
    initializer: Value,
    shape: Shape | None,
    *,
    explicit: bool,
    origin: Origin | None = None,
    axes: FanAxes | None = None,
) -> Distribution:
    """What `initializer` (string, class, object, function, configuration dict) draws for a weight of `shape`.

    `explicit` says that user code chose it, at `origin`; a Glorot default that it did not is of the scheme "keras".
    `axes` are those of the fan-in and fan-out, where they are not the usual ones.
    """
    if isinstance(initializer, Instance) and initializer.origin is not None:
        origin = initializer.origin
    spec, arguments, text = _resolve(initializer)
    if axes is not None and arguments.get("input_axes") is None:
        arguments = {**arguments, "input_axes": axes[0], "output_axes": axes[1]}
    drawn: Distribution | None = None
    if spec is not None:
        drawn = spec.draw(arguments, shape if shape is not None else ())
        if drawn is not None and shape is None and spec.draw not in _SHAPELESS:
            drawn = None
    elif isinstance(initializer, (Function, Native, BoundMethod, Instance)) and shape is not None:
        made = ctx.call(initializer, shape, dtype="float32")
        drawn = nodes.distribution_of(made) if isinstance(made, Tensor) else None
    elif isinstance(initializer, Tensor):
        drawn = nodes.distribution_of(initializer)
    if drawn is None:
        drawn = UNKNOWN
    scheme = "keras" if drawn.scheme == "xavier" and not explicit else drawn.scheme
    origin = drawn.origin or (origin if explicit else None)
    return Distribution(drawn.family, drawn.mean, drawn.std, scheme, drawn.gain, text or drawn.text, explicit, origin)


_SHAPELESS = frozenset({_zeros, _ones, _constant, _normal, _truncated, _uniform})


def _resolve(initializer: Value) -> tuple[InitializerSpec | None, Mapping[str, Value], str]:
    """The table row of an initializer in any form, its arguments, and how source writes it."""
    if isinstance(initializer, dict):
        config = initializer.get("config", {})
        spec, defaults, text = _resolve(initializer.get("class_name"))
        return spec, {**defaults, **config} if isinstance(config, dict) else defaults, text
    if isinstance(initializer, str):
        name = _ALIASES.get(initializer, initializer)
        spec = _SPECS.get(name)
        return spec, dict(spec.signature.defaults) if spec else {}, initializer
    if isinstance(initializer, Class):
        stem = initializer.name.rpartition(".")[2]
        return _resolve(stem) if initializer.name.startswith("keras.") else (None, {}, stem)
    if isinstance(initializer, Instance):
        if initializer.cls.find("__call__") is not MISSING and initializer.cls.syntax is not None:
            own = initializer.cls.find("__call__")
            if isinstance(own, Function):
                return None, {}, initializer.cls.name
        for ancestor in initializer.cls.mro:
            stem = getattr(ancestor, "name", "").rpartition(".")[2]
            if isinstance(ancestor, Class) and ancestor.syntax is None and stem in _SPECS:
                spec = _SPECS[stem]
                return spec, {**spec.signature.defaults, **initializer.attrs}, _text(stem, initializer.attrs, spec)
    return None, {}, ""


def _text(stem: str, attrs: Mapping[str, Value], spec: InitializerSpec) -> str:
    changed = [
        f"{key}={attrs[key]!r}"
        for key, default in spec.signature.defaults.items()
        if key in attrs and attrs[key] != default and isinstance(attrs[key], (int, float, str))
    ]
    return f"{stem}({', '.join(changed)})"


def find_initializer(name: str) -> Value:
    """`keras.initializers.{name}`, or `MISSING`."""
    if name == "get":
        return native("keras.initializers.get", lambda ctx, identifier=None, *args: identifier)
    return initializer_class(name) or MISSING
