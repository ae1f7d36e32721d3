"""What training loops of torch do beside optimizers: backward, clipping, scalers, gradient modes, data, wrappers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.network import Event, EventKind, Kind, topological
from gradlint.sources import SourceFile, SourceLoader

E = EventKind

SETUP = """
import torch
from torch import nn, optim
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = optim.SGD(model.parameters(), 0.1)
x, y = torch.rand(16, 4), torch.randint(0, 2, (16,))
"""


def run(text: str, *without: EventKind) -> tuple[dict[str, Any], list[Event]]:
    """The variables and the events, without some kinds (forward passes and losses), of a module after `SETUP`."""
    modules = ModuleCache(SourceLoader())
    module = modules.run(Interpreter(modules), SourceFile.from_text(SETUP + text, "module.py"), "module", None)
    events = modules.records[Path("module.py")].events
    return module.scope.variables, [event for event in events if event.kind not in (without or (E.FORWARD, E.LOSS))]


def kinds(events: list[Event]) -> list[EventKind]:
    return [event.kind for event in events]


def test_an_ordinary_step() -> None:
    variables, events = run("""
for epoch in range(3):
    for images, labels in DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        total = loss.item()
""")
    assert [kind for kind in kinds(events) if kind not in (E.LOOP_START, E.LOOP_END)] == [
        E.ZERO_GRAD, E.BACKWARD, E.CLIP, E.STEP,
    ]  # fmt: skip
    clip = next(event for event in events if event.kind is E.CLIP)
    assert (clip.details["method"], clip.details["limit"]) == ("norm", 1.0)
    assert variables["images"].shape == (8, 4)
    assert variables["labels"].dtype == "int64"
    assert variables["loss"].node.kind is Kind.LOSS


@pytest.mark.parametrize("home", ["torch.cuda.amp.GradScaler()", "torch.amp.GradScaler('cuda')", "torch.GradScaler()"])
def test_a_scaled_step(home: str) -> None:
    _, events = run(f"""
scaler = {home}
with torch.autocast("cuda", dtype=torch.float16):
    loss = F.cross_entropy(model(x), y)
scaler.scale(loss / 2).backward()
scaler.unscale_(optimizer)
torch.nn.utils.clip_grad_value_(model.parameters(), 0.5)
scaler.step(optimizer)
scaler.update()
""")
    assert kinds(events) == [E.BACKWARD, E.UNSCALE, E.CLIP, E.STEP, E.UPDATE_SCALER]
    assert events[0].details["scaled"] is True
    assert events[3].details["scaled"] is True
    assert events[3].optimizer is events[1].optimizer


def test_a_scaler_that_is_off_scales_nothing() -> None:
    _, events = run("scaler = torch.cuda.amp.GradScaler(enabled=False)\nscaler.scale(model(x).sum()).backward()")
    assert events[0].details["scaled"] is False


def test_autocast_is_told_by_the_loss_inside_it() -> None:
    _, events = run(
        """
with torch.autocast("cpu"):
    loss = F.cross_entropy(model(x), y)
with torch.autocast("cuda", enabled=False):
    F.cross_entropy(model(x), y)
""",
        E.FORWARD,
    )
    assert [event.details["autocast"] for event in events] == ["bfloat16", None]


@pytest.mark.parametrize(
    "clipping",
    [
        "for p in model.parameters():\n    p.grad.data.clamp_(-1, 1)",
        "for p in model.parameters():\n    p.grad.clamp_(min=-1, max=1)",
        "for p in model.parameters():\n    torch.clamp_(p.grad, -1, 1)",
        "for p in model.parameters():\n    p.grad = torch.clamp(p.grad, -1, 1)",
        "for p in model.parameters():\n    p.grad.data = p.grad.data.clamp(-1, 1)",
        "norm = sum(p.grad.norm() ** 2 for p in model.parameters()) ** 0.5\n"
        "for p in model.parameters():\n    p.grad *= 1.0 / (norm + 1e-6)",
        "norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()\n"
        "for p in model.parameters():\n    p.grad.mul_(1.0 / norm)",
        "for p in model.parameters():\n    p.grad[p.grad > 1] = p.grad.mean()",
    ],
)
def test_clipping_by_hand(clipping: str) -> None:
    _, events = run(f"model(x).sum().backward()\n{clipping}\noptimizer.step()")
    assert E.CLIP in kinds(events)
    assert all(event.details["method"] == "manual" for event in events if event.kind is E.CLIP)


def test_a_hook_that_clamps_clips() -> None:
    _, events = run("for p in model.parameters():\n    p.register_hook(lambda grad: torch.clamp(grad, -1, 1))")
    assert E.CLIP in kinds(events)


@pytest.mark.parametrize("scaling", ["p.grad /= 4", "p.grad.div_(4)", "p.grad.mul_(0.5)", "print(p.grad.norm())"])
def test_scaling_or_reading_a_gradient_is_no_clipping(scaling: str) -> None:
    _, events = run(f"model(x).sum().backward()\nfor p in model.parameters():\n    {scaling}")
    assert E.CLIP not in kinds(events)


@pytest.mark.parametrize("zeroing", ["p.grad.zero_()", "p.grad.data.zero_()", "p.grad = None", "p.grad.fill_(0)"])
def test_zeroing_by_hand(zeroing: str) -> None:
    _, events = run(f"for p in model.parameters():\n    if p.grad is not None:\n        {zeroing}")
    assert E.ZERO_GRAD in kinds(events)


@pytest.mark.parametrize(
    "step",
    [
        "p -= 0.1 * p.grad",
        "p.sub_(0.1 * p.grad)",
        "p.data.add_(p.grad, alpha=-0.1)",
        "p.data = p.data - 0.1 * p.grad",
        "p.copy_(p - 0.1 * p.grad)",
        "p.addcdiv_(p.grad, p.grad.abs() + 1e-8, value=-0.1)",
    ],
)
def test_a_step_by_hand_is_no_initialization(step: str) -> None:
    variables, events = run(
        f"model(x).sum().backward()\nwith torch.no_grad():\n    for p in model.parameters():\n        {step}"
    )
    assert E.STEP in kinds(events)
    assert variables["model"].attrs["0"].attrs["weight"].parameter.distribution.scheme == "torch"


def test_gradient_modes() -> None:
    variables, _ = run("""
