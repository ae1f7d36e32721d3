"""`torch.nn.Module`: calling, registering, walking the tree, modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import (
    MISSING,
    Function,
    Instance,
    Symbol,
    Tensor,
    Unknown,
    Value,
)
from gradlint.frameworks import modules, shapes
from gradlint.frameworks.registry import framework_class
from gradlint.frameworks.torch.arguments import as_bool, dtype_name
from gradlint.frameworks.torch.state import REGISTRIES, STATE_METHODS
from gradlint.network import EventKind

NAMES: dict[str, Value] = {}


# Forward passes and attributes.


def _call(ctx: Context, self: Instance, /, *args: Value, **kwargs: Value) -> Value:
    hooks = self.hidden.get("hooks")
    if not hooks:
        forward = self.attrs.get("forward", MISSING)
        if forward is MISSING:
            return ctx.call(self.cls.find("forward"), self, *args, **kwargs)
        return ctx.call(forward, *args, **kwargs)
    for kind, hook, with_kwargs in list(hooks.values()):
        if kind == "before":
            changed = ctx.call(hook, self, args, kwargs) if with_kwargs else ctx.call(hook, self, args)
            if with_kwargs and isinstance(changed, tuple) and len(changed) == 2 and isinstance(changed[1], dict):
                args, kwargs = tuple(ctx.iterate(changed[0])), changed[1]
            elif changed is not None and not isinstance(changed, Unknown):
                args = changed if isinstance(changed, tuple) else (changed,)
    result = ctx.call(ctx.getattr(self, "forward"), *args, **kwargs)
    for kind, hook, with_kwargs in list(hooks.values()):
        if kind == "after":
            extra = (kwargs,) if with_kwargs else ()
            changed = ctx.call(hook, self, args, *extra, result)
            result = result if changed is None or isinstance(changed, Unknown) else changed
    return result


def _forward(ctx: Context, self: Instance, /, *args: Value, **kwargs: Value) -> Value:
    ctx.fail("NotImplementedError", f'Module [{self.cls.name}] is missing the required "forward" function')


def _init(ctx: Context, self: Instance, /, *args: Value, **kwargs: Value) -> None:
    pass


def set_attribute(ctx: Context, layer: Instance, name: Value, value: Value) -> None:
    """Register `value` on a layer under `name`."""
    if isinstance(name, str):
        ctx.modified(layer)
        layer.attrs[name] = value


def _add_module(ctx: Context, self: Instance, name: Value, module: Value) -> None:
    if isinstance(name, str) and ("." in name or not name):
        ctx.fail("KeyError", f"module name can't contain a dot or be empty, got: {name!r}")
    set_attribute(ctx, self, name, module)


def _register_buffer(ctx: Context, self: Instance, name: Value, tensor: Value, persistent: Value = True) -> None:
    set_attribute(ctx, self, name, tensor)
    if isinstance(name, str):
        self.hidden.setdefault("buffers", {})[name] = as_bool(ctx, persistent, True)


def _register_parameter(ctx: Context, self: Instance, name: Value, param: Value) -> None:
    set_attribute(ctx, self, name, param)


def _register_hook(kind: str) -> Callable[..., Value]:
    def register(
        ctx: Context,
        self: Instance,
        hook: Value,
        *,
        prepend: Value = False,
        with_kwargs: Value = False,
        always_call: Value = False,
    ) -> Value:
        hooks = self.hidden.setdefault("hooks", {})
        key = object()
        hooks[key] = (kind, hook, as_bool(ctx, with_kwargs, False))
        return Instance(_HANDLE, hidden={"remove": lambda: hooks.pop(key, None)}, origin=ctx.origin())

    return register


def _ignore_hook(ctx: Context, self: Instance, hook: Value, *args: Value, **kwargs: Value) -> Value:
    return Instance(_HANDLE, origin=ctx.origin())


def _remove_hook(ctx: Context, self: Instance) -> None:
    remove = self.hidden.get("remove")
    if remove is not None:
        remove()


_HANDLE = framework_class(
    "torch.utils.hooks.RemovableHandle",
    (),
    {
        "remove": _remove_hook,
        "__enter__": lambda ctx, self: self,
        "__exit__": lambda ctx, self, *args: _remove_hook(ctx, self),
    },
)


# Walking the tree.


def _named_children(ctx: Context, self: Instance) -> Iterator[tuple[str, Instance]]:
    seen: set[int] = set()
    pairs = []
    for name, child in modules.children(self).items():
        if id(child) not in seen:
            seen.add(id(child))
            pairs.append((name, child))
    return iter(pairs)


def _children(ctx: Context, self: Instance) -> Iterator[Instance]:
    return iter([child for _, child in _named_children(ctx, self)])


def _named_modules(
    ctx: Context, self: Instance, memo: Value = None, prefix: Value = "", remove_duplicate: Value = True
) -> Iterator[tuple[str, Instance]]:
    return iter(list(modules.named_modules(self, prefix if isinstance(prefix, str) else "")))


def _modules(ctx: Context, self: Instance, remove_duplicate: Value = True) -> Iterator[Instance]:
    return iter([layer for _, layer in modules.named_modules(self)])


def _named_parameters(
    ctx: Context, self: Instance, prefix: Value = "", recurse: Value = True, remove_duplicate: Value = True
) -> Iterator[tuple[str, Tensor]]:
    path = prefix if isinstance(prefix, str) else ""
    if as_bool(ctx, recurse, True):
        return iter(list(modules.named_parameters(self, path)))
    start = f"{path}." if path else ""
    return iter([(start + name, tensor) for name, tensor in modules.own_parameter_tensors(self).items()])


def _parameters(ctx: Context, self: Instance, recurse: Value = True) -> Iterator[Tensor]:
    return iter([tensor for _, tensor in _named_parameters(ctx, self, "", recurse)])


def _named_buffers(
    ctx: Context, self: Instance, prefix: Value = "", recurse: Value = True, remove_duplicate: Value = True
) -> Iterator[tuple[str, Value]]:
    path = prefix if isinstance(prefix, str) else ""
    layers = modules.named_modules(self, path) if as_bool(ctx, recurse, True) else iter([(path, self)])
    return iter(
        [
            (f"{where}.{name}" if where else name, layer.attrs[name])
            for where, layer in layers
            for name in layer.hidden.get("buffers", ())
            if layer.attrs.get(name) is not None
        ]
    )


def _buffers(ctx: Context, self: Instance, recurse: Value = True) -> Iterator[Value]:
    return iter([buffer for _, buffer in _named_buffers(ctx, self, "", recurse)])


def _apply(ctx: Context, self: Instance, fn: Value) -> Value:
    return ctx.applied(self, fn, lambda: _apply_below(ctx, self, fn))


def _apply_below(ctx: Context, self: Instance, fn: Value) -> Instance:
    for child in _children(ctx, self):
        overridden = child.cls.find("apply")
        if isinstance(overridden, Function):
            ctx.call(overridden, child, fn)
        else:
            _apply_below(ctx, child, fn)
    ctx.call(fn, self)
    return self


def submodule(ctx: Context, layer: Instance, target: Value) -> Value:
    """The value at a dotted path below a layer."""
    if not isinstance(target, str):
        return ctx.unknown("a sub-module whose name is not known")
    value: Value = layer
    for part in target.split(".") if target else ():
        value = ctx.getattr(value, part)
    return value


def _set_submodule(ctx: Context, self: Instance, target: Value, module: Value, strict: Value = False) -> None:
    if isinstance(target, str):
        path, _, name = target.rpartition(".")
        parent = submodule(ctx, self, path)
        if isinstance(parent, Instance):
            set_attribute(ctx, parent, name, module)


# Modes.


def _train(ctx: Context, self: Instance, mode: Value = True) -> Instance:
    set_attribute(ctx, self, "training", mode)
    for child in modules.children(self).values():
        overridden = child.cls.find("train")
        if isinstance(overridden, Function):
            ctx.call(overridden, child, mode)
        else:
            _train(ctx, child, mode)
    return self


def _eval(ctx: Context, self: Instance) -> Value:
    return ctx.call(ctx.getattr(self, "train"), False)


def _requires_grad_(ctx: Context, self: Instance, requires_grad: Value = True) -> Instance:
    wanted = as_bool(ctx, requires_grad, True)
    for parameter in modules.all_parameters(self):
        ctx.modified(parameter)
        parameter.trainable = wanted
    return self


def _zero_grad(ctx: Context, self: Instance, set_to_none: Value = True) -> None:
    ctx.event(EventKind.ZERO_GRAD, parameters=tuple(modules.all_parameters(self)))


def _cast(dtype: str) -> Callable[..., Value]:
    def cast(ctx: Context, self: Instance) -> Instance:
        for _, tensor in modules.named_parameters(self):
            parameter = tensor.parameter
            if parameter is not None and shapes.is_floating(parameter.dtype):
                ctx.modified(tensor)
                tensor.dtype = parameter.dtype = dtype
        return self

    return cast


def _to(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Instance:
    for value in (*args, *kwargs.values()):
        dtype = value.dtype if isinstance(value, Tensor) else dtype_name(value) if isinstance(value, Symbol) else None
        if dtype is not None and shapes.is_floating(dtype):
            _cast(dtype)(ctx, self)
    return self


def _itself(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Instance:
    return self


MODULE = framework_class(
    "torch.nn.Module",
    (),
    {
        "training": True,
        "dump_patches": False,
        "call_super_init": False,
        "__init__": _init,
        "__call__": _call,
        "_call_impl": _call,
        "forward": _forward,
        "add_module": _add_module,
        "register_module": _add_module,
        "register_buffer": _register_buffer,
        "register_parameter": _register_parameter,
        "register_forward_hook": _register_hook("after"),
        "register_forward_pre_hook": _register_hook("before"),
        **dict.fromkeys(
            (
                "register_full_backward_hook",
                "register_backward_hook",
                "register_full_backward_pre_hook",
                "register_state_dict_post_hook",
                "register_state_dict_pre_hook",
                "register_load_state_dict_pre_hook",
                "register_load_state_dict_post_hook",
                "_register_state_dict_hook",
                "_register_load_state_dict_pre_hook",
            ),
            _ignore_hook,
        ),
        "children": _children,
        "named_children": _named_children,
        "modules": _modules,
        "named_modules": _named_modules,
        "parameters": _parameters,
        "named_parameters": _named_parameters,
        "buffers": _buffers,
        "named_buffers": _named_buffers,
        "apply": _apply,
        "get_submodule": submodule,
        "get_parameter": submodule,
        "get_buffer": submodule,
        "set_submodule": _set_submodule,
        "train": _train,
        "eval": _eval,
        "requires_grad_": _requires_grad_,
        "zero_grad": _zero_grad,
        "half": _cast("float16"),
        "bfloat16": _cast("bfloat16"),
        "float": _cast("float32"),
        "double": _cast("float64"),
        "to": _to,
        "type": _to,
        **dict.fromkeys(
            ("cuda", "cpu", "xpu", "ipu", "mtia", "to_empty", "share_memory", "_apply", "compile"),
            _itself,
        ),
        "extra_repr": lambda ctx, self: "",
        "_get_name": lambda ctx, self: self.cls.name.rpartition(".")[2],
        **REGISTRIES,
        **STATE_METHODS,
    },
)
NAMES["nn.Module"] = MODULE


NAMES["nn.modules.lazy.LazyModuleMixin"] = framework_class("torch.nn.modules.lazy.LazyModuleMixin", (), {})
NAMES["utils.hooks.RemovableHandle"] = _HANDLE
