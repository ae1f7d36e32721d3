"""Measuring a network: draw it, run it forward and backward, keep the figures of every layer. Runs in the child."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from gradlint.probe.awaken import awakened
from gradlint.probe.figures import Run
from gradlint.probe.losses import loss, neutral
from gradlint.probe.measurement import Horizon, Layer, Measurement, ParameterFigures
from gradlint.probe.network_spec import CONVOLUTIONAL, NetworkSpec
from gradlint.probe.optimizers import Stepper
from gradlint.probe.plan import PIXEL, Plan, consumer, holds_pixels, plan, token_range
from gradlint.probe.recurrent import cells, gradient_by_distance
from gradlint.probe.request import Request
from gradlint.probe.twin import Twin

HORIZON_BATCH = 4
HORIZON_FALL = 0.01
HORIZON_WORK = 4.0e9
"""Multiplications for one horizon; a wide layer is followed over fewer steps."""
HORIZON_LEAST = 32
Losses = tuple[tuple[float, float], ...]
"""Loss before and after the steps, per seed."""


def measure(network: NetworkSpec, request: Request) -> Measurement:
    """Measure the twin of `network` as `request` says.

    Raises:
        NotMeasurable: the network has a part that is not known, or would exceed the limits.
    """
    if request.bypass is not None:
        network = _bypassed(network, request.bypass)
    chosen = plan(network, request)
    if request.inputs == "equal":
        network = _without_dropout(network)
        chosen = dataclasses.replace(chosen, assumptions=(*chosen.assumptions, "equal inputs, and no dropout"))
    awake = awakened(network)
    results = [_measure_seed(network, awake, chosen, request, seed) for seed in range(chosen.seeds)]
    return joined(results, chosen)


def backward(value: Tensor) -> None:
    """The backward pass of a loss; one that depends on no parameter gives no gradient to any."""
    if value.requires_grad:
        value.backward()


def draw_input(network: NetworkSpec, chosen: Plan, request: Request, position: int, generator: Generator) -> Tensor:
    """A random tensor for the input at `position`.

    That is tokens where it feeds an embedding, pixels from 0 to 255 where it is scaled down first, and else
    standard normal numbers.
    """
    node = network.nodes[position]
    shape = tuple(size or 1 for size in chosen.shapes[position] or ())
    user = consumer(network, position)
    if node.get("dtype", "float") == "int" or (user is not None and user.kind == "embedding"):
        return torch.randint(0, token_range(network, position), shape, generator=generator).to(request.device)
    if request.inputs == "zero":
        return torch.zeros(shape, device=request.device)
    if request.inputs == "equal":
        generator = Generator().manual_seed(generator.initial_seed())
    if holds_pixels(network, position):
        return (PIXEL * torch.rand(shape, generator=generator)).to(request.device)
    return torch.randn(shape, generator=generator).to(request.device)


def _measure_seed(
    network: NetworkSpec, awake: NetworkSpec | None, chosen: Plan, request: Request, seed: int
) -> Measurement:
    """One draw. Gradients that are zero are looked into: once with zero-initialized weights drawn, if there are any.

    What single precision makes zero or infinite even then is measured again in double precision.
    """
    result = _Session(network, chosen, request, seed, torch.float32).measure()
    if awake is not None and not all(sound(layer) for layer in result.layers):
        result = looked_past(result, _Session(awake, chosen, request, seed, torch.float32).measure())
    if result.finite and all(sound(layer) for layer in result.layers):
        return result
    if request.device == "mps":  # has no double precision
        request = dataclasses.replace(request, device="cpu")
    precise = _Session(awake or network, chosen, request, seed, torch.float64).measure()
    layers = zip(result.layers, precise.layers, strict=True)
    return dataclasses.replace(
        result,
        layers=tuple(ours if sound(ours) else _in_double(ours, theirs) for ours, theirs in layers),
        parameters=_least_blocked(result, precise),
    )


def _in_double(single: Layer, double: Layer) -> Layer:
    return dataclasses.replace(double, vanished=single.gradient == (-math.inf,) and sound(double))


def looked_past(result: Measurement, later: Measurement) -> Measurement:
    """`result` with the gradients that are zero taken from `later`, where zero-initialized weights were drawn."""
    layers = zip(result.layers, later.layers, strict=True)
    return dataclasses.replace(
        result,
        layers=tuple(ours if sound(ours) or not sound(theirs) else _in_place(ours, theirs) for ours, theirs in layers),
        parameters=_least_blocked(result, later),
    )


def _in_place(ours: Layer, theirs: Layer) -> Layer:
    return dataclasses.replace(ours, gradient=theirs.gradient, weight_gradient=theirs.weight_gradient, awakened=True)


def _least_blocked(result: Measurement, other: Measurement) -> tuple[ParameterFigures, ...]:
    """The parameters of `result`; blocked are those that get no gradient in `other` either."""
    pairs = zip(result.parameters, other.parameters, strict=True)
    return tuple(dataclasses.replace(ours, blocked=ours.blocked and theirs.blocked) for ours, theirs in pairs)


def sound(layer: Layer) -> bool:
    """Whether the gradient of a layer is a number other than zero."""
    return all(math.isfinite(figure) for figure in layer.gradient)


def _better(single: Layer, double: Layer) -> Layer:
    """The figures in double precision where those in single precision are zero or not finite."""
    return single if sound(single) else dataclasses.replace(double, vanished=single.gradient == (-math.inf,))


@dataclass(slots=True)
class _Session:
    """One twin with its inputs, from drawing it to its figures."""

    network: NetworkSpec
    plan: Plan
    request: Request
    seed: int
    dtype: torch.dtype

    def measure(self) -> Measurement:
        generator = Generator().manual_seed(self.seed)
        twin = Twin(self.network, self.plan.shapes, generator, self.dtype, self.request.device)
        drawn = (draw_input(self.network, self.plan, self.request, p, generator) for p in self.network.inputs)
        inputs = [x.to(self.dtype) if x.is_floating_point() else x for x in drawn]
        state = generator.get_state()
        losses: Losses = ()
        still: dict[int, bool] | None = None
        if self.request.steps and self.request.step is not None:
            losses, still = self._train(twin, inputs, state)
        run = Run(self.network, twin.parameter)
        loss_value = self._loss(twin, inputs, state, run)
        backward(loss_value)
        horizons = self._horizons(twin) if self.request.horizon and self.dtype == torch.float32 else ()
        return run.measurement(losses, still, horizons)

    def _loss(self, twin: Twin, inputs: Sequence[Tensor], state: Tensor, run: Run | None = None) -> Tensor:
        """The loss of a forward pass; the same state of the generators gives the same targets and dropout."""
        generator = Generator()
        generator.set_state(state)
        torch.manual_seed(self.seed)
        outputs = twin(inputs, None if run is None else run.observe)
        in_graph = [
            y
            for y, position in zip(outputs, self.network.outputs, strict=True)
            if self.network.nodes[position].kind == "loss"
        ]
        if in_graph:
            return torch.stack([y.mean() for y in in_graph]).sum()
        name = self.request.loss
        if name == "neutral" and self.request.steps:
            name = "mse"  # a linear functional has no lowest point that a step could pass
        if name == "neutral":
            return neutral(outputs, generator)
        return loss(name, outputs[0], self.request.from_logits, generator)

    def _train(self, twin: Twin, inputs: Sequence[Tensor], state: Tensor) -> tuple[Losses, dict[int, bool]]:
        """Take the steps; the losses before and after, and which parameters they left as they were."""
        step = self.request.step
        assert step is not None
        positions = range(len(self.network.parameters)) if step.held is None else step.held
        used = [p for p in positions if str(p) in twin.tensors]
        held = [p for p in used if step.held is not None or self.network.parameters[p].trainable]
        stepper = Stepper(step, [twin.tensors[str(p)] for p in held])
        before = {int(p): value.detach().clone() for p, value in twin.tensors.items()}
        first = math.nan
        for count in range(self.request.steps):
            value = self._loss(twin, inputs, state)
            first = float(value.detach()) if not count else first
            twin.zero_grad()
            backward(value)
            stepper.step()
        twin.zero_grad()
        with torch.no_grad():
            last = float(self._loss(twin, inputs, state))
        still = {p: torch.equal(value, twin.tensors[str(p)].detach()) for p, value in before.items()}
        return ((first, last),), still

    def _horizons(self, twin: Twin) -> tuple[Horizon, ...]:
        found = []
        for position, node in enumerate(self.network.nodes):
            if node.kind != "recurrent" or not node.parameters or node.get("cell") == CONVOLUTIONAL:
                continue
            weights = {role: twin.tensors[str(p)].detach() for role, p in node.parameters.items()}
            stack = cells(weights, node, self.network.framework)
            per_step = HORIZON_BATCH * 3 * sum(w.numel() for w in weights.values())
            steps = int(min(self.request.horizon, max(HORIZON_LEAST, HORIZON_WORK // max(1, per_step))))
            features = stack[0][0].input_kernel.shape[1]
            torch.manual_seed(self.seed)
            norms = gradient_by_distance(stack, node, steps, HORIZON_BATCH, features)
            fallen = (norms < HORIZON_FALL * norms[0]).nonzero()
            reached = float(fallen[0]) if len(fallen) else math.inf
            found.append(Horizon(position, node.label, (reached,), steps))
        return tuple(found)


def _bypassed(network: NetworkSpec, position: int) -> NetworkSpec:
    """The network with the activation at `position` left out."""
    nodes = list(network.nodes)
    nodes[position] = dataclasses.replace(nodes[position], attributes={"function": "linear"}, parameters={})
    return dataclasses.replace(network, nodes=tuple(nodes))


def _without_dropout(network: NetworkSpec) -> NetworkSpec:
    nodes = tuple(
        dataclasses.replace(node, attributes={**node.attributes, "rate": 0.0}) if node.kind == "dropout" else node
        for node in network.nodes
    )
    return dataclasses.replace(network, nodes=nodes)


def joined(results: Sequence[Measurement], chosen: Plan) -> Measurement:
    """The figures of several seeds as one measurement."""
    assumptions = chosen.assumptions
    if any(layer.awakened for result in results for layer in result.layers):
        assumptions += ("zero-initialized weights were drawn, to look past the first step",)
    return Measurement(
        seeds=len(results),
        batch=chosen.batch,
        assumptions=assumptions,
        slack=chosen.slack,
        layers=tuple(_joined_layer(rows) for rows in zip(*(r.layers for r in results), strict=True)),
        activities=tuple(
            dataclasses.replace(
                rows[0], dead=sum((r.dead for r in rows), ()), saturated=sum((r.saturated for r in rows), ())
            )
            for rows in zip(*(r.activities for r in results), strict=True)
        ),
        horizons=tuple(
            dataclasses.replace(rows[0], steps=sum((r.steps for r in rows), ()))
            for rows in zip(*(r.horizons for r in results), strict=True)
        ),
        parameters=tuple(
            dataclasses.replace(
                rows[0],
                blocked=all(r.blocked for r in rows),
                finite=all(r.finite for r in rows),
                still=None if rows[0].still is None else all(bool(r.still) for r in rows),
            )
            for rows in zip(*(r.parameters for r in results), strict=True)
        ),
        losses=sum((r.losses for r in results), ()),
        finite=all(r.finite for r in results),
    )


_PER_SEED = ("gradient", "weight_gradient", "weight_norm", "signal", "correlation", "difference", "lost")


def _joined_layer(rows: Sequence[Layer]) -> Layer:
    series: dict[str, Any] = {
        name: tuple(figure for row in rows for figure in getattr(row, name)) for name in _PER_SEED
    }
    flags: dict[str, Any] = {name: any(getattr(row, name) for row in rows) for name in ("vanished", "awakened")}
    return dataclasses.replace(rows[0], **series, **flags)