seen = [torch.is_grad_enabled()]
with torch.no_grad():
    seen.append(torch.is_grad_enabled())
    with torch.enable_grad():
        seen.append(torch.is_grad_enabled())
with torch.inference_mode():
    seen.append(torch.is_grad_enabled())
with torch.set_grad_enabled(False):
    seen.append(torch.is_grad_enabled())
seen.append(torch.is_grad_enabled())

@torch.no_grad()
def first():
    return torch.is_grad_enabled()

@torch.no_grad
def second():
    return torch.is_grad_enabled()

@torch.inference_mode()
def third():
    return torch.is_grad_enabled()

seen += [first(), second(), third(), torch.is_grad_enabled()]
torch.set_grad_enabled(False)
seen.append(torch.is_grad_enabled())
""")
    assert variables["seen"] == [True, False, True, False, False, True, False, False, False, True, False]


def test_a_decorated_method_keeps_its_object() -> None:
    variables, _ = run("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    @torch.no_grad()
    def predict(self, x, scale=1.0):
        return self.layer(x) * scale

out = Net().predict(x, scale=2.0)
""")
    assert variables["out"].shape == (16, 3)


@pytest.mark.parametrize(
    ("cut", "operation"),
    [
        ("detach()", "detach"),
        ("data", "data"),
        ("item()", "item"),
        ("numpy()", "numpy"),
        ("argmax(1)", "argmax"),
        ("round()", "round"),
        ("sign()", "sign"),
        ("long()", "cast to int64"),
        ("gt(0)", "comparison"),
    ],
)
def test_what_stops_the_gradient(cut: str, operation: str) -> None:
    variables, _ = run(f"out = model(x)\nout = out.sum() if {cut!r}.startswith('item') else out\ncut = out.{cut}")
    node = variables["cut"].node
    assert (node.kind, node.get("operation")) == (Kind.STOP, operation)


@pytest.mark.parametrize(
    "cut", ["torch.tensor(model(x))", "torch.tensor([model(x).sum(), 1.0])", "torch.Tensor(model(x))"]
)
def test_a_tensor_made_of_a_tensor_carries_no_gradient(cut: str) -> None:
    variables, _ = run(f"cut = {cut}")
    assert variables["cut"].node.kind is Kind.STOP


def test_a_straight_through_estimator_keeps_its_gradient() -> None:
    variables, _ = run("q = x.round()\nz = model(x)\nout = z + (z.round() - z).detach()")
    node = variables["out"].node
    assert node.kind is Kind.ADD
    assert [part.kind for part in node.inputs] == [Kind.LINEAR, Kind.STOP]


@pytest.mark.parametrize(
    "wrapper",
    [
        "nn.DataParallel(model)",
        "nn.parallel.DistributedDataParallel(model, device_ids=[0])",
        "torch.nn.parallel.DistributedDataParallel(model)",
        "torch.compile(model)",
    ],
)
def test_wrappers_compute_what_they_wrap(wrapper: str) -> None:
    variables, _ = run(f"wrapped = {wrapper}\nout = wrapped(x)\ncount = sum(p.numel() for p in wrapped.parameters())")
    assert (variables["out"].shape, variables["count"]) == ((16, 2), 58)


def test_a_function_with_its_own_backward_is_opaque_with_a_shape() -> None:
    variables, _ = run("""
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input ** 2

    @staticmethod
    def backward(ctx, grad_output):
        input, = ctx.saved_tensors
        return input * grad_output

out = Square.apply(model(x))
""")
    node = variables["out"].node
    assert (node.kind, node.shape) == (Kind.OPAQUE, (16, 2))
    assert any(inner.kind is Kind.LINEAR for inner in topological((node,)))


def test_gradients_asked_for() -> None:
    variables, _ = run("""
z = torch.rand(16, 4, requires_grad=True)
out = model(z).sum()
plain, = torch.autograd.grad(out, z)
again = torch.autograd.grad(out, [z], create_graph=True)[0]
""")
    assert (variables["plain"].shape, variables["again"].shape) == ((16, 4), (16, 4))
    assert variables["plain"].node.kind is Kind.STOP
    assert variables["again"].node.kind is Kind.OPAQUE


def test_a_loader_of_unknown_data_gives_one_unknown_batch() -> None:
    variables, _ = run(
        "for batch in DataLoader(object(), batch_size=4):\n    images, labels = batch\n    out = model(images)"
    )
    out = variables["out"].node
    assert (out.kind, out.shape, out.get("out_features")) == (Kind.LINEAR, None, 2)


def test_accelerate() -> None:
    _, events = run("""
from accelerate import Accelerator
accelerator = Accelerator(mixed_precision="fp16")
model, optimizer = accelerator.prepare(model, optimizer)
with accelerator.accumulate(model):
    loss = F.cross_entropy(model(x), y)
    accelerator.backward(loss)
    if accelerator.sync_gradients:
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
""")
    assert kinds(events) == [E.BACKWARD, E.UNSCALE, E.CLIP, E.STEP, E.ZERO_GRAD]
