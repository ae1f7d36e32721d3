"""What gradlint knows of torch: tables from dotted names to values, one module per theme, imported when needed."""

from __future__ import annotations

import importlib

from gradlint.evaluation.values import MISSING, Value

# Prefix of a name without "torch." -> the modules whose `NAMES` may hold it, the likeliest first. The longest
# prefix that fits decides; a table that is not in the list of a prefix is not asked.
_LAYERS = (
    "module",
    "parameter",
    "containers",
    "layers_linear",
    "layers_convolution",
    "layers_normalization",
    "layers_activation",
    "layers_pooling",
    "layers_dropout",
    "layers_reshape",
    "embedding",
    "recurrent",
    "attention",
    "transformer",
    "losses",
    "lazy",
    "training",
)
_TABLES: dict[str, tuple[str, ...]] = {
    "nn.init.": ("init",),
    "nn.functional.": ("functional", "losses"),
    "nn.utils.": ("reparametrization", "packing", "utils", "training"),
    "nn.": _LAYERS,
    "nn.quantized.": ("quantization",),
    "ao.": ("quantization",),
    "quantization.": ("quantization",),
    "optim.": ("optim", "training"),
    "jit.": ("jit",),
    "fx.": ("jit",),
    "compiler.": ("jit",),
    "_dynamo.": ("jit",),
    "utils.hooks.": ("module",),
    "distributions.": ("probability",),
    "": ("functional", "creation", "tensor_methods", "training", "jit", "queries"),
}
_PREFIXES = sorted(_TABLES, key=len, reverse=True)

_cache: dict[str, Value] = {}


def lookup(name: str) -> Value:
    """The value that `torch.<...>` stands for, also under the names of the files that define it, or `MISSING`."""
    found = _cache.get(name)
    if found is None:
        found = _find(name.removeprefix("torch."))
        if found is not MISSING:
            _cache[name] = found
    return found


def _find(name: str) -> Value:
    for candidate in _spellings(name):
        for prefix in _PREFIXES:
            if candidate.startswith(prefix):
                for table in _TABLES[prefix]:
                    value = importlib.import_module(f"{__name__}.{table}").NAMES.get(candidate, MISSING)
                    if value is not MISSING:
                        return value
                break
    return MISSING


def _spellings(name: str) -> tuple[str, ...]:
    """`name`, and the public name of what it means (`nn.modules.linear.Linear` is `nn.Linear`)."""
    parts = name.split(".")
    if parts[:2] == ["nn", "modules"] and len(parts) > 2:
        return (name, f"nn.{parts[-1]}")
    if parts[:2] == ["nn", "parameter"] and len(parts) == 3:
        return (name, f"nn.{parts[-1]}")
    if parts[0] == "optim" and len(parts) == 3:
        return (name, f"optim.{parts[-1]}")
    return (name,)
