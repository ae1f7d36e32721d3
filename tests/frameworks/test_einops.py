"""einops patterns: the shapes that einops gives, and the graph behind them."""

from __future__ import annotations

from typing import Any

import pytest

from gradlint.network import Kind, topological
from tests.frameworks.torch.test_functions import evaluated

PRELUDE = """
import torch
from torch import nn
from einops import rearrange, reduce, repeat, einsum, pack, unpack
from einops.layers.torch import Rearrange, Reduce
x = torch.rand(2, 3, 8, 12)
q = torch.rand(2, 5, 24)
W = nn.Parameter(torch.rand(24, 7))
"""

# Expression and the shape that einops 0.8 gives.
CASES: list[tuple[str, Any]] = [
    ("rearrange(x, 'b c h w -> b h w c')", (2, 8, 12, 3)),
    ("rearrange(x, 'b c h w -> b (c h w)')", (2, 288)),
    ("rearrange(x, 'b c (h p1) (w p2) -> b (h w) (p1 p2 c)', p1=4, p2=4)", (2, 6, 48)),
    ("rearrange(x, 'b c (h p) w -> (b h) c p w', h=2)", (4, 3, 4, 12)),
    ("rearrange(q, 'b n (h d) -> b h n d', h=4)", (2, 4, 5, 6)),
    ("rearrange(q, 'b n (k h d) -> k b h n d', k=3, h=2)", (3, 2, 2, 5, 4)),
    ("rearrange(x, 'b ... -> b (...)')", (2, 288)),
    ("rearrange(x, '... h w -> ... (h w)')", (2, 3, 96)),
    ("rearrange(q, 'b n d -> b n d 1')", (2, 5, 24, 1)),
    ("rearrange(q, 'b n d -> b () n d')", (2, 1, 5, 24)),
    ("rearrange(x[:1], '1 c h w -> c h w')", (3, 8, 12)),
    ("rearrange([q, q, q], 'k b n d -> b n (k d)')", (2, 5, 72)),
    ("repeat(q, 'b n d -> b n d r', r=3)", (2, 5, 24, 3)),
    ("repeat(q, 'b n d -> (r b) n d', r=2)", (4, 5, 24)),
    ("repeat(torch.rand(1, 1, 24), '1 1 d -> b 1 d', b=7)", (7, 1, 24)),
    ("repeat(torch.rand(24), 'd -> b n d', b=2, n=5)", (2, 5, 24)),
    ("reduce(x, 'b c h w -> b c', 'mean')", (2, 3)),
    ("reduce(x, 'b c (h p) (w p2) -> b c h w', 'max', p=2, p2=2)", (2, 3, 4, 6)),
    ("reduce(x, 'b c h w -> b c 1 1', 'sum')", (2, 3, 1, 1)),
    ("einsum(q, W, 'batch n inner, inner outer -> batch n outer')", (2, 5, 7)),
    ("Rearrange('b n (h d) -> b h n d', h=4)(q)", (2, 4, 5, 6)),
    ("Reduce('b n d -> b d', 'mean')(q)", (2, 24)),
    ("nn.Sequential(Rearrange('b n d -> b (n d)'), nn.Linear(120, 3))(q)", (2, 3)),
    ("pack([q, torch.rand(2, 24)], 'b * d')[0]", (2, 6, 24)),
    ("unpack(*pack([q, torch.rand(2, 24)], 'b * d'), 'b * d')[1]", (2, 24)),
]


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    """What the expressions of all cases evaluate to."""
    return evaluated("\n".join([PRELUDE, *[f"r{number} = {text}" for number, (text, _) in enumerate(CASES)]]))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[text for text, _ in CASES])
def test_shape(number: int, ours: dict[str, Any]) -> None:
    assert ours[f"r{number}"].shape == CASES[number][1]
    assert all(node.kind is not Kind.OPAQUE for node in topological((ours[f"r{number}"].node,)))


def test_a_product_with_a_parameter_is_a_linear_layer(ours: dict[str, Any]) -> None:
    number = next(place for place, (text, _) in enumerate(CASES) if text.startswith("einsum"))
    assert ours[f"r{number}"].node.kind is Kind.LINEAR


@pytest.mark.parametrize("pattern", ["b n d -> b n e", "b n", "b (n -> b", "b n d x -> b"])
def test_a_pattern_that_does_not_fit_is_an_error_or_opaque(pattern: str) -> None:
    found = evaluated(f"{PRELUDE}\ntry:\n    y = rearrange(q, {pattern!r})\nexcept RuntimeError:\n    y = None")["y"]
    assert found is None or found.node.kind is Kind.OPAQUE


def test_unknown_sizes_give_an_unknown_shape() -> None:
    found = evaluated(f"{PRELUDE}\nimport settings\ny = rearrange(q, 'b n (h d) -> b h n d', h=settings.heads)")["y"]
    assert found.shape is None
