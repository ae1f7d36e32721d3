"""Measuring the real object: import of the file, building its network, hooks on its layers. Runs in the child."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gradlint.probe.errors import NotMeasurable
from gradlint.probe.figures import Run
from gradlint.probe.losses import loss, neutral
from gradlint.probe.measure import backward, draw_input, joined, looked_past, sound
from gradlint.probe.measurement import Measurement
from gradlint.probe.network_spec import NetworkSpec, NodeSpec
from gradlint.probe.plan import Plan, plan
from gradlint.probe.request import Request

_KERAS_ROLES = {"weight": ("kernel", "embeddings", "gamma", "pointwise_kernel"), "bias": ("bias", "beta")}


def measure_live(network: NetworkSpec, request: Request, live: Mapping[str, Any]) -> Measurement:
    """Measure what `live["call"]` builds in the namespace of `live["file"]`.

    The graph gives the shapes of the inputs and the names of the layers; figures are for layers that the
    real object has under the same name.

    Raises:
        NotMeasurable: the file or the call cannot be run, or gives no network.
    """
    sys.dont_write_bytecode = True  # measuring leaves nothing beside the user's files
    return measure_object(network, request, load(Path(live["file"])), live["call"])


def measure_object(network: NetworkSpec, request: Request, module: ModuleType, call: str) -> Measurement:
    """Measure what `call` builds in the namespace of `module`.

    Raises:
        NotMeasurable: the call gives no network, or one of other layers than the graph has.
    """
    chosen = plan(network, request, resizable=network.framework == "torch")  # Keras checks the shapes of its inputs
    results = [_measure_seed(network, chosen, request, module, call, seed) for seed in range(chosen.seeds)]
    return joined(results, chosen)


def load(path: Path) -> ModuleType:
    """Import a file as Python would: as part of its package if it is in one, else with its folder on the path."""
    path = path.resolve()
    parts = [path.stem] if path.stem != "__init__" else []
    folder = path.parent
    while (folder / "__init__.py").exists() and folder.name.isidentifier():
        parts.insert(0, folder.name)
        folder = folder.parent
    sys.path.insert(0, str(folder))
    if folder != path.parent:
        return importlib.import_module(".".join(parts))
    name = f"gradlint_live_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NotMeasurable(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def build(module: ModuleType, call: str) -> nn.Module:
    """The network that the expression `call` gives in the namespace of `module`.

    Raises:
        NotMeasurable: it gives no network.
    """
    value = eval(call, vars(module))
    if isinstance(value, type) or (callable(value) and not isinstance(value, nn.Module)):
        value = value()
    if not isinstance(value, nn.Module):
        hint = " (Keras needs KERAS_BACKEND=torch)" if type(value).__module__.startswith("keras") else ""
        raise NotMeasurable(f"`{call}` gives no PyTorch module but {type(value).__name__}{hint}")
    return value


def _measure_seed(
    network: NetworkSpec, chosen: Plan, request: Request, module: ModuleType, call: str, seed: int
) -> Measurement:
    """One draw; gradients that zero-initialized weights make zero are measured with those weights drawn."""
    result = _measure_model(network, chosen, request, module, call, seed, awake=False)
    if all(sound(layer) for layer in result.layers):
        return result
    later = _measure_model(network, chosen, request, module, call, seed, awake=True)
    return looked_past(result, later)


def _measure_model(
    network: NetworkSpec, chosen: Plan, request: Request, module: ModuleType, call: str, seed: int, awake: bool
) -> Measurement:
    torch.manual_seed(seed)
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.utils.clear_session()  # automatic names count from the start again, as in the graph
        keras.utils.set_random_seed(seed)
    model = build(module, call)
    model.to(request.device)
    generator = Generator().manual_seed(seed)
    inputs = [draw_input(network, chosen, request, position, generator) for position in network.inputs]
    is_keras = _is_keras(model)
    if is_keras:
        model(_arguments(inputs))  # builds what Keras builds on the first call
    model.train()
    if awake:
        _awaken(model)
    hooks = Hooks(network, model)
    run = Run(network, hooks.parameters.get)
    hooks.attach(run)
    outputs = model(_arguments(inputs), training=True) if is_keras else model(*inputs)
    flat = list(_tensors(outputs))
    if request.loss == "neutral":
        value = neutral(flat, generator)
    else:
        value = loss(request.loss, flat[0], request.from_logits, generator)
    backward(value)
    if not run.outputs:
        raise NotMeasurable("no layer of the real network bears a name that the graph has")
    return run.measurement((), None, ())


def _awaken(model: nn.Module) -> None:
    """Draw the weights that are all zero at LeCun scale; see `gradlint.probe.awaken`."""
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():
            width = parameter[0].numel() if not _is_keras(model) else parameter.numel() // parameter.shape[-1]
            nn.init.normal_(parameter, std=width**-0.5)
    for part in model.modules():
        scale = getattr(part, "weight", None)
        if isinstance(scale, nn.Parameter) and scale.dim() == 1 and not scale.any():
            nn.init.ones_(scale)


def _arguments(inputs: Sequence[Tensor]) -> Any:
    """Keras takes its inputs as one argument."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in an output, in order, however they are packed."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _tensors(getattr(value, name))


