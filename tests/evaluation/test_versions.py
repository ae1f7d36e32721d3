"""Comparisons of versions take the way of today's libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

HEAD = """
import importlib.metadata, re
import torch, torchvision
from distutils.version import LooseVersion
from packaging import version
from packaging.version import Version, parse
"""


@pytest.mark.parametrize(
    "condition",
    [
        'torch.__version__ >= "1.10"',
        "torch.__version__ >= (1, 8)",
        'version.parse(torch.__version__) >= version.parse("1.7.0")',
        "Version(torch.__version__) > Version('2.0') > Version('1.13.1')",
        "LooseVersion(torch.__version__) >= LooseVersion('1.7.0')",
        "parse('1.10') > parse('1.9') and parse('2.0') == parse('2.0.0') and not parse('1.9') != parse('v1.9')",
        "parse('1.13.1').major == 1 and parse('1.13.1').minor == 13 and parse('1.13.1').release == (1, 13, 1)",
        "tuple(int(part) for part in torch.__version__.split('+')[0].split('.')[:2]) >= (1, 8)",
        "int(re.match(r'(\\d+)', torch.__version__).group(1)) >= 2",
        "parse(importlib.metadata.version('torchvision')) >= parse('0.9')",
    ],
)
def test_a_condition_on_a_version_is_known(condition: str, variables: Callable[[str], dict[str, Any]]) -> None:
    assert variables(f"{HEAD}\nvalue = {condition}")["value"] is True


@pytest.mark.parametrize("text", ["parse(name)", "importlib.metadata.version('other')", "parse('unreleased')"])
def test_a_version_that_nothing_tells_is_not_known(text: str, variables: Callable[[str], dict[str, Any]]) -> None:
    assert variables(f"{HEAD}\nvalue = 3 if {text} == '1.0' else 4")["value"] not in (3, 4)
