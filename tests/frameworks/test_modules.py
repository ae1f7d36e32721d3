"""Layers as trees, for torch and for whatever keeps its own list of sub-layers."""

from __future__ import annotations

import pytest

from gradlint.evaluation.values import Class, Instance, Symbol
from gradlint.frameworks import modules
from tests.frameworks.torch.harness import Tables


@pytest.fixture
def tables() -> Tables:
    return Tables()


def test_a_layer_reached_twice_belongs_to_the_first_path(tables: Tables) -> None:
    shared = tables.make("nn.Linear", 2, 2)
    inner = tables.make("nn.Sequential", shared)
    outer = tables.make("nn.Sequential", inner, shared, shared)
    assert [path for path, _ in modules.named_modules(outer)] == ["", "0", "0.0"]
    assert list(modules.children(outer)) == ["0", "1", "2"]
    assert len(modules.all_parameters(outer)) == 2


def test_a_circle_ends(tables: Tables) -> None:
    outer = tables.make("nn.Sequential", tables.make("nn.ReLU"))
    outer.attrs["0"].attrs["parent"] = outer
    assert len(list(modules.named_modules(outer))) == 2


def test_a_prefix_stands_before_every_name(tables: Tables) -> None:
    layer = tables.make("nn.Sequential", tables.make("nn.Linear", 2, 2, bias=False))
    assert [path for path, _ in modules.named_modules(layer, "net")] == ["net", "net.0"]
    assert [name for name, _ in modules.named_parameters(layer, "net")] == ["net.0.weight"]


def test_an_own_list_of_sub_layers_comes_before_attributes(tables: Tables) -> None:
    listed, other = tables.make("nn.ReLU"), tables.make("nn.Tanh")
    layer = tables.make("nn.Identity")
    layer.attrs["other"] = other
    layer.hidden["children"] = {"listed": listed}
    assert modules.children(layer) == {"listed": listed}


def test_views_of_parameters_are_not_registered(tables: Tables) -> None:
    layer = tables.make("nn.Linear", 2, 3)
    weight = layer.attrs["weight"]
    layer.attrs["data"] = tables.context.getattr(weight, "data")
    layer.attrs["flipped"] = tables.method(weight, "t")
    layer.attrs["part"] = tables.method(weight, "__getitem__", 0)
    assert list(modules.own_parameters(layer)) == ["weight", "bias"]
    assert not modules.is_parameter(layer.attrs["part"])


def test_what_counts_as_a_layer(tables: Tables) -> None:
    assert modules.is_layer(tables.make("nn.ReLU"))
    assert not modules.is_layer(tables.input(1))
    assert not modules.is_layer(Instance(Class("Plain")))
    base = Symbol("some.library.Base")
    strange = Class("Strange", (base,), {"forward": None})
    strange.mro = (strange, base)
    assert not modules.is_layer(Instance(strange))
    runs = Class("Runs", (base,), {"forward": tables.context.getattr(tables.make("nn.ReLU"), "forward")})
    runs.mro = (runs, base)
    assert modules.is_layer(Instance(runs))
