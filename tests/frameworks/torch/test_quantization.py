"""Quantization leaves a network as it is, with the sub-layers that torch adds."""

from __future__ import annotations

import pytest

from gradlint.frameworks import modules
from gradlint.network import Kind
from tests.frameworks.torch.harness import Tables


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_float_functional_adds_and_rectifies(tables: Tables) -> None:
    functional = tables.make("ao.nn.quantized.FloatFunctional")
    assert [path for path, _ in modules.named_modules(functional)] == ["", "activation_post_process"]
    x, y = tables.input(2, 3), tables.input(2, 3)
    assert tables.method(functional, "add", x, y).node.kind is Kind.ADD
    rectified = tables.method(functional, "add_relu", x, y).node
    assert (rectified.kind, rectified.inputs[0].kind) == (Kind.ACTIVATION, Kind.ADD)
    assert tables.method(functional, "cat", [x, y], dim=1).shape == (2, 6)


def test_stubs_and_wrappers_pass_on(tables: Tables) -> None:
    x = tables.input(2, 3)
    assert tables.call(tables.make("ao.quantization.QuantStub"), x) is x
    wrapper = tables.make("quantization.QuantWrapper", tables.make("nn.Linear", 3, 4))
    assert tables.call(wrapper, x).shape == (2, 4)
    assert [name for name, _ in modules.named_parameters(wrapper)] == ["module.weight", "module.bias"]


def test_preparing_and_fusing_give_the_module_back(tables: Tables) -> None:
    layer = tables.make("nn.Linear", 3, 4)
    assert tables.make("ao.quantization.fuse_modules", layer, [["a", "b"]], inplace=True) is layer
    assert tables.make("quantization.prepare_qat", layer) is layer
