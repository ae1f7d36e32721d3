"""How many samples and seeds a network is measured with, and on what input: decided from its shapes alone.

Nothing here depends on how fast the machine is at the moment, so that the same network gives the same figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from gradlint.probe.batching import batch_size, shapes_for
from gradlint.probe.cost import memory, work
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.network_spec import NetworkSpec, NodeSpec
from gradlint.probe.request import Request
from gradlint.probe.resizing import image_side, resized

Shape = tuple[int | None, ...] | None

BATCH = 32
"""Samples for an ordinary network."""
SMALLEST_BATCH = 4
BATCHES = (BATCH, 16, 8, SMALLEST_BATCH)
FEWER_SEEDS = (3, 2)
SIDES = (112, 64)
"""Sides of the images that are tried where those that the network is given take too long."""
DECADES_PER_HALVING = 0.3
"""What halving the side can add to a log10 ratio: a global average over a quarter of the positions divides a
gradient's norm by half as much. ResNet-50 gives 1.83 at 224, 2.05 at 112 and 2.31 at 64."""
GIB = 1 << 30
WORK = 5.0e10
"""Multiplications for one network, over seeds and samples: some ten seconds on one core."""
RATE = {"cpu": 5.0e9, "cuda": 1.0e12, "mps": 2.0e11}
"""Multiplications per second that even a slow device of its kind reaches; for saying no, not for planning."""
PASSES = 3
"""A backward pass costs two forward passes."""
STEPS, IMAGE_SIDE, FEATURES = 16, 32, 16
"""What a sequence length, an image side and a number of features are taken to be where nothing says it."""
PIXEL = 255.0
"""The largest value of a pixel."""
PIXEL_SCALE = 0.02
"""An input that is multiplied by less than this before anything else holds pixels: 1/255, 1/127.5."""
TOKENS = 10
"""Range of integer inputs that feed no embedding."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one network runs: samples, seeds, the output shape of every node, and what had to be assumed.

    `slack` is by how many decades these assumptions may move a ratio.
    """

    batch: int
    seeds: int
    shapes: tuple[Shape, ...]
    assumptions: tuple[str, ...] = ()
    slack: float = 0.0


def plan(network: NetworkSpec, request: Request, resizable: bool = True) -> Plan:
    """The largest batch and number of seeds that the limits allow; if need be, and if it may, on smaller images.

    Raises:
        NotMeasurable: even the least would take too long or too much memory.
    """
    rate = RATE[request.device]
    side, budget = image_side(network), min(WORK * rate / RATE["cpu"], request.time_limit * rate)
    candidates = {0: network}
    if resizable and side is not None:
        smaller = {other: resized(network, other) for other in SIDES if other < side}
        candidates |= {other: candidate for other, candidate in smaller.items() if candidate is not None}
    affordable = {
        other: choice
        for other, candidate in candidates.items()
        if (choice := next((c for c in _choices(candidate, request) if c.work <= budget), None)) is not None
    }
    used = next(iter(affordable), min(candidates, key=lambda other: other or math.inf))
    shaped = _shaped(candidates[used], affordable.get(used) or _least(candidates[used], request))
    if not used or side is None:
        return shaped
    assumption = f"images of {used} x {used} in place of {side} x {side}"
    slack = DECADES_PER_HALVING * math.log2(side / used)
    return replace(shaped, assumptions=(*shaped.assumptions, assumption), slack=slack)


@dataclass(frozen=True, slots=True)
class _Choice:
    batch: int
    seeds: int
    work: float


def _choices(network: NetworkSpec, request: Request) -> list[_Choice]:
    """Numbers of samples and seeds that memory allows, the best first."""
    own = batch_size(network)
    movable = _movable(network)
    least = SMALLEST_BATCH if movable else own or BATCH
    pairs = [(batch, request.seeds) for batch in (BATCHES if movable else (least,))]
    pairs += [(least, min(seeds, request.seeds)) for seeds in FEWER_SEEDS]
    sample = PASSES * (1 + request.steps) * work(network) / (own or 1)
    return [
        _Choice(batch, seeds, batch * seeds * sample)
        for batch, seeds in pairs
        if memory(network, batch, own) <= request.memory_limit
    ]


