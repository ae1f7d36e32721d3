"""Layers and tensors that a network uses and does not own: no optimizer finds them."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.claims import Claim, ClaimKind, Step
from gradlint.findings import Confidence, Remedy, Severity
from gradlint.network import Framework, Unregistered
from gradlint.subjects import NetworkSubject, Problem

_CONTAINERS = frozenset({"list", "tuple", "dict"})
_REMEDIES = {
    "list": "torch.nn.ModuleList([...]), for parameters torch.nn.ParameterList([...])",
    "tuple": "torch.nn.ModuleList([...]), for parameters torch.nn.ParameterList([...])",
    "dict": "torch.nn.ModuleDict({...}), for parameters torch.nn.ParameterDict({...})",
    "computed": "operate on the tensor and wrap the result: torch.nn.Parameter(0.1 * torch.randn(...))",
    "tensor": "torch.nn.Parameter(...), which a module registers on assignment",
}
_IN_CONSTRUCTOR = {
    Framework.TORCH: "make it in __init__, as an attribute of the module",
    Framework.KERAS: "make it in __init__ or build, as an attribute of the layer",
}


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Report what the network uses and no optimizer over its parameters steps."""
    network = subject.network
    held = {id(p) for loop in subject.loops for o in loop.optimizers for p in o.parameters or ()}
    step = Step(parameters=tuple(p for p in network.parameters if p.trainable))
    for item in network.unregistered:
        named = bool(item.parameters) and all(id(parameter) in held for parameter in item.parameters)
        yield Problem(
            f"{_what(item)}: {_consequence(item, named)}",
            item.origin,
            label="not registered",
            remedies=(Remedy(_REMEDIES.get(item.how) or _IN_CONSTRUCTOR[network.framework]),),
            severity=Severity.WARNING if named else None,
            confidence=Confidence.MEDIUM if named else None,
            network=network.name,
            claims=(Claim(ClaimKind.UNTRAINED, parameters=item.parameters, step=step),)
            if item.parameters and step.parameters and not named
            else (),
        )


def _what(item: Unregistered) -> str:
    if item.how in _CONTAINERS:
        return f"`self.{item.name}` is a plain {item.how} of {item.count} layers or parameters"
    if item.how == "forward":
        return "this layer is made anew in each forward pass"
    if item.how == "computed":
        return f"`self.{item.name}` is the result of an operation on a parameter, and not a parameter itself"
    return f"`self.{item.name}` requires a gradient and is not a parameter"


def _consequence(item: Unregistered, named: bool) -> str:
    if item.how == "forward":
        return "its weights start anew each time, and nothing trains them"
    sizes = [parameter.size for parameter in item.parameters]
    total = sum(size for size in sizes if size is not None) if sizes and None not in sizes else 0
    weights = f"its {total:,} weights are" if total > 1 else "it is"
    if named:
        return f"{weights} missing in parameters(), in saved states and when the module is moved"
    return f"{weights} not in parameters(), so that no optimizer trains {'them' if total > 1 else 'it'}"
