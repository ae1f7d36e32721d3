"""Programs evaluated by gradlint, and the same programs run with Keras."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gradlint.evaluation.driver import Evaluation, Evaluator
from gradlint.evaluation.imports import ModuleCache
from gradlint.evaluation.interpreter import Interpreter
from gradlint.network import Kind, Network
from gradlint.sources import SourceFile, SourceLoader


def evaluate(text: str, call: str | None = None) -> Evaluation:
    """What gradlint reads in a file with this text."""
    return Evaluator(SourceLoader()).evaluate(SourceFile.from_text(text, "nets.py"), call)


def network(text: str, call: str | None = None) -> Network:
    """The one network in the text."""
    networks = evaluate(text, call).networks
    assert len(networks) == 1, [found.call for found in networks]
    return networks[0]


def variables(text: str) -> dict[str, Any]:
    """The variables of a module with this text."""
    modules = ModuleCache(SourceLoader())
    interpreter = Interpreter(modules)
    return modules.run(interpreter, SourceFile.from_text(text, "nets.py"), "nets", None).scope.variables


def kinds(found: Network) -> list[Kind]:
    """The kinds of the nodes of a network, in the order in which they run."""
    return [node.kind for node in found.nodes]


def class_names(found: Network) -> list[str]:
    """The framework's names of the layers and functions, in the order in which they run."""
    return [node.class_name.rpartition(".")[2] for node in found.nodes]


def run_keras(text: str) -> dict[str, Any]:
    """The variables of the program, run with Keras on PyTorch."""
    os.environ["KERAS_BACKEND"] = "torch"
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return namespace


@dataclass(frozen=True, slots=True)
class Description:
    """Shapes of the weights, of those that are trained, and of the outputs without the batch."""

    weights: Sequence[tuple[int, ...]]
    trained: Sequence[tuple[int, ...]]
    outputs: Sequence[tuple[int | None, ...]]


def described_by_keras(model: Any) -> Description:
    """What Keras made."""
    return Description(
        sorted(tuple(w.shape) for w in model.weights),
        sorted(tuple(w.shape) for w in model.trainable_weights),
        [tuple(output.shape[1:]) for output in model.outputs],
    )


def described_by_gradlint(found: Network) -> Description:
    """What gradlint read."""
    shape: Callable[[Any], tuple[int, ...]] = lambda parameter: parameter.shape or ()  # noqa: E731
    return Description(
        sorted(map(shape, found.parameters)),
        sorted(shape(parameter) for parameter in found.parameters if parameter.trainable),
        [(output.shape or (0,))[1:] for output in found.outputs],
    )
