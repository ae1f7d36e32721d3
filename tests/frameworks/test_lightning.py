"""Lightning: what a trainer does in a step, hyperparameters, names in every package, Fabric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradlint.evaluation.driver import Evaluator
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.network import Event, EventKind
from gradlint.sources import SourceFile, SourceLoader

E = EventKind


def run(text: str) -> tuple[dict[str, Any], list[Event]]:
    """The variables and events of a module."""
    modules = ModuleCache(SourceLoader())
    module = modules.run(Interpreter(modules), SourceFile.from_text(text, "module.py"), "module", None)
    return module.scope.variables, modules.records[Path("module.py")].events


def kinds(events: list[Event], *without: EventKind) -> list[EventKind]:
    return [event.kind for event in events if event.kind not in without]


CLASSIFIER = """
import torch
from torch import nn
import torch.nn.functional as F
import {package} as pl
from torch.utils.data import DataLoader

class Classifier(pl.LightningModule):
    def __init__(self, width=16, lr=0.1, backbone=None):
        super().__init__()
        self.save_hyperparameters(ignore=["backbone"])
        self.layers = nn.Sequential(nn.Linear(4, self.hparams.width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])
{more}

model = Classifier(width=32)
trainer = pl.Trainer({options})
trainer.fit(model, DataLoader(object()))
"""

STEP = [E.LOOP_START, E.FORWARD, E.LOSS, E.ZERO_GRAD, E.BACKWARD, E.STEP, E.LOOP_END]


def classifier(
    package: str = "lightning.pytorch", options: str = "", more: str = ""
) -> tuple[dict[str, Any], list[Event]]:
    return run(CLASSIFIER.format(package=package, options=options, more=more))


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning", "lightning"])
def test_a_step_in_lightnings_order(package: str) -> None:
    variables, events = classifier(package)
    assert kinds(events) == STEP
    step = next(event for event in events if event.kind is E.STEP)
    assert step.optimizer is not None
    assert (step.optimizer.name, step.optimizer.learning_rate, len(step.optimizer.parameters or ())) == ("SGD", 0.1, 4)
    assert variables["model"].attrs["layers"].attrs["0"].attrs["out_features"] == 32


def test_the_loss_that_is_backpropagated_is_the_one_returned() -> None:
    _, events = classifier()
    loss = next(event.node for event in events if event.kind is E.LOSS)
    assert next(event.node for event in events if event.kind is E.BACKWARD) is loss


@pytest.mark.parametrize(
    ("options", "method", "limit"),
    [
        ("gradient_clip_val=0.5", "norm", 0.5),
        ("gradient_clip_val=1, gradient_clip_algorithm='value'", "value", 1),
        ("gradient_clip_val=0", None, None),
        ("", None, None),
    ],
)
def test_clipping_of_the_trainer(options: str, method: str | None, limit: float | None) -> None:
    _, events = classifier(options=options)
    found = [(event.details["method"], event.details["limit"]) for event in events if event.kind is E.CLIP]
    assert found == ([] if method is None else [(method, limit)])


def test_mixed_precision_scales_unscales_and_then_clips() -> None:
    _, events = classifier(options="precision='16-mixed', gradient_clip_val=1.0")
    assert kinds(events, E.FORWARD, E.LOSS, E.ZERO_GRAD) == [
        E.LOOP_START, E.BACKWARD, E.UNSCALE, E.CLIP, E.STEP, E.LOOP_END,
    ]  # fmt: skip
    assert all(event.details["scaled"] for event in events if event.kind in (E.BACKWARD, E.STEP))


HOOK = """
    def configure_gradient_clipping(self, optimizer, gradient_clip_val, gradient_clip_algorithm):
        self.clip_gradients(optimizer, gradient_clip_val=0.3, gradient_clip_algorithm="norm")
"""
BY_HAND = """
    def on_before_optimizer_step(self, optimizer):
        torch.nn.utils.clip_grad_value_(self.parameters(), 2.0)
"""


@pytest.mark.parametrize(("more", "limit"), [(HOOK, 0.3), (BY_HAND, 2.0)])
def test_clipping_in_a_hook(more: str, limit: float) -> None:
    _, events = classifier(more=more)
    clips = [event for event in events if event.kind is E.CLIP]
    assert [clip.details["limit"] for clip in clips] == [limit]
    order = kinds(events)
    assert order.index(E.BACKWARD) < order.index(E.CLIP) < order.index(E.STEP)


def test_optimizer_step_of_the_program_takes_the_closure() -> None:
    _, events = classifier(
        more="""
    def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure):
        optimizer.step(closure=optimizer_closure)
"""
    )
    assert kinds(events) == STEP


@pytest.mark.parametrize(
    "returned",
    [
        "[opt]",
        "[opt], [sched]",
        "{'optimizer': opt, 'lr_scheduler': {'scheduler': sched, 'interval': 'step'}}",
        "{'optimizer': opt, 'lr_scheduler': sched}",
    ],
)
def test_what_configure_optimizers_may_return(returned: str) -> None:
    _, events = classifier(
        more=f"""
    def configure_optimizers(self):
        opt = torch.optim.Adam(self.parameters())
        sched = torch.optim.lr_scheduler.StepLR(opt, 10)
        return {returned}