def _least(network: NetworkSpec, request: Request) -> _Choice:
    """The smallest choice, if it stays within the limits of time and memory."""
    choices = _choices(network, request)
    if not choices:
        own = batch_size(network)
        needed = memory(network, SMALLEST_BATCH if _movable(network) else own or BATCH, own) / GIB
        allowed = request.memory_limit / GIB
        raise NotMeasurable(f"it needs about {needed:.1f} GiB of memory, and {allowed:.1f} are allowed")
    seconds = choices[-1].work / RATE[request.device]
    if seconds > request.time_limit:
        raise NotMeasurable(f"it would take about {seconds:.0f} s, and {request.time_limit:.0f} s are allowed")
    return choices[-1]


def _movable(network: NetworkSpec) -> bool:
    """Whether the network can run on another number of samples than its shapes speak of."""
    own = batch_size(network)
    return own is not None and shapes_for(network, own * 2) is not None


def _shaped(network: NetworkSpec, choice: _Choice) -> Plan:
    shapes = shapes_for(network, choice.batch) if _movable(network) else None
    if shapes is not None:
        return Plan(choice.batch, choice.seeds, shapes)
    own = tuple(node.shape for node in network.nodes)
    return _assumed(network, Plan(choice.batch, choice.seeds, own))


def _assumed(network: NetworkSpec, given: Plan) -> Plan:
    """The plan with the open sizes of the inputs filled in, from what the first layer takes."""
    shapes, assumptions = list(given.shapes), list(given.assumptions)
    for position in network.inputs:
        shape = shapes[position]
        if shape is not None and None not in shape:
            continue
        shapes[position] = filled = _input_shape(network, position, given.batch)
        name = network.nodes[position].name or "the input"
        assumptions.append(f"shape {filled} assumed for {name}")
    return replace(given, shapes=tuple(shapes), assumptions=tuple(assumptions))


def _input_shape(network: NetworkSpec, position: int, batch: int) -> tuple[int, ...]:
    user = consumer(network, position)
    if user is None:
        usual: tuple[int, ...] = (batch, FEATURES)
    elif user.kind == "convolution":
        kernel = user.get("kernel_size", (1, 1))
        sides = (IMAGE_SIDE,) * (1 if isinstance(kernel, int) else len(kernel))
        channels = int(user.get("in_channels", FEATURES))
        usual = (batch, *sides, channels) if user.get("channel_axis", 1) == -1 else (batch, channels, *sides)
    elif user.kind == "embedding":
        usual = (batch, STEPS)
    elif user.kind == "recurrent":
        time_first = user.get("time_axis", 1) == 0
        usual = (*((STEPS, batch) if time_first else (batch, STEPS)), int(user.get("input_size", FEATURES)))
    else:
        usual = (batch, int(user.get("in_features", FEATURES)))
    shape = network.nodes[position].shape
    if shape is None:
        return usual
    if len(shape) != len(usual):
        usual = (batch, *[STEPS] * (len(shape) - 2), usual[-1])[: len(shape)]
    return tuple(default if size is None else size for size, default in zip(shape, usual, strict=True))


def consumer(network: NetworkSpec, position: int) -> NodeSpec | None:
    """The first weighted layer that takes the tensor at `position`, directly or through reshapes and the like."""
    reached = {position}
    for index, node in enumerate(network.nodes):
        if not reached.intersection(node.inputs):
            continue
        if node.kind in ("convolution", "linear", "embedding", "recurrent"):
            return node
        if node.kind in ("reshape", "activation", "normalization", "dropout", "add", "multiply", "stop", "pooling"):
            reached.add(index)
    return None


def token_range(network: NetworkSpec, position: int) -> int:
    """How many different tokens an integer input may hold: entries of the smallest table that it indexes."""
    sizes = []
    reached = {position}
    for index, node in enumerate(network.nodes):
        if reached.intersection(node.inputs):
            if node.kind == "embedding":
                weight = node.parameters.get("weight")
                shape = None if weight is None else network.parameters[weight].shape
                sizes.append(int(node.get("num_embeddings") or (shape or (TOKENS,))[0]))
            elif node.kind in ("reshape", "stop"):
                reached.add(index)
    return max(1, min(sizes, default=TOKENS))


def holds_pixels(network: NetworkSpec, position: int) -> bool:
    """Whether an input is scaled down before anything else is done with it, as pixels are."""
    users = [node for node in network.nodes if position in node.inputs]
    if len(users) != 1 or len(users[0].inputs) != 1:
        return False
    factors = users[0].get("coefficients", (1.0,)) if users[0].kind == "add" else (users[0].get("constant", 1.0),)
    return users[0].kind in ("add", "multiply") and 0 < abs(factors[0] or 1.0) < PIXEL_SCALE
