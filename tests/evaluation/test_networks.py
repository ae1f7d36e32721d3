"""Forward passes: what a network is called with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradlint.evaluation.driver import Evaluation

DECORATED = """
import functools
from torch import nn

def logged(name):
    def decorate(method):
        {wraps}
        def wrapper(self, *args, **kwargs):
            print(name)
            return method(self, *args, **kwargs)
        return wrapper
    return decorate

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.text = nn.Linear(8, 4), nn.Linear(8, 4)

    @logged("pass")
    def forward(self, image, text):
        return self.image(image) + self.text(text)
"""


@pytest.mark.parametrize("wraps", ["@functools.wraps(method)", ""])
def test_a_decorated_forward_pass_gets_all_its_inputs(wraps: str, evaluate_text: Callable[..., Evaluation]) -> None:
    (network,) = evaluate_text(DECORATED.format(wraps=wraps)).networks
    assert network.complete
    assert len(network.inputs) == 2
