"""The rules on training loops follow values through helpers, classes, closures and libraries that wrap a loop."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from gradlint.findings import Confidence

PREFACE = """
import torch
from torch import nn
import torch.nn.functional as F
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
"""

CLIPPED = {
    "in a helper": """
def clip(parameters, limit):
    torch.nn.utils.clip_grad_norm_(parameters, limit)
for x, y in loader:
    optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    clip(model.parameters(), 1.0)
    optimizer.step()
""",
    "by value": """
for x, y in loader:
    optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.5)
    optimizer.step()
""",
    "by hand": """
for x, y in loader:
    optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    for p in model.parameters():
        p.grad.data.clamp_(-1, 1)
    optimizer.step()
""",
    "in a Lightning hook": """
import lightning as L
class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 32, batch_first=True)
        self.out = nn.Linear(32, 1)
    def training_step(self, batch, index):
        x, y = batch
        h, _ = self.rnn(x)
        return F.mse_loss(self.out(h[:, -1]), y)
    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None):
        self.clip_gradients(optimizer, gradient_clip_val=0.5, gradient_clip_algorithm="norm")
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
L.Trainer(max_epochs=3).fit(Net(), loader)
""",
    "by the Lightning Trainer": """
import pytorch_lightning as pl
class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 32, batch_first=True)
        self.out = nn.Linear(32, 1)
    def training_step(self, batch, index):
        x, y = batch
        h, _ = self.rnn(x)
        return F.mse_loss(self.out(h[:, -1]), y)
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
pl.Trainer(max_epochs=3, gradient_clip_val=0.5).fit(Net(), loader)
""",
    "by an Accelerator": """
from accelerate import Accelerator
accelerator = Accelerator()
rnn, out = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 1)
parameters = [*rnn.parameters(), *out.parameters()]
sgd = torch.optim.SGD(parameters, lr=0.1)
rnn, out, sgd, loader = accelerator.prepare(rnn, out, sgd, loader)
for x, y in loader:
    sgd.zero_grad()
    h, _ = rnn(x)
    accelerator.backward(F.mse_loss(out(h[:, -1]), y))
    accelerator.clip_grad_norm_(parameters, 1.0)
    sgd.step()
""",
}

ZEROED = {
    "by the module": """
for x, y in loader:
    model.zero_grad(set_to_none=True)
    F.mse_loss(model(x), y).backward()
    optimizer.step()
""",
    "by hand": """
for x, y in loader:
    F.mse_loss(model(x), y).backward()
    optimizer.step()
    for p in model.parameters():
        p.grad = None
""",
    "in a function that takes the optimizer": """
