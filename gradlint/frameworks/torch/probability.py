"""`torch.distributions`: samples with and without a gradient, log-probabilities, entropies, divergences."""

from __future__ import annotations

import math
from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Class, Instance, Native, Property, Tensor, Value, tensors_in
from gradlint.frameworks import operators, shapes
from gradlint.frameworks.nodes import activation, constant, integer, reduction, reshaped, stopped
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import REQUIRED, bind
from gradlint.frameworks.torch.distributions import normal, uniform
from gradlint.frameworks.torch.functions.tables import tensor
from gradlint.network import Kind, Shape

NAMES: dict[str, Value] = {}

_VALIDATED: dict[str, Value] = {"validate_args": None}


def _parameters(self: Instance) -> list[Tensor]:
    return tensors_in([value for value in self.attrs.values() if isinstance(value, Tensor)])


def batch_shape(self: Instance) -> Shape | None:
    """The shape of one sample of a distribution over numbers."""
    known: Shape | None = shapes.broadcast(*[x.shape for x in _parameters(self)])
    return known


def _sampled(self: Instance, sample_shape: Value) -> Shape | None:
    """The shape of a sample: what is asked for, then the batch, then what one event has."""
    before, inner = shapes.sizes(sample_shape), batch_shape(self)
    if before is None or inner is None:
        return None
    dropped: int = self.hidden.get("event_of_batch", 0)
    return (*before, *(inner[: len(inner) - dropped] if dropped else inner))


def _sample(ctx: Context, self: Instance, sample_shape: Value = ()) -> Value:
    dtype = "float32" if not self.hidden.get("integer") else "int64"
    return stopped(ctx, _parameters(self), "sample", _sampled(self, sample_shape), dtype)