"""
    )
    step = next(event for event in events if event.kind is E.STEP)
    assert step.optimizer is not None
    assert step.optimizer.name == "Adam"
    assert (E.SCHEDULE in kinds(events)) == ("sched" in returned)


def test_manual_optimization() -> None:
    _, events = run("""
import torch
from torch import nn
import lightning as L

class GAN(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.generator = nn.Linear(8, 4)
        self.discriminator = nn.Linear(4, 1)

    def training_step(self, batch):
        first, second = self.optimizers()
        fake = self.generator(torch.randn(16, 8))
        loss = self.discriminator(fake).mean()
        first.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(first, gradient_clip_val=1.0)
        first.step()

    def configure_optimizers(self):
        return torch.optim.Adam(self.generator.parameters()), torch.optim.Adam(self.discriminator.parameters())

L.Trainer(max_epochs=3).fit(GAN())
""")
    assert kinds(events, E.FORWARD) == [E.LOOP_START, E.ZERO_GRAD, E.BACKWARD, E.CLIP, E.STEP, E.LOOP_END]


def test_data_of_a_data_module_reaches_the_training_step() -> None:
    variables, events = run("""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import pytorch_lightning as pl

class Data(pl.LightningDataModule):
    def setup(self, stage):
        self.train = TensorDataset(torch.rand(100, 4), torch.randint(0, 2, (100,)))

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=8)

class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.loss = nn.CrossEntropyLoss()

    def training_step(self, batch, batch_idx):
        x, y = batch
        self.seen = x.shape
        return {"loss": self.loss(self.layer(x), y)}

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())

net = Net()
pl.Trainer().fit(net, datamodule=Data())
""")
    assert variables["net"].attrs["seen"] == (8, 4)
    assert next(event.node for event in events if event.kind is E.BACKWARD).kind == "loss"


def test_hyperparameters_of_every_form() -> None:
    variables, _ = run("""
import lightning.pytorch as pl

class A(pl.LightningModule):
    def __init__(self, width, depth=2, **kwargs):
        super().__init__()
        self.save_hyperparameters("width")

class B(pl.LightningModule):
    def __init__(self, config):
        super().__init__()
        self.save_hyperparameters(config)

a = A(8)
b = B({"width": 5})
width, kept, by_item = a.hparams.width, "depth" in a.hparams, b.hparams["width"]
by_attribute = b.hparams.width
""")
    assert (variables["width"], variables["kept"], variables["by_item"], variables["by_attribute"]) == (8, False, 5, 5)


def test_a_module_without_forward_stands_for_its_network() -> None:
    variables, _ = run("""
import torch
from torch import nn
import lightning.pytorch as pl

class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.model = nn.Linear(4, 2)
        self.loss = nn.MSELoss()

y = Net()(torch.rand(3, 4))
""")
    assert variables["y"].shape == (3, 2)


def test_fabric() -> None:
    _, events = run("""
import torch
from torch import nn
from lightning.fabric import Fabric
fabric = Fabric(precision="16-mixed")
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
model, optimizer = fabric.setup(model, optimizer)
loss = model(torch.rand(3, 4)).mean()
optimizer.zero_grad()
fabric.backward(loss)
fabric.clip_gradients(model, optimizer, max_norm=1.0)
optimizer.step()
""")
    assert kinds(events, E.FORWARD) == [E.ZERO_GRAD, E.BACKWARD, E.CLIP, E.STEP]
    assert events[-3].details["scaled"] is True


MODULE_ALONE = """
import torch
from torch import nn
import torch.nn.functional as F
import lightning.pytorch as pl

class Net(pl.LightningModule):
    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, x):
        return self.body(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self(x), y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
"""


def test_a_module_whose_trainer_is_elsewhere_is_an_incomplete_loop() -> None:
    found = Evaluator(SourceLoader()).evaluate(SourceFile.from_text(MODULE_ALONE, "module.py"))
    assert [network.parameter_count for network in found.networks] == [16 * 9 + 17 * 3]
    (loop,) = found.loops
    assert not loop.complete
    assert [event.kind for event in loop.events_of(E.BACKWARD, E.STEP)] == [E.BACKWARD, E.STEP]
    assert [node.get("function") for node in loop.objectives] == ["cross_entropy"]


def test_a_module_with_its_trainer_is_a_complete_loop() -> None:
    text = f"{MODULE_ALONE}\nif __name__ == '__main__':\n    pl.Trainer(gradient_clip_val=1.0).fit(Net())\n"
    found = Evaluator(SourceLoader()).evaluate(SourceFile.from_text(text, "module.py"))
    (loop,) = found.loops
    assert loop.complete
    assert len(loop.events_of(E.CLIP)) == 1
    assert [optimizer.name for optimizer in loop.optimizers] == ["Adam"]
    assert len(loop.networks) == 1