def update(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
for x, y in loader:
    update(F.mse_loss(model(x), y), optimizer)
""",
    "in one branch of two": """
for i, (x, y) in enumerate(loader):
    if i % 2:
        optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    optimizer.step()
""",
    "not needed by autograd.grad": """
for x, y in loader:
    grads = torch.autograd.grad(F.mse_loss(model(x), y), list(model.parameters()))
    for p, g in zip(model.parameters(), grads):
        p.data.sub_(0.01 * g)
""",
    "not needed for a single step": """
for seed in range(5):
    net = nn.Linear(8, 1)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    F.mse_loss(net(x), y).backward()
    sgd.step()
""",
    "perhaps, in code that is not analysed": """
from project_that_is_not_here import train_step
for x, y in loader:
    F.mse_loss(model(x), y).backward()
    train_step(model, optimizer)
    optimizer.step()
""",
}

BAD = {
    "clipping in a helper that comes too late": """
def finish(parameters):
    nn.utils.clip_grad_norm_(parameters, 1.0)  # error: [misplaced-gradient-clipping]
for x, y in loader:
    optimizer.zero_grad()
    F.mse_loss(model(x), y).backward()
    optimizer.step()
    finish(model.parameters())
""",
    "clipping in a Lightning training step": """
import lightning as L
class Net(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(8, 1)
    def training_step(self, batch, index):
        x, y = batch
        loss = F.mse_loss(self.out(x), y)
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)  # error: [misplaced-gradient-clipping]
        return loss
    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
L.Trainer(max_epochs=3).fit(Net(), loader)
""",
    "unscaling after clipping, the scaler in its old home": """
scaler = torch.cuda.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    with torch.cuda.amp.autocast():
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # error: [clipping-scaled-gradients]
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
""",
    "a loss that is accumulated as numbers": """
for batch in loader:
    total = 0
    for x, y in batch:
        total += F.mse_loss(model(x), y).item()  # error: [detached-gradient]
    total = torch.tensor(total, requires_grad=True)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
""",
    "the second of two optimizers never zeroed": """
other = nn.Linear(1, 1)
second = torch.optim.SGD(other.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    F.mse_loss(other(model(x)), y).backward()  # error: [missing-zero-grad]
    optimizer.step()
    second.step()
""",
    "a while loop": """
step = 0
while step < 1000:
    x, y = next(batches)
    loss = F.mse_loss(model(x), y)
    loss.backward()  # error: [missing-zero-grad]
    optimizer.step()
    step += 1
""",
    "training as a method": """
class Trainer:
    def __init__(self, net, loader):
        self.net, self.loader = net, loader
        self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)
    def run(self):
        for epoch in range(3):
            self.epoch()
    def epoch(self):
        for x, y in self.loader:
            self.opt.zero_grad()
            loss = F.mse_loss(self.net(x).detach(), y)  # error: [detached-gradient]
            loss.requires_grad_()
            loss.backward()
            self.opt.step()
Trainer(model, loader).run()
""",
    "a forgotten learnable temperature": """
temperature = nn.Parameter(torch.ones(1))
sgd = torch.optim.SGD(model.parameters(), lr=0.1)  # error: [unoptimized-parameters]
for x, y in loader:
    sgd.zero_grad()
    F.mse_loss(model(x) * temperature, y).backward()
    sgd.step()
""",
}


def expected(program: str) -> list[tuple[int, str]]:
    return [
        (number, match[1])
        for number, line in enumerate(program.split("\n"), 1)
        if (match := re.search(r"# error: \[([a-z-]+)\]", line))
    ]


@pytest.mark.parametrize("body", CLIPPED.values(), ids=CLIPPED.keys())
def test_clipping_is_seen(body: str, lint: Callable[..., list[tuple[int, str]]]) -> None:
    rules = ("misplaced-gradient-clipping", "clipping-scaled-gradients", "missing-gradient-clipping")
    assert lint(PREFACE + body, *rules) == []


@pytest.mark.parametrize("body", ZEROED.values(), ids=ZEROED.keys())
def test_zeroing_is_seen(body: str, lint: Callable[..., list[tuple[int, str]]]) -> None:
    assert lint(PREFACE + body, "missing-zero-grad") == []


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_faults_are_found(body: str, lint: Callable[..., list[tuple[int, str]]]) -> None:
    program = PREFACE + body
    assert lint(program, "GRD4", "GRD50", "GRD6", "GRD7") == expected(program)


TARGETS = {
    "loaded from its state": "old = build()\n    old.load_state_dict(model.state_dict())",
    "a deep copy": "old = copy.deepcopy(model)",
    "copied by hand": """old = build()
    for q, p in zip(old.parameters(), model.parameters()):
        q.data.copy_(p.data)""",
}


@pytest.mark.parametrize("copied", TARGETS.values(), ids=TARGETS)
def test_a_network_that_is_copied_from_the_trained_one_needs_no_optimizer(
    copied: str, lint: Callable[..., list[tuple[int, str]]]
) -> None:
    text = f"""
import copy
import torch
from torch import nn
import torch.nn.functional as F
def build():
    return nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 2))
