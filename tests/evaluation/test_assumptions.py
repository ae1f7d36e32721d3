"""What is assumed where a file does not say with what its networks are built: widths, and configurations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import gradlint
from gradlint.evaluation.driver import Evaluation
from gradlint.findings import Confidence

HEAD = "from dataclasses import dataclass\nfrom typing import Optional\nfrom torch import nn\n"
CONFIG = """
@dataclass
class NetConfig:
    width: int = 24
    depth: int = 3
"""
NET = """
class Block(nn.Module):
    def __init__(self, config{block}):
        super().__init__()
        self.layer = nn.Linear(config.width, config.width)

    def forward(self, x):
        return x + self.layer(x).relu()


class Net(nn.Module):
    {attribute}

    def __init__(self, config{annotation}):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(config) for _ in range(config.depth)])
        self.head = nn.Linear(config.width, 2)

    def forward(self, x):
        return self.head(self.blocks(x))
"""
OTHER = """
@dataclass
class DataConfig:
    batch: int = 8
"""


def text(*parts: str, block: str = "", attribute: str = "pass", annotation: str = "") -> str:
    return HEAD + "".join(parts) + NET.format(block=block, attribute=attribute, annotation=annotation)


@pytest.mark.parametrize(
    "source",
    [
        text(CONFIG),
        text(CONFIG, OTHER, annotation=": NetConfig"),
        text(CONFIG, OTHER, annotation=": Optional[NetConfig]"),
        text(CONFIG, OTHER, annotation=": NetConfig | None"),
        text(CONFIG, OTHER, attribute="config: NetConfig"),
        text(CONFIG, OTHER, attribute="config_class = NetConfig"),
        text(
            "class NetArgs:\n    def __init__(self, width=24, depth=3):\n        self.width, self.depth = width, depth\n"
        ),
    ],
    ids=["only one", "annotation", "Optional", "or None", "annotated attribute", "config_class", "plain class"],
)
def test_a_configuration_that_nothing_gives_has_its_defaults(
    evaluate_text: Callable[..., Evaluation], source: str
) -> None:
    (network,) = evaluate_text(source).networks
    assert network.complete
    assert network.parameter_count == 3 * (24 * 24 + 24) + 24 * 2 + 2
    assert network.configuration_assumed
    assert any("config=Net" in assumption for assumption in network.assumptions)


@pytest.mark.parametrize(
    "source",
    [
        text(CONFIG, OTHER),
        text("@dataclass\nclass NetConfig:\n    width: int\n    depth: int\n"),
        text("class NetKwargs:\n    width = 24\n    depth = 3\n"),
        text("class ParamsNet(nn.Module):\n    pass\n", annotation=": ParamsNet"),
    ],
    ids=["two", "without defaults", "another name", "a layer"],
)
def test_a_configuration_is_not_made_up(evaluate_text: Callable[..., Evaluation], source: str) -> None:
    networks = [network for network in evaluate_text(source).networks if network.name == "Net"]
    assert all(network.parameter_count is None and not network.configuration_assumed for network in networks)


LISTED = """
class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.blocks = [nn.Linear(config.width, config.width) for _ in range(config.depth)]
        self.head = nn.Linear(config.width, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x).relu()
        return self.head(x)
"""


def test_what_is_said_of_an_assumed_configuration_is_less_sure() -> None:
    settings = gradlint.Settings(min_confidence=Confidence.LOW, cache=False)
    (assumed,) = gradlint.check_source(HEAD + CONFIG + LISTED, settings=settings)
    (given,) = gradlint.check_source(HEAD + CONFIG + LISTED + "\nnet = Net(NetConfig())\n", settings=settings)
    assert assumed.name == given.name == "unregistered-parameters"
    assert (assumed.confidence, given.confidence) == (Confidence.MEDIUM, Confidence.HIGH)
