"""`torch.optim`: optimizers with their defaults, and learning-rate schedulers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Class, Instance, Native, Tensor, Unknown, Value
from gradlint.frameworks.nodes import number
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import REQUIRED, bind
from gradlint.network import EventKind, Optimizer, Parameter

NAMES: dict[str, Value] = {}

_COMMON: dict[str, Value] = {"foreach": None, "maximize": False, "capturable": False, "differentiable": False}
_ADAM: dict[str, Value] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}

# Each optimizer's parameters behind `params`, in order, with torch's defaults.
_OPTIMIZERS: dict[str, dict[str, Value]] = {
    "SGD": {
        "lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False, "maximize": False,
        "foreach": None, "differentiable": False, "fused": None,
    },
    "Adam": {
        **_ADAM, "amsgrad": False, "foreach": None, "maximize": False, "capturable": False, "differentiable": False,
        "fused": None, "decoupled_weight_decay": False,
    },
    "AdamW": {
        **_ADAM, "weight_decay": 1e-2, "amsgrad": False, "maximize": False, "foreach": None, "capturable": False,
        "differentiable": False, "fused": None,
    },
    "NAdam": {**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3, "decoupled_weight_decay": False, **_COMMON},
    "RAdam": {**_ADAM, "decoupled_weight_decay": False, **_COMMON},
    "Adamax": {**_ADAM, "lr": 2e-3, **_COMMON},
    "Adagrad": {
        "lr": 1e-2, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "eps": 1e-10, "foreach": None,
        "maximize": False, "differentiable": False, "fused": None,
    },
    "Adadelta": {
        "lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0, "foreach": None, "capturable": False, "maximize": False,
        "differentiable": False,
    },
    "RMSprop": {
        "lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False,
        "capturable": False, "foreach": None, "maximize": False, "differentiable": False,
    },
    "Rprop": {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50), **_COMMON},
    "ASGD": {"lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0, **_COMMON},
    "SparseAdam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "maximize": False},
    "LBFGS": {
        "lr": 1, "max_iter": 20, "max_eval": None, "tolerance_grad": 1e-7, "tolerance_change": 1e-9,
        "history_size": 100, "line_search_fn": None,
    },
    "Adafactor": {
        "lr": 1e-2, "beta2_decay": -0.8, "eps": (None, 1e-3), "d": 1.0, "weight_decay": 0.0, "foreach": None,
        "maximize": False,
    },
    "Muon": {
        "lr": 1e-3, "weight_decay": 0.1, "momentum": 0.95, "nesterov": True,
        "ns_coefficients": (3.4445, -4.775, 2.0315), "eps": 1e-7, "ns_steps": 5, "adjust_lr_fn": None,
    },
}  # fmt: skip


# Parameter groups.


def _tensors(ctx: Context, params: Value) -> Iterator[Value]:
    """The tensors of one group: a tensor, a sequence or generator of them, or of (name, tensor) pairs."""
    for item in [params] if isinstance(params, Tensor) else ctx.iterate(params):
        pair = item if isinstance(item, tuple) else item.payload if isinstance(item, Instance) else None
        yield pair[1] if isinstance(pair, tuple) and len(pair) == 2 else item


def groups_of(ctx: Context, params: Value) -> list[dict[str, Value]]:
    """Parameter groups from what an optimizer is given: tensors, named tensors, or dicts with options of their own."""
    if isinstance(params, Unknown):
        return [{"params": [params]}]
    items = [params] if isinstance(params, (Tensor, dict)) else ctx.iterate(params)
    if any(isinstance(item, dict) for item in items):
        return [
            {**item, "params": list(_tensors(ctx, item.get("params", [])))}
            if isinstance(item, dict)
            else {"params": [item]}
            for item in items
        ]
    return [{"params": list(_tensors(ctx, items))}]


def parameters_in(groups: list[dict[str, Value]]) -> tuple[Parameter, ...] | None:
    """The parameters of these groups, each once; None when one is not known."""
    found: dict[int, Parameter] = {}
    for group in groups:
        for item in group["params"]:
            if not isinstance(item, Tensor):
                return None
            if item.parameter is not None:
                found[id(item.parameter)] = item.parameter
    return tuple(found.values())


def _learning_rate(groups: list[dict[str, Value]], default: Value) -> float | None:
    """The largest learning rate of the groups; None when one is not known."""
    rates = [number(group.get("lr", default)) for group in groups] or [number(default)]
    known = [rate for rate in rates if rate is not None]
    return max(known) if known and len(known) == len(rates) else None


def build(ctx: Context, self: Instance, name: str, params: Value, options: dict[str, Value]) -> None:
    """Make `self` an optimizer of these parameters."""
    groups = groups_of(ctx, params)
    self.attrs["param_groups"] = [{**options, **group} for group in groups]
    self.attrs["defaults"] = dict(options)
    self.attrs["state"] = {}
    self.hidden["optimizer"] = Optimizer(
        name,
        _learning_rate(groups, options.get("lr")),
        parameters_in(groups),
        options={key: value for key, value in options.items() if _is_plain(value)},
        origin=ctx.origin(),
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


# Methods.


def _base_init(ctx: Context, self: Instance, params: Value, defaults: Value = None) -> None:
    options = dict(defaults) if isinstance(defaults, dict) else {}
    build(ctx, self, self.cls.name.rpartition(".")[2], params, options)


def _step(ctx: Context, self: Instance, closure: Value = None) -> Value:
    loss = ctx.call(closure) if closure is not None else None
    ctx.event(EventKind.STEP, optimizer=self.hidden.get("optimizer"), learning_rate=current_rate(self))
    return loss


def current_rate(optimizer: Instance) -> float | None:
    """The largest learning rate that the groups of an optimizer have now; None when one is not known."""
    groups = optimizer.attrs.get("param_groups")
    known = isinstance(groups, list) and all(isinstance(group, dict) for group in groups)
    return _learning_rate(groups, None) if known and groups else None


def _zero_grad(ctx: Context, self: Instance, set_to_none: Value = True) -> None:
    ctx.event(EventKind.ZERO_GRAD, optimizer=self.hidden.get("optimizer"))


def _add_param_group(ctx: Context, self: Instance, param_group: Value) -> None:
    optimizer: Optimizer | None = self.hidden.get("optimizer")
    if optimizer is None:
        return
    added = groups_of(ctx, [param_group])
    groups = self.attrs.get("param_groups")
    if isinstance(groups, list):
        ctx.modified(groups)
        groups.extend({**self.attrs.get("defaults", {}), **group} for group in added)
    more = parameters_in(added)
    known = optimizer.parameters is not None and more is not None
    optimizer.parameters = (*(optimizer.parameters or ()), *(more or ())) if known else None


def _nothing(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    pass


def _load_state(ctx: Context, self: Instance, state_dict: Value) -> None:
    """A loaded state may bring another learning rate."""
    optimizer: Optimizer | None = self.hidden.get("optimizer")
    if optimizer is not None and isinstance(state_dict, Unknown):
        self.hidden["resumed"] = True


OPTIMIZER = framework_class(
    "torch.optim.Optimizer",
    (),
    {
        "__init__": _base_init,
        "step": _step,
        "zero_grad": _zero_grad,
        "add_param_group": _add_param_group,
        "state_dict": lambda ctx, self: {"state": {}, "param_groups": self.attrs.get("param_groups", [])},
        "load_state_dict": _load_state,
        "train": _nothing,
        "eval": _nothing,
        **{
            f"register_{hook}_hook": _nothing
            for hook in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_post")
        },
    },
)
NAMES["optim.Optimizer"] = NAMES["optim.optimizer.Optimizer"] = OPTIMIZER


def derive(name: str, base: Class, methods: dict[str, Value]) -> Class:
    """A framework class below another of this table."""
    cls = framework_class(name, (), methods)
    cls.bases = (base,)
    cls.mro = (cls, *base.mro)
    return cls


def _initializer(name: str, options: dict[str, Value]) -> Callable[..., None]:
    fields = {"params": REQUIRED, **options}

    def initialize(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
        bound = bind(fields, args, kwargs)
        build(ctx, self, name, bound.pop("params"), bound)

    return initialize


for _name, _options in _OPTIMIZERS.items():
    NAMES[f"optim.{_name}"] = derive(f"torch.optim.{_name}", OPTIMIZER, {"__init__": _initializer(_name, _options)})
NAMES["distributed.optim.ZeroRedundancyOptimizer"] = derive(
    "torch.distributed.optim.ZeroRedundancyOptimizer",
    OPTIMIZER,
    {
        "__init__": lambda ctx, self, params, optimizer_class, **options: build(
            ctx, self, getattr(optimizer_class, "name", "Optimizer").rpartition(".")[2], params, options
        )
    },
)


# Learning-rate schedulers. What they are given first is the optimizer; the rest is kept as options.


def _scheduler_init(ctx: Context, self: Instance, optimizer: Value = None, *args: Value, **kwargs: Value) -> None:
    self.attrs["optimizer"] = optimizer
    self.attrs["last_epoch"] = 0
    self.hidden["options"] = {"args": args, **kwargs}


def _optimizer_of(self: Instance) -> Optimizer | None:
    held = self.attrs.get("optimizer")
    if isinstance(held, (list, tuple)) and held:
        held = held[0]
    if isinstance(held, Instance) and held.cls.derives_from("torch.optim.lr_scheduler.LRScheduler"):
        return _optimizer_of(held)
    known: Optimizer | None = held.hidden.get("optimizer") if isinstance(held, Instance) else None
    return known


def _scheduler_step(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> None:
    ctx.event(EventKind.SCHEDULE, optimizer=_optimizer_of(self), scheduler=self.cls.name.rpartition(".")[2])


def _last_rate(ctx: Context, self: Instance) -> Value:
    return [ctx.unknown("a learning rate that is scheduled")]


SCHEDULER = framework_class(
    "torch.optim.lr_scheduler.LRScheduler",
    (),
    {
        "__init__": _scheduler_init,
        "step": _scheduler_step,
        "get_lr": _last_rate,
        "get_last_lr": _last_rate,
        "state_dict": lambda ctx, self: {},
        "load_state_dict": _nothing,
        "print_lr": _nothing,
    },
)
_SCHEDULERS = (
    "LambdaLR",
    "MultiplicativeLR",
    "StepLR",
    "MultiStepLR",
    "ConstantLR",
    "LinearLR",
    "ExponentialLR",
    "PolynomialLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "ChainedScheduler",
)
for _name in ("LRScheduler", "_LRScheduler"):
    NAMES[f"optim.lr_scheduler.{_name}"] = SCHEDULER
for _name in _SCHEDULERS:
    NAMES[f"optim.lr_scheduler.{_name}"] = derive(f"torch.optim.lr_scheduler.{_name}", SCHEDULER, {})
NAMES["optim.swa_utils.SWALR"] = derive("torch.optim.swa_utils.SWALR", SCHEDULER, {})


# Averaged models.


def _averaged_init(ctx: Context, self: Instance, model: Value, *args: Value, **kwargs: Value) -> None:
    self.attrs["module"] = model


NAMES["optim.swa_utils.AveragedModel"] = framework_class(
    "torch.optim.swa_utils.AveragedModel",
    ("torch.nn.Module",),
    {
        "__init__": _averaged_init,
        "forward": lambda ctx, self, *args, **kwargs: ctx.call(self.attrs["module"], *args, **kwargs),
        "update_parameters": _nothing,
    },
)
NAMES["optim.swa_utils.update_bn"] = Native("torch.optim.swa_utils.update_bn", lambda ctx, *args, **kwargs: None)
