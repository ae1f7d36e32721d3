"""What nothing in a file uses is tried on assumptions: all of a small file, and of a large one what has not run yet."""

from __future__ import annotations

import pytest

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.evaluation.limits import Limits
from gradlint.sources import SourceFile, SourceLoader

LIBRARY = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        return self.layer(x)


class Bottleneck(Block):
    def forward(self, x):
        return x + self.layer(x)


class Net(nn.Module):
    def __init__(self, block, depth, head=None):
        super().__init__()
        self.blocks = nn.Sequential(*[block(32) for _ in range(depth)])
        self.head = head or nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.blocks(x))


def _head():
    return nn.Linear(32, 10)


def _net(block, depth, **kwargs):
    return Net(block, depth, **kwargs)


def small():
    return _net(Block, 2)


def large():
    return _net(Block, 3)


def with_bottlenecks():
    return _net(Bottleneck, 4)


def with_many_bottlenecks():
    return _net(Bottleneck, 5)


def with_head():
    return _net(Block, 6, head=_head())
"""


def depths(evaluation: Evaluation) -> list[int]:
    """How many blocks the networks of the library have, in order."""
    counts = [sum(len(parameter.shape or ()) == 2 for parameter in net.parameters) for net in evaluation.networks]
    return [count - 1 for count in counts]


def evaluate(text: str, limits: Limits) -> Evaluation:
    return Evaluator(SourceLoader(), limits).evaluate(SourceFile.from_text(text, "library.py"))


def test_every_builder_of_a_small_file_is_called() -> None:
    assert depths(evaluate(LIBRARY, Limits())) == [2, 3, 4, 5, 6]


def test_of_a_costly_file_those_builders_are_called_that_lead_to_code_which_has_not_run() -> None:
    evaluation = evaluate(LIBRARY, Limits(alternatives=1))
    assert depths(evaluation) == [2, 4, 6]
    assert any("run only what others ran already" in note for note in evaluation.notes)


def test_of_a_very_costly_file_no_more_builders_are_called() -> None:
    evaluation = evaluate(LIBRARY, Limits(alternatives=1, news=75))
    assert depths(evaluation) == [2, 4]
    assert any("after several others" in note for note in evaluation.notes)


@pytest.mark.parametrize(
    "call", ["large()", "with_many_bottlenecks()", "_net(Bottleneck, 7)"], ids=["large", "bottlenecks", "own"]
)
def test_any_builder_can_be_asked_for(call: str) -> None:
    limits = Limits(alternatives=1, news=1)
    evaluation = Evaluator(SourceLoader(), limits).evaluate(SourceFile.from_text(LIBRARY, "library.py"), call)
    assert len(evaluation.networks) == 1
    assert evaluation.networks[0].complete


OWN_WORK = {
    "layers of a framework": "def own():\n    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))\n",
    "a loop": "def own():\n    for depth in (3,):\n        net = _net(Block, depth)\n    return net\n",
}


@pytest.mark.parametrize("what", OWN_WORK)
def test_a_function_with_work_of_its_own_is_called_whatever_ran_before(what: str) -> None:
    before = evaluate(LIBRARY, Limits(alternatives=1))
    evaluation = evaluate(f"{LIBRARY}\n\n{OWN_WORK[what]}", Limits(alternatives=1))
    assert len(evaluation.networks) == len(before.networks) + 1


def test_a_training_function_is_called_whatever_ran_before() -> None:
    text = f"""\
import torch
{LIBRARY}

def train(net: Net, batches):
    net = _net(Block, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x in batches:
        optimizer.zero_grad()
        net(x).sum().backward()
        optimizer.step()
"""
    assert evaluate(text, Limits(alternatives=1)).loops


MODEL = """\
import torch
from torch import nn


class Part(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x):
        return self.layer(x)


class Other(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, 1)

    def forward(self, x):
        return self.layer(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.part, self.other = Part(8), Other(8)

    def forward(self, x):
        x = self.part(x)
        return {rest}
"""


def test_the_parts_of_a_model_are_no_networks_of_their_own() -> None:
    evaluation = evaluate(MODEL.format(rest="self.other(x)"), Limits())
    assert [network.name for network in evaluation.networks] == ["Model"]
    assert evaluation.networks[0].complete


def test_a_part_that_the_forward_pass_does_not_come_to_is_tried_alone() -> None:
    evaluation = evaluate(MODEL.format(rest="self.other([][0])"), Limits())
    assert [network.name for network in evaluation.networks] == ["Model", "Other"]
    assert not evaluation.networks[0].complete
    assert evaluation.networks[1].complete


def test_networks_come_in_the_order_of_the_source() -> None:
    text = "".join(f"class {name}(Block):\n    pass\n\n\n" for name in ("First", "Second", "Third"))
    evaluation = evaluate(f"{LIBRARY.partition('class Bottleneck')[0]}{text}", Limits())
    assert [network.name for network in evaluation.networks] == ["Block", "First", "Second", "Third"]


DOCUMENTED = """\
from torch import nn


def documented(intro=""):
    def decorate(cls):
        text = []
        for line in range(400):
            for word in range(20):
                text.append(f"{cls.__name__} {intro} {line} {word}")
        cls.__doc__ = " ".join(text)
        return cls

    return decorate


def register(cls):
    NETWORKS.append(cls)
    return cls


NETWORKS = []


@documented()
@register
class First(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(x)


@register
@documented("another one")
class Second(First):
    @documented("a method")
    def forward(self, x):
        return self.layer(x).relu()


models = [cls() for cls in NETWORKS]
"""


def test_a_decorator_that_writes_much_documentation_does_not_use_up_the_budget() -> None:
    evaluator = Evaluator(SourceLoader())
    found = evaluator.evaluate(SourceFile.from_text(DOCUMENTED, "nets.py"))
    assert [network.name for network in found.networks] == ["First", "Second"]
    assert all(network.complete and network.parameter_count == 36 for network in found.networks)
    assert found.notes == ("evaluation was cut short: more than 1000 steps for a decorator",)
    assert evaluator.interpreter.budget.steps < 3000, "the decorator is given up once, and not run again"


def test_what_uses_a_costly_decorator_is_still_bounded_itself() -> None:
    text = DOCUMENTED.replace(
        "models = [cls() for cls in NETWORKS]",
        "def unused():\n    @documented()\n    def f():\n        pass\n    while True:\n        f()",
    )
    found = Evaluator(SourceLoader()).evaluate(SourceFile.from_text(text, "nets.py"))
    assert any("8000 steps for a function or class that nothing uses" in note for note in found.notes)


BUILDERS = """
from torch import nn


def network(depth=40):
    return nn.Sequential(*[nn.Linear(8, 8) for _ in range(depth)])


{small}
"""


def steps(text: str) -> int:
    evaluator = Evaluator(SourceLoader())
    evaluator.evaluate(SourceFile.from_text(text, "library.py"))
    return evaluator.interpreter.budget.steps


def test_a_builder_that_another_calls_is_not_tried_with_its_defaults_before() -> None:
    alone = steps(BUILDERS.format(small="small = network(10)"))
    assert steps(BUILDERS.format(small="def small():\n    return network(10)")) < alone + 20
    assert steps(BUILDERS.format(small="")) > alone + 20
