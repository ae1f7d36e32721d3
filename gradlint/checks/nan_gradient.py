"""Roots, logarithms and quotients at zero, where the gradient is infinite or not a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.checks._flow import feeds_weights, flow, source_of
from gradlint.checks._losses import counterpart, function_of, place
from gradlint.claims import Claim, ClaimKind
from gradlint.findings import Confidence, Remedy
from gradlint.network import Framework, Kind, Network, Node, topological
from gradlint.subjects import NetworkSubject, Problem, TrainingSubject

_ROOTS = frozenset({"sqrt", "rsqrt"})
_LOGARITHMS = frozenset({"log", "log2", "log10"})
_SINGULAR = _ROOTS | _LOGARITHMS | {"reciprocal"}
_CUT_OFF = frozenset({"relu", "relu6"})
_POSITIVE = frozenset({"softmax", "sigmoid", "softplus", "exp", "hard_sigmoid", "cosh"})
_ERRORS = {"mse": "a prediction that is exactly right", "l1": "a prediction that is exactly right"}
_DEEPEST = 6
_INSIDE = {
    Framework.TORCH: "a small number inside: torch.sqrt(x + 1e-8)",
    Framework.KERAS: "a small number inside: keras.ops.sqrt(x + keras.config.epsilon())",
}
_INSIDE_LOGARITHM = "a small number inside: log(x + 1e-8), or log1p"
_NORM = "torch.linalg.vector_norm, whose gradient at zero is zero"
_SELECT_FIRST = "make the argument safe before the function: f(where(c, x, 1)), and select afterwards"


@dataclass(frozen=True, slots=True)
class _Zero:
    """Why an argument can be exactly zero, and how sure it is that it will be."""

    what: str
    confidence: Confidence | None
    norm: bool = False


def check_network(subject: NetworkSubject) -> Iterator[Problem]:
    """Look at the functions of the forward pass that have no slope at zero."""
    network = subject.network
    claims = (Claim(ClaimKind.NAN, inputs="zero"),)
    seen: set[int] = set()
    for output in network.outputs:
        for node in flow(output).reached:
            if _concerned(node) and id(node) not in seen:
                seen.add(id(node))
                yield from _problems(node, network.framework, network.name, claims)
                yield from _infinite_input(node, network, claims)


def check_training(subject: TrainingSubject) -> Iterator[Problem]:
    """Look at those between the networks and the loss."""
    seen: set[int] = set()
    for objective in subject.loop.objectives:
        for node in flow(objective).reached:
            if not _concerned(node) or id(node) in seen:
                continue
            seen.add(id(node))
            if not any(counterpart(member.network, node) for member in subject.networks):
                name = subject.networks[0].network.name if len(subject.networks) == 1 else ""
                yield from _problems(node, subject.loop.framework, name, ())


def _concerned(node: Node) -> bool:
    """Whether a node is a selection, or a function without a slope at zero."""
    kind = node.kind
    if kind is Kind.ACTIVATION:
        return bool(_written(node))
    return kind is Kind.RESHAPE and node.get("operation") == "where"


def _problems(node: Node, framework: Framework, network: str, claims: tuple[Claim, ...]) -> Iterator[Problem]:
    if node.kind is Kind.RESHAPE and node.get("operation") == "where":
        yield from _selection(node, framework, network, claims)
        return
    written = _written(node)
    zero = _zero(node.inputs[0], framework) if written else None
    if zero is None:
        return
    if not _differentiable(node):
        return
    confidence = zero.confidence if _trained(node) else Confidence.MEDIUM
    remedies = [Remedy(_INSIDE[framework])]
    if zero.norm and framework is Framework.TORCH and written == "sqrt":
        remedies.insert(0, Remedy(_NORM))
    if written == "log":
        remedies = [Remedy(_INSIDE_LOGARITHM)]
    yield Problem(
        f"{written} of something that can be exactly 0 ({zero.what}): {_consequence(written)}",
        place(node, node.inputs[0]),
        label="no slope at 0",
        remedies=tuple(remedies),
        confidence=confidence,
        network=network,
        claims=claims if confidence is None else (),
    )


def _infinite_input(node: Node, network: Network, claims: tuple[Claim, ...]) -> Iterator[Problem]:
    """A layer that gets the logarithm of what a rectifier cut off: that is -inf, even where no gradient goes back."""
    if network.framework is not Framework.TORCH or _written(node) != "log" or not node.inputs:
        return
    function = function_of(source_of(node.inputs[0]))
    if function in _CUT_OFF and feeds_weights(network.nodes, node):
        yield Problem(
            f"log of something that can be exactly 0 ({function} makes every negative entry 0): the result is -inf "
            "there, and the layers that get it have neither an output nor a gradient that is a number",
            place(node, node.inputs[0]),
            label="-inf where it is 0",
            remedies=(Remedy(_INSIDE_LOGARITHM),),
            network=network.name,
            claims=claims,
        )


def _written(node: Node) -> str:
    """The name of a function without a slope at zero; empty for others."""
    function = function_of(node)
    if node.get("safe"):
        return ""
    if function in _ROOTS:
        return "sqrt"
    if function in _LOGARITHMS:
        return "log"
    exponent = node.get("exponent", 1.0)
    return "a root" if function == "pow" and isinstance(exponent, float) and 0 < exponent < 1 else ""


def _consequence(written: str) -> str:
    if written == "log":
        return "the result is -inf there, and one such entry makes the gradient of every weight NaN"
    return "its slope is infinite there, and one such entry makes the gradient of every weight NaN"


def _zero(node: Node, framework: Framework) -> _Zero | None:
    """Whether the argument of a root can be zero: nothing was added to it, and it ends at zero.

    PyTorch gives what a rectifier or a clamp cuts off the gradient 0, whatever comes in; TensorFlow multiplies what
    comes in by 0, also where that is infinite. A clamp lets the gradient through where its argument is exactly 0.
    """
    node = source_of(node)
    while node.kind is Kind.MULTIPLY and len(node.inputs) == 1 and (node.get("constant") or 0) > 0:
        node = source_of(node.inputs[0])
    function = function_of(node)
    if function in _CUT_OFF:
        return _cut_off(f"{function} makes every negative entry 0", framework)
    if function == "clamp" and node.get("minimum") == 0:
        return _zero(node.inputs[0], framework)
    if function in ("abs", "square") or _is_square(node):
        return _Zero("it is 0 where its argument is", Confidence.MEDIUM)
    if node.kind is Kind.POOLING and node.get("type") == "variance":
        return _Zero("the variance of equal entries", Confidence.MEDIUM)
    if node.kind is Kind.LOSS and node.get("function") in _ERRORS:
        return _Zero(_ERRORS[str(node.get("function"))], Confidence.MEDIUM)
    if node.kind is Kind.POOLING and node.get("type") in ("sum", "average"):
        return _sum_of_squares(source_of(node.inputs[0]), framework)
    return None


def _cut_off(what: str, framework: Framework, norm: bool = False) -> _Zero | None:
    """What a rectifier makes zero; under Keras it depends on the backend whether that harms."""
    if framework is Framework.TORCH:
        return None
    return _Zero(f"{what}, and TensorFlow multiplies the infinite slope by 0", Confidence.MEDIUM, norm)


def _sum_of_squares(node: Node, framework: Framework) -> _Zero | None:
    if function_of(node) in ("square", "abs") or _is_square(node):
        inner = source_of(node.inputs[0])
        if _is_difference(inner):
            return _Zero("the distance of two equal vectors", None, norm=True)
        if function_of(inner) in _CUT_OFF:
            return _cut_off("the length of a vector whose entries are all cut off", framework, norm=True)
        return _Zero("the length of a vector of zeros", Confidence.MEDIUM, norm=True)
    return None


def _is_square(node: Node) -> bool:
    return node.kind is Kind.MULTIPLY and len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]


def _is_difference(node: Node) -> bool:
    """Whether a tensor is the difference of two results of the same weights, which for equal inputs are equal."""
    if node.kind is not Kind.ADD or len(node.inputs) != 2 or tuple(node.get("coefficients", ())) != (1.0, -1.0):
        return False
    first, second = ({id(p) for n in topological((side,)) for p in n.parameters.values()} for side in node.inputs)
    return bool(first & second)


def _selection(node: Node, framework: Framework, network: str, claims: tuple[Claim, ...]) -> Iterator[Problem]:
    """`where(c, f(x), ...)` with a condition on x: the gradient of entries not selected is 0 times infinity."""
    condition = node.get("condition")
    if not isinstance(condition, Node):
        return
    known = {id(source) for source in topological((condition,))}
    for branch in node.inputs:
        found = _singular(branch, framework) if branch is not condition else None
        if found is None or not _is_judged(found.inputs[0], known) or not _differentiable(found):
            continue
        trained = _trained(found)
        yield Problem(
            f"{_name(found)} is computed for every entry, also for those that where() leaves out: their gradient is 0 "
            "times infinity, which is NaN",
            place(found, node),
            label="computed before the selection",
            remedies=(Remedy(_SELECT_FIRST),),
            confidence=None if trained else Confidence.MEDIUM,
            network=network,
            claims=claims if trained else (),
        )


def _is_judged(argument: Node, known: set[int], depth: int = 3) -> bool:
    """Whether the condition of a selection looks at the argument of a function, or at what it is computed from."""
    argument = source_of(argument)
    if id(argument) in known and argument.kind is not Kind.CONSTANT:
        return True
    elementwise = argument.kind in (Kind.ADD, Kind.MULTIPLY, Kind.ACTIVATION)
    return depth > 0 and elementwise and any(_is_judged(source, known, depth - 1) for source in argument.inputs)


def _name(node: Node) -> str:
    return {"reciprocal": "the quotient"}.get(function_of(node), function_of(node))


def _singular(node: Node, framework: Framework, depth: int = _DEEPEST) -> Node | None:
    """A function in a branch of a selection whose argument may lie where it is not defined."""
    node = source_of(node)
    if function_of(node) in _SINGULAR:
        return None if _is_safe(node.inputs[0], framework) else node
    if depth == 0 or node.kind not in (Kind.MULTIPLY, Kind.ADD, Kind.ACTIVATION):
        return None
    found = (_singular(source, framework, depth - 1) for source in node.inputs)
    return next((node for node in found if node is not None), None)


def _is_safe(node: Node, framework: Framework) -> bool:
    """Whether an argument is above zero for sure, has been made so by a selection, or stops what is no number."""
    node = source_of(node)
    if function_of(node) in _POSITIVE or (function_of(node) == "clamp" and (node.get("minimum") or 0) > 0):
        return True
    if framework is Framework.TORCH and (
        function_of(node) in _CUT_OFF or (function_of(node) == "clamp" and node.get("minimum") == 0)
    ):
        return True
    if node.kind is Kind.RESHAPE and node.get("operation") == "where":
        return True
    if node.kind in (Kind.CONSTANT, Kind.PARAMETER, Kind.OPAQUE):
        return True
    return node.kind is Kind.ADD and (node.get("constant") or 0) > 0 and _not_negative(node)


def _not_negative(node: Node) -> bool:
    node = source_of(node)
    if node.kind is Kind.ADD:
        coefficients = (*node.get("coefficients", (1.0,)), node.get("constant") or 0.0)
        return min(coefficients) >= 0.0 and all(_not_negative(source) for source in node.inputs)
    squares = function_of(node) in ("square", "abs", "sqrt", *_CUT_OFF, *_POSITIVE) or _is_square(node)
    return squares or (node.kind is Kind.POOLING and node.get("type") in ("variance", "norm")) or _is_sum(node)


def _is_sum(node: Node) -> bool:
    return node.kind is Kind.POOLING and node.get("type") in ("sum", "average") and _not_negative(node.inputs[0])


def _differentiable(node: Node) -> bool:
    """Whether what comes out is known to have a gradient with respect to weights, or to an input that is no index."""
    return any(
        source.parameters
        or (source.kind is Kind.INPUT and source.get("dtype") != "int" and source.get("unknown") is None)
        for source in flow(node).reached
    )


def _trained(node: Node) -> bool:
    """Whether a gradient goes on from here to something that is trained."""
    return any(parameter.trainable for source in flow(node).reached for parameter in source.parameters.values())
