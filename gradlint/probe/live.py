"""Measuring the real object: import of the file, building its network, hooks on its layers. Runs in the child."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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

_KERAS_ROLES = {
    "weight": ("kernel", "embeddings", "gamma", "pointwise_kernel"),
    "bias": ("bias", "beta"),
    "weight_ih_l0": ("kernel",),
    "weight_hh_l0": ("recurrent_kernel",),
    "bias_ih_l0": ("bias",),
}


class ImportFailed(Exception):
    """Importing a file raised an error."""

    def __init__(self, file: str, error: BaseException) -> None:
        super().__init__(file)
        self.file = file
        self.error = error


def measure_live(
    network: NetworkSpec, request: Request, live: Mapping[str, Any], importing: Callable[[str], None] = lambda _: None
) -> Measurement:
    """Measure what the first of `live["builds"]` that gives the network builds: expressions in namespaces of files.

    That is the first whose result has as many parameters as the graph, else the first that can be measured. The
    graph gives the shapes of the inputs and the names of the layers; figures are for layers that the real object
    has under the same name. `importing` is told which file is being imported, and the empty string once it is.

    Raises:
        ImportFailed: the file cannot be imported.
        NotMeasurable: no call gives a network, or one of other layers than the graph has.
    """
    sys.dont_write_bytecode = True  # measuring leaves nothing beside the user's files
    modules: dict[str, ModuleType | None] = {}
    first_error: Exception | None = None
    unlike: Measurement | None = None
    for file, call in live["builds"]:
        try:
            if file not in modules:
                modules[file] = None
                importing(file)
                modules[file] = _imported(file)
                importing("")
            if (module := modules[file]) is None:
                continue
            found = measure_object(network, request, module, call)
        except Exception as error:  # of any kind: it is the user's code
            first_error = first_error or error
            continue
        if found.parameters_read == found.parameters_real:
            return found.measurement
        unlike = unlike or found.measurement
    if unlike is not None:
        return unlike
    raise first_error or NotMeasurable("it is not known which call of which file builds it")


def _imported(file: str) -> ModuleType:
    try:
        return load(Path(file))
    except BaseException as error:
        raise ImportFailed(file, error) from error


@dataclass(frozen=True, slots=True)
class LiveMeasurement:
    """A measurement of a real object; how many parameters were read in the source (None: unknown) and it has."""

    measurement: Measurement
    parameters_read: int | None
    parameters_real: int


def measure_object(network: NetworkSpec, request: Request, module: ModuleType, call: str) -> LiveMeasurement:
    """Measure what `call` builds in the namespace of `module`.

    Raises:
        NotMeasurable: the call gives no network, or one of other layers than the graph has.
    """
    chosen = plan(network, request, resizable=network.framework == "torch")  # Keras checks the shapes of its inputs
    results: list[Measurement] = []
    model: nn.Module | None = None
    for seed in range(chosen.seeds):
        result, latest = _measure_seed(network, chosen, request, module, call, seed)
        results.append(result)
        if latest is model:  # an object that was made at import cannot be drawn again
            results.pop()
            break
        model = latest
    assert model is not None
    measurement = joined(results, chosen)
    read, real = network.size, _size(model)
    if read not in (None, real):
        note = f"the real network has {real:,} parameters, and {read:,} were read in the source"
        measurement = replace(measurement, assumptions=(*measurement.assumptions, note))
    return LiveMeasurement(measurement, read, real)


def _size(model: Any) -> int:
    return int(model.count_params()) if _is_keras(model) else sum(p.numel() for p in model.parameters())


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
) -> tuple[Measurement, nn.Module]:
    """One draw; gradients that zero-initialized weights make zero are measured with those weights drawn."""
    torch.set_grad_enabled(True)  # the user's file may have set something else for all of PyTorch
    if torch.get_default_device().type != "cpu":
        torch.set_default_device("cpu")
    result, model = _measure_model(network, chosen, request, module, call, seed, awake=False)
    if all(sound(layer) for layer in result.layers):
        return result, model
    later, model = _measure_model(network, chosen, request, module, call, seed, awake=True)
    return looked_past(result, later), model


def _measure_model(
    network: NetworkSpec, chosen: Plan, request: Request, module: ModuleType, call: str, seed: int, awake: bool
) -> tuple[Measurement, nn.Module]:
    """The figures of one draw, and the object that it is of."""
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
    model.zero_grad()
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
    return run.measurement((), None, ()), model


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


def _cell(module: Any) -> Any:
    """What holds the weights of a recurrent layer of Keras; other layers do so themselves."""
    return getattr(getattr(module, "forward_layer", module), "cell", module) if _is_keras(module) else module


def _weight(module: Any, role: str) -> Tensor | None:
    for name in (role, *_KERAS_ROLES.get(role, ())):
        value = getattr(_cell(module), name, None)
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

    if _is_keras(module) and _cell(module) is module and callable(getattr(module, "activation", None)):
        inner = module.activation

        def before_activation(x: Tensor) -> Tensor:
            report(x)
            result: Tensor = inner(x)
            return result

        module.activation = before_activation
    else:

        def after(_module: Any, _inputs: Any, output: Any) -> Any:
            report(output)
            # what then happens in place, happens to a copy: it would take the hooks of a view away
            return output.clone() if isinstance(output, Tensor) else output

        module.register_forward_hook(after)
