"""Modules and functions of quantization, which compute the same on floating point numbers."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.evaluation.context import Context
from gradlint.evaluation.values import Instance, Native, Value
from gradlint.frameworks import resolve
from gradlint.frameworks.registry import framework_class

NAMES: dict[str, Value] = {}


def _itself(ctx: Context, value: Value, *args: Value, **kwargs: Value) -> Value:
    return value


def _unknown_configuration(ctx: Context, *args: Value, **kwargs: Value) -> Value:
    return ctx.unknown("a configuration of quantization")


def _functional(*functions: str) -> Callable[..., Value]:
    """A method that is these functions of torch, one after the other, without its receiver."""

    def method(ctx: Context, self: Instance, *args: Value, **kwargs: Value) -> Value:
        result = ctx.call(resolve(f"torch.{functions[0]}"), *args, **kwargs)
        for function in functions[1:]:
            result = ctx.call(resolve(f"torch.{function}"), result)
        return result

    return method


def _float_functional_init(ctx: Context, self: Instance) -> None:
    self.attrs["activation_post_process"] = ctx.call(resolve("torch.nn.Identity"))


def _wrapper_init(ctx: Context, self: Instance, module: Value) -> None:
    self.attrs["quant"], self.attrs["dequant"] = ctx.call(_QUANTIZE), ctx.call(_DEQUANTIZE)
    self.attrs["module"] = module


def _wrapper_forward(ctx: Context, self: Instance, X: Value) -> Value:  # noqa: N803
    return ctx.call(self.attrs["module"], X)


def _stub(name: str) -> Value:
    return framework_class(
        f"torch.ao.quantization.{name}",
        ("torch.nn.Module",),
        {"__init__": lambda ctx, self, qconfig=None: None, "forward": lambda ctx, self, x: x},
    )


_QUANTIZE, _DEQUANTIZE = _stub("QuantStub"), _stub("DeQuantStub")
_FLOAT_FUNCTIONAL = framework_class(
    "torch.ao.nn.quantized.FloatFunctional",
    ("torch.nn.Module",),
    {
        "__init__": _float_functional_init,
        "add": _functional("add"),
        "add_scalar": _functional("add"),
        "mul": _functional("mul"),
        "mul_scalar": _functional("mul"),
        "matmul": _functional("matmul"),
        "cat": _functional("cat"),
        "add_relu": _functional("add", "relu"),
    },
)
_WRAPPER = framework_class(
    "torch.ao.quantization.QuantWrapper",
    ("torch.nn.Module",),
    {"__init__": _wrapper_init, "forward": _wrapper_forward},
)

_SAME = (
    "fuse_modules",
    "fuse_modules_qat",
    "prepare",
    "prepare_qat",
    "convert",
    "quantize_dynamic",
    "propagate_qconfig_",
    "add_quant_dequant",
)
_CONFIGURATIONS = ("get_default_qconfig", "get_default_qat_qconfig", "QConfig")

for _home in ("ao.quantization.", "quantization."):
    NAMES[f"{_home}QuantStub"], NAMES[f"{_home}DeQuantStub"] = _QUANTIZE, _DEQUANTIZE
    NAMES[f"{_home}QuantWrapper"] = _WRAPPER
    for _name in _SAME:
        NAMES[_home + _name] = Native(f"torch.ao.quantization.{_name}", _itself)
    for _name in _CONFIGURATIONS:
        NAMES[_home + _name] = Native(f"torch.ao.quantization.{_name}", _unknown_configuration)
for _home in ("nn.quantized.", "ao.nn.quantized."):
    for _name in ("FloatFunctional", "FXFloatFunctional"):
        NAMES[_home + _name] = _FLOAT_FUNCTIONAL
