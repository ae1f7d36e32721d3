"""The real torchvision on a torch for which its compiled operators were not built: model code needs none of them."""

from __future__ import annotations

import functools
import importlib
import re
from types import ModuleType
from typing import Any

from tests.libraries.published import package_folder


@functools.cache
def torchvision_module(name: str) -> ModuleType:
    """The module `torchvision.{name}`, imported with empty operators in place of the compiled ones."""
    _declare_operators()
    return importlib.import_module(f"torchvision.{name}")


@functools.cache
def _declare_operators() -> Any:
    import torch

    source = (package_folder("torchvision") / "_meta_registrations.py").read_text("utf-8")
    names = set(re.findall(r'(?:register_meta|register_fake)\("(?:torchvision::)?(\w+)"', source))
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in sorted(names):
        if not hasattr(torch.ops.torchvision, operator):
            library.define(f"{operator}(Tensor x) -> Tensor")
    return library