model = build()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for update in range(10):
    {copied}
    for x, y in loader:
        loss = F.cross_entropy(model(x), y) + F.mse_loss(model(x), old(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
    assert lint(text, "unoptimized-parameters") == []
    assert lint(text.replace(copied, "old = build()"), "unoptimized-parameters") == [(9, "unoptimized-parameters")]


def test_meta_learning_sets_gradients_by_hand(lint: Callable[..., list[tuple[int, str]]]) -> None:
    text = (
        PREFACE
        + """
import copy
for task in tasks:
    optimizer.zero_grad()
    learner = copy.deepcopy(model)
    inner = torch.optim.SGD(learner.parameters(), lr=0.01)
    for x, y in task:
        inner.zero_grad()
        F.mse_loss(learner(x), y).backward()
        inner.step()
    for p, q in zip(model.parameters(), learner.parameters()):
        p.grad = p.data - q.data
    optimizer.step()
"""
    )
    assert lint(text) == []


def test_a_loss_that_goes_through_unknown_code_may_have_been_scaled(lint: Callable[..., list[tuple[int, str]]]) -> None:
    text = (
        PREFACE
        + """
from elsewhere import scaler
for x, y in loader:
    optimizer.zero_grad()
    with torch.autocast("cuda", dtype=torch.float16):
        loss = F.mse_loss(model(x), y)
    loss = scaler.scale(loss)
    loss.backward()
    optimizer.step()
"""
    )
    assert lint(text, "half-precision-without-scaler") == []
    unscaled = text.replace("    loss = scaler.scale(loss)\n", "")
    assert [name for _, name in lint(unscaled, "GRD507")] == ["half-precision-without-scaler"]


def test_initialization_may_be_meant_for_a_part_that_is_not_known(lint: Callable[..., list[tuple[int, str]]]) -> None:
    text = """
from torch import nn
class Wrapped(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.norm = nn.LayerNorm(16)
        self.apply(draw)
    def forward(self, x):
        return self.norm(self.backbone(x))
def draw(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
"""
    assert lint(text, "unapplied-initializer") == []
    known = text.replace("self.backbone = backbone", "self.backbone = nn.Conv1d(16, 16, 1)")
    assert [name for _, name in lint(known, "GRD205")] == ["unapplied-initializer"]


@pytest.mark.parametrize(
    ("teach", "lines"),
    [
        ("with torch.no_grad():\n        soft = F.softmax(teacher(x), dim=-1)", []),
        ("soft = F.softmax(teacher(x), dim=-1).detach()", []),
        ("soft = F.softmax(model(x), dim=-1)", ["log-of-softmax"]),
    ],
)
def test_the_logarithm_of_what_a_teacher_says_has_no_gradient(
    teach: str, lines: list[str], lint: Callable[..., list[tuple[int, str]]]
) -> None:
    text = (
        PREFACE
        + f"""
teacher = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
for x, y in loader:
    {teach}
    loss = (soft * (soft.log() - F.log_softmax(model(x), dim=-1))).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    )
    assert [name for _, name in lint(text.replace("32, 1)", "32, 4)").replace("64, 1)", "64, 4)"), "GRD605")] == lines


STRANGER = """
import torch
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("gpt2").cuda()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
scaler = torch.cuda.amp.GradScaler()
for epoch in range(3):
    for batch in loader:
        {zero}
        with torch.cuda.amp.autocast():
            loss = model(**batch).loss
        scaler.scale(loss).backward()
        {unscale}
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
"""


@pytest.mark.parametrize(
    ("zero", "unscale", "found"),
    [
        ("optimizer.zero_grad()", "scaler.unscale_(optimizer)", []),
        ("model.zero_grad(set_to_none=True)", "scaler.unscale_(optimizer)", []),
        ("pass", "scaler.unscale_(optimizer)", ["missing-zero-grad"]),
        ("optimizer.zero_grad()", "pass", ["clipping-scaled-gradients"]),
    ],
)
def test_loops_over_models_of_other_libraries(
    zero: str, unscale: str, found: list[str], lint: Callable[..., list[tuple[int, str]]]
) -> None:
    text = STRANGER.replace("{zero}", zero).replace("{unscale}", unscale)
    assert [name for _, name in lint(text)] == found


def test_the_sum_of_gradients_is_reported_where_the_step_gets_them(lint: Callable[..., list[tuple[int, str]]]) -> None:
    text = (
        PREFACE
        + """
critic = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))
other = torch.optim.Adam(critic.parameters(), lr=1e-3)
for x, y in loader:
    (critic(model(x).detach()) - critic(y)).mean().backward()
    other.step()
    optimizer.zero_grad()
    (-critic(model(x))).mean().backward()
    optimizer.step()
"""
    )
    assert lint(text, "missing-zero-grad") == [(11, "missing-zero-grad")]


def test_zeros_give_zeros_whatever_comes_between(lint: Callable[..., list[tuple[int, str]]]) -> None:
    text = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(32, 4)
        for p in self.parameters():
            nn.init.zeros_(p)
    def forward(self, x):
        return self.c(torch.cat([self.a(x), torch.tanh(self.b(x))], dim=1))
Net()
"""
    assert lint(text) == [(9, "symmetric-initial-weights")]
    assert lint(text.replace("self.parameters()", "self.a.parameters()")) == []


@pytest.mark.parametrize(
    ("clip", "found"),
    [
        ("tf.clip_by_global_norm(grads, 1.0)", [12]),
        ("clipped = [tf.clip_by_norm(g, 1.0) for g in grads]", [12]),
        ("grads, norm = tf.clip_by_global_norm(grads, 1.0)", []),
        ("grads = [tf.clip_by_norm(g, 1.0) for g in grads]", []),
        ("pass", []),
    ],
)
def test_tensorflow_clips_copies(clip: str, found: list[int], lint: Callable[..., list[tuple[int, str]]]) -> None:
    text = f"""
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
model = keras.Sequential([keras.Input((8,)), layers.Dense(64, activation="relu"), layers.Dense(1)])
optimizer = keras.optimizers.Adam(1e-3)
x, y = tf.random.normal((32, 8)), tf.random.normal((32, 1))
for step in range(100):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x) - y))
    grads = tape.gradient(loss, model.trainable_variables)
    {clip}
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
"""
    assert [line for line, _ in lint(text, "misplaced-gradient-clipping")] == found


@pytest.mark.parametrize(
    ("inside", "found"), [("sq + 1e-10", 0), ("x * x + y * y + 1e-10", 0), ("sq - 1e-10", 1), ("x + y + 1e-10", 1)]
)
def test_a_sum_of_squares_and_something_more_is_above_zero(
    inside: str, found: int, lint: Callable[..., list[tuple[int, str]]]
) -> None:
    text = f"""
import torch
from torch import nn
class Magnitude(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
    def forward(self, inputs):
        x, y = self.a(inputs), self.b(inputs)
        sq = x * x + y * y
        value = {inside}
        return torch.where(value > 0, torch.sqrt({inside}), torch.zeros_like(sq))
Magnitude()
"""
    assert len(lint(text, "nan-gradient", confidence=Confidence.HIGH)) == found