def _is_keras(model: nn.Module) -> bool:
    return any(base.__module__.startswith("keras.") for base in type(model).__mro__)


@dataclass(slots=True)
class Hooks:
    """Finds the weighted layers of the graph among the modules of the real network and watches their outputs.

    `parameters` maps the positions of the graph's parameters to the real tensors.
    """

    network: NetworkSpec
    model: nn.Module
    parameters: dict[int, Tensor] = field(default_factory=dict)

    def attach(self, run: Run) -> None:
        """Report the output of each layer found to `run`; the k-th call of a layer is the k-th node of its name."""
        positions: dict[str, list[int]] = defaultdict(list)
        for position in self.network.weighted:
            name = self.network.nodes[position].name
            if name:
                positions[name.rpartition(".")[2] if _is_keras(self.model) else name].append(position)
        for name, module in _layers(self.model):
            # a separable convolution is two nodes, and its output is that of the second
            own = positions[name][1::2] if hasattr(module, "pointwise_kernel") else positions[name]
            if own and self._register(module, self.network.nodes[own[0]]):
                _watch(module, own, run)

    def _register(self, module: nn.Module, node: NodeSpec) -> bool:
        """Note the real tensors of a layer; whether it has any, and so is the layer and not one around it."""
        found = {position: _weight(module, role) for role, position in node.parameters.items()}
        self.parameters.update({position: value for position, value in found.items() if value is not None})
        return any(value is not None for value in found.values())


def _layers(model: nn.Module) -> Iterator[tuple[str, Any]]:
    """The layers of a network with the names that the graph gives them: dotted paths, or Keras's own names."""
    if _is_keras(model):
        layers: Any = model
        for layer in layers._flatten_layers(include_self=False):
            yield layer.name, layer
    else:
        yield from model.named_modules()


def _weight(module: Any, role: str) -> Tensor | None:
    for name in (role, *_KERAS_ROLES.get(role, ())):
        value = getattr(module, name, None)
        value = getattr(value, "value", value)
        if isinstance(value, Tensor):
            return value
    return None


def _watch(module: Any, positions: Sequence[int], run: Run) -> None:
    calls = iter(positions)

    def report(output: Any) -> None:
        position = next(calls, None)
        tensors = list(_tensors(output))
        if position is not None and tensors:
            run.observe(position, *tensors)

    if _is_keras(module) and callable(getattr(module, "activation", None)):
        inner = module.activation

        def before_activation(x: Tensor) -> Tensor:
            report(x)
            result: Tensor = inner(x)
            return result

        module.activation = before_activation
    else:
        module.register_forward_hook(lambda _module, _inputs, output: report(output))