def _opaque(what: str) -> Callable[..., Value]:
    def apply(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
        given = [*_parameters(self), *tensors_in(*args)]
        shape = shapes.broadcast(*[x.shape for x in given])
        return ctx.opaque(f"{what} of {self.cls.name.rpartition('.')[2]} is not modelled", given, shape)

    return apply


def _rsample(ctx: Context, self: Instance, sample_shape: Value = ()) -> Value:
    name = self.cls.name.rpartition(".")[2]
    return ctx.opaque(f"a sample of {name} is not modelled", _parameters(self), _sampled(self, sample_shape))


def _expand(ctx: Context, self: Instance, batch_shape: Value, _instance: Value = None) -> Value:
    size = shapes.sizes(batch_shape)
    attrs = {
        key: reshaped(ctx, value, size, "expand") if isinstance(value, Tensor) else value
        for key, value in self.attrs.items()
    }
    return Instance(self.cls, attrs, origin=ctx.origin(), hidden=dict(self.hidden))


def _batch_shape_of(ctx: Context, self: Instance) -> Value:
    shape = batch_shape(self)
    return ctx.unknown("the shape of a distribution is not known") if shape is None else shape


_BASE = framework_class(
    "torch.distributions.Distribution",
    (),
    {
        "__init__": lambda ctx, self, *args, **kwargs: None,
        "sample": _sample,
        "rsample": _rsample,
        "log_prob": _opaque("the log-probability"),
        "entropy": _opaque("the entropy"),
        "cdf": _opaque("the cumulative distribution"),
        "icdf": _opaque("the quantile"),
        "expand": _expand,
    },
)
_BASE.namespace["batch_shape"] = Property(Native("batch_shape", _batch_shape_of))
_BASE.namespace["has_rsample"] = True
for _name in ("mean", "mode", "stddev", "variance"):
    _BASE.namespace[_name] = Property(Native(_name, _opaque(f"the {_name}")))


def _define(name: str, fields: dict[str, Value], methods: dict[str, Value], attributes: dict[str, Value]) -> Class:
    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        bound = bind({**fields, **_VALIDATED}, args, kwargs)
        bound.pop("validate_args")
        for key, value in bound.items():
            self.attrs[key] = tensor(ctx, value) if value is not None and not isinstance(value, Instance) else value

    cls = framework_class(f"torch.distributions.{name}", (), {"__init__": initialize, **methods})
    cls.namespace.update({key: Property(Native(key, getter)) for key, getter in attributes.items()})
    cls.bases, cls.mro = (_BASE,), (cls, *_BASE.mro)
    NAMES[f"distributions.{name}"] = NAMES[f"distributions.{name.lower()}.{name}"] = cls
    return cls


# Location and scale.


def _noise(ctx: Context, shape: Shape | None, family: str) -> Tensor:
    draw = uniform(0.0, 1.0, "torch.rand()") if family == "uniform" else normal(0.0, 1.0, "torch.randn()")
    return constant(ctx, shape, distribution=draw)


def _reparametrized(ctx: Context, self: Instance, sample_shape: Value = ()) -> Value:
    noise = _noise(ctx, _sampled(self, sample_shape), "normal")
    return operators.add(ctx, self.attrs["loc"], operators.multiply(ctx, self.attrs["scale"], noise))


def _normal_log_prob(ctx: Context, self: Instance, value: Value) -> Value:
    loc, scale = self.attrs["loc"], self.attrs["scale"]
    deviation = operators.divide(ctx, operators.subtract(ctx, tensor(ctx, value), loc), scale)
    square = operators.multiply(ctx, activation(ctx, deviation, "square"), -0.5)
    return operators.subtract(ctx, operators.subtract(ctx, square, activation(ctx, scale, "log")), _HALF_LOG_TAU)


def _normal_entropy(ctx: Context, self: Instance) -> Value:
    return operators.add(ctx, activation(ctx, self.attrs["scale"], "log"), 0.5 + _HALF_LOG_TAU)


_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def _attribute(name: str) -> Callable[..., Value]:
    return lambda ctx, self: self.attrs[name]


def _squared(name: str) -> Callable[..., Value]:
    return lambda ctx, self: activation(ctx, self.attrs[name], "square")


NORMAL = _define(
    "Normal",
    {"loc": REQUIRED, "scale": REQUIRED},
    {"rsample": _reparametrized, "log_prob": _normal_log_prob, "entropy": _normal_entropy},
    {
        "mean": _attribute("loc"),
        "mode": _attribute("loc"),
        "stddev": _attribute("scale"),
        "variance": _squared("scale"),
    },
)


def _uniform_rsample(ctx: Context, self: Instance, sample_shape: Value = ()) -> Value:
    noise = _noise(ctx, _sampled(self, sample_shape), "uniform")
    width = operators.subtract(ctx, self.attrs["high"], self.attrs["low"])
    return operators.add(ctx, self.attrs["low"], operators.multiply(ctx, width, noise))


_define("Uniform", {"low": REQUIRED, "high": REQUIRED}, {"rsample": _uniform_rsample}, {})
for _name in ("Laplace", "Gumbel", "Cauchy", "LogNormal"):
    _define(_name, {"loc": REQUIRED, "scale": REQUIRED}, {}, {"mean": _attribute("loc")})


# Classes: probabilities or logits over the last axis.


def _has_logits(self: Instance) -> bool:
    return isinstance(self.attrs.get("_logits"), Tensor)


def _class_init(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    self.attrs.update(_probs=None, _logits=None)
    given = bind({"probs": None, "logits": None, **_VALIDATED}, args, kwargs)
    for key in ("probs", "logits"):
        if given[key] is not None:
            self.attrs[f"_{key}"] = tensor(ctx, given[key])


def _probabilities(ctx: Context, self: Instance) -> Tensor:
    if not _has_logits(self):
        return tensor(ctx, self.attrs["_probs"])
    return activation(ctx, self.attrs["_logits"], "softmax", "torch.distributions", axis=_last(self))


def _log_probabilities(ctx: Context, self: Instance) -> Tensor:
    if not _has_logits(self):
        return activation(ctx, tensor(ctx, self.attrs["_probs"]), "log", "torch.distributions")
    return activation(ctx, self.attrs["_logits"], "log_softmax", "torch.distributions", axis=_last(self))


def _last(self: Instance) -> int:
    shape = batch_shape(self)
    return -1 if shape is None else len(shape) - 1


def _class_log_prob(ctx: Context, self: Instance, value: Value) -> Value:
    logs, chosen = _log_probabilities(ctx, self), tensor(ctx, value)
    return reshaped(ctx, logs, chosen.shape, "gather", "torch.distributions.Categorical.log_prob")


def _class_entropy(ctx: Context, self: Instance) -> Value:
    product = operators.multiply(ctx, _probabilities(ctx, self), _log_probabilities(ctx, self))
    axes = None if product.shape is None else (len(product.shape) - 1,)
    return operators.multiply(ctx, reduction(ctx, product, "sum", axes), -1)


def _class_sample(ctx: Context, self: Instance, sample_shape: Value = ()) -> Value:
    shape = _sampled(self, sample_shape)
    indices = None if shape is None else shape[:-1]
    return stopped(ctx, _parameters(self), "sample", indices, "int64")


def _one_hot_log_prob(ctx: Context, self: Instance, value: Value) -> Value:
    product = operators.multiply(ctx, _log_probabilities(ctx, self), tensor(ctx, value))
    return reduction(ctx, product, "sum", None if product.shape is None else (len(product.shape) - 1,))


_CLASS_ATTRIBUTES = {"probs": _probabilities, "logits": _log_probabilities}
_CLASS_METHODS: dict[str, Value] = {"__init__": _class_init, "entropy": _class_entropy}
_define("Categorical", {}, {**_CLASS_METHODS, "sample": _class_sample, "log_prob": _class_log_prob}, _CLASS_ATTRIBUTES)
for _name in ("OneHotCategorical", "OneHotCategoricalStraightThrough"):
    _define(_name, {}, {**_CLASS_METHODS, "log_prob": _one_hot_log_prob}, _CLASS_ATTRIBUTES)


def _chance(ctx: Context, self: Instance) -> Tensor:
    if not _has_logits(self):
        return tensor(ctx, self.attrs["_probs"])
    return activation(ctx, self.attrs["_logits"], "sigmoid", "torch.distributions")


def _bernoulli_log_prob(ctx: Context, self: Instance, value: Value) -> Value:
    given = self.attrs["_logits"] if _has_logits(self) else self.attrs["_probs"]
    suffix = "_with_logits" if _has_logits(self) else ""
    inputs = (tensor(ctx, given), tensor(ctx, value))
    attributes = {"function": f"binary_cross_entropy{suffix}", "reduction": "none", "from_logits": _has_logits(self)}
    shape = shapes.broadcast(*[x.shape for x in inputs])
    loss = ctx.emit(Kind.LOSS, inputs, shape, attributes=attributes, class_name="torch.distributions.Bernoulli")
    return operators.multiply(ctx, loss, -1)


_define(
    "Bernoulli", {}, {"__init__": _class_init, "log_prob": _bernoulli_log_prob}, {"probs": _chance, "mean": _chance}
)


# Known by their parameters only.

_OTHERS: dict[str, tuple[str, ...]] = {
    "Beta": ("concentration1", "concentration0"),
    "Binomial": ("total_count", "probs", "logits"),
    "Chi2": ("df",),
    "Dirichlet": ("concentration",),
    "Exponential": ("rate",),
    "Gamma": ("concentration", "rate"),
    "Geometric": ("probs", "logits"),
    "HalfNormal": ("scale",),
    "LowRankMultivariateNormal": ("loc", "cov_factor", "cov_diag"),
    "Multinomial": ("total_count", "probs", "logits"),
    "MultivariateNormal": ("loc", "covariance_matrix", "precision_matrix", "scale_tril"),
    "NegativeBinomial": ("total_count", "probs", "logits"),
    "Pareto": ("scale", "alpha"),
    "Poisson": ("rate",),
    "RelaxedBernoulli": ("temperature", "probs", "logits"),
    "RelaxedOneHotCategorical": ("temperature", "probs", "logits"),
    "StudentT": ("df", "loc", "scale"),
    "VonMises": ("loc", "concentration"),
    "Weibull": ("scale", "concentration"),
}
for _name, _fields in _OTHERS.items():
    _define(_name, dict.fromkeys(_fields), {}, {})


# Distributions over another one.


def _independent_init(
    ctx: Context,
    self: Instance,
    base_distribution: Value,
    reinterpreted_batch_ndims: Value,
    validate_args: Value = None,
) -> None:
    self.attrs["base_dist"] = base_distribution
    self.hidden["axes"] = integer(reinterpreted_batch_ndims)


def _delegate(name: str) -> Callable[..., Value]:
    def apply(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
        return ctx.call(ctx.getattr(self.attrs["base_dist"], name), *args, **kwargs)

    return apply


def _summed(name: str) -> Callable[..., Value]:
    inner = _delegate(name)

    def apply(ctx: Context, self: Instance, *args: Value) -> Value:
        result, count = tensor(ctx, inner(ctx, self, *args)), self.hidden.get("axes")
        if not count:
            return result
        rank = None if result.shape is None else len(result.shape)
        return reduction(ctx, result, "sum", None if rank is None else tuple(range(rank - count, rank)))

    return apply


def _same(name: str) -> Callable[..., Value]:
    return lambda ctx, self: ctx.getattr(self.attrs["base_dist"], name)


_define(
    "Independent",
    {},
    {
        "__init__": _independent_init,
        "sample": _delegate("sample"),
        "rsample": _delegate("rsample"),
        "log_prob": _summed("log_prob"),
        "entropy": _summed("entropy"),
    },
    {name: _same(name) for name in ("mean", "stddev", "variance", "mode")},
)


def _kl_divergence(ctx: Context, p: Value, q: Value) -> Value:
    if isinstance(p, Instance) and isinstance(q, Instance) and p.cls is q.cls is NORMAL:
        ours, theirs = p.attrs, q.attrs
        ratio = activation(ctx, operators.divide(ctx, ours["scale"], theirs["scale"]), "square")
        shift = operators.divide(ctx, operators.subtract(ctx, ours["loc"], theirs["loc"]), theirs["scale"])
        inner = operators.add(ctx, ratio, activation(ctx, shift, "square"))
        whole = operators.subtract(ctx, operators.subtract(ctx, inner, 1), activation(ctx, ratio, "log"))
        return operators.multiply(ctx, whole, 0.5)
    given = [x for side in (p, q) if isinstance(side, Instance) for x in _parameters(side)]
    shape = batch_shape(p) if isinstance(p, Instance) else None
    if isinstance(p, Instance) and "_logits" in p.attrs and shape is not None and not p.cls.name.endswith("Bernoulli"):
        shape = shape[:-1]
    return ctx.opaque("this divergence is not modelled", given, shape)


NAMES["distributions.Distribution"] = NAMES["distributions.distribution.Distribution"] = _BASE
for _home in ("distributions.", "distributions.kl."):
    NAMES[f"{_home}kl_divergence"] = Native("torch.distributions.kl_divergence", _kl_divergence)
