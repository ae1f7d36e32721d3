"""The framework-neutral graph of a network: few kinds of node, each a pure value of its inputs."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from gradlint.network.origin import Origin
from gradlint.network.parameters import Parameter

Shape = tuple[int, ...]


class Kind(enum.StrEnum):
    """What a node does to its inputs. The attributes of each kind are listed in `Node`."""

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    LINEAR = "linear"
    CONVOLUTION = "convolution"
    EMBEDDING = "embedding"
    RECURRENT = "recurrent"
    ATTENTION = "attention"
    ACTIVATION = "activation"
    NORMALIZATION = "normalization"
    POOLING = "pooling"
    DROPOUT = "dropout"
    RESHAPE = "reshape"
    ADD = "add"
    CONCATENATE = "concatenate"
    MULTIPLY = "multiply"
    MATMUL = "matmul"
    STOP = "stop"
    LOSS = "loss"
    OPAQUE = "opaque"


WEIGHTED = frozenset({Kind.LINEAR, Kind.CONVOLUTION, Kind.EMBEDDING, Kind.RECURRENT, Kind.ATTENTION})


@dataclass(slots=True, eq=False)
class Node:
    """One operation.

    `shape` is the shape of its output, batch first where the framework has it so, None where unknown.
    `parameters` maps a role ("weight", "bias", ...) to a parameter. `name` is the dotted path of the layer
    in its network ("layer1.0.conv1"), or empty for an operation that is no layer. `class_name` is the
    framework's name of the layer or function ("torch.nn.Conv2d"). `layer` is the identity of the layer
    object that made it (the same for two calls of a shared layer). `gradients_off` is the place
    where the recording of gradients was switched off, for what was computed after that (under `no_grad`): nothing
    flows back through such a node.

    Attributes by kind (absent means the usual default):

    - INPUT: `dtype` ("float", "int"); `guessed` true where nothing in the source gives its shape, else `assumed`,
      the axes of which only the size is assumed.
    - PARAMETER: none; `parameters["value"]` is the tensor itself.
    - CONSTANT: `value` (a number) where it is one number everywhere, `distribution` (a Distribution) where what its
      entries are drawn from is known; else only the shape is known.
    - LINEAR: `in_features`, `out_features`; acts on the last axis. Parameters `weight`, `bias`.
    - CONVOLUTION: `in_channels`, `out_channels`, `kernel_size`, `stride`, `dilation` (tuples, one entry per
      spatial axis), `padding` (a tuple of (before, after) pairs), `groups`, `transposed` (bool),
      `padding_mode` ("zeros", "reflect", ...), `channel_axis` (1 or -1). Parameters `weight`, `bias`.
      A kernel that is computed or constant is the second input in place of the parameter `weight`.
      A Keras separable convolution is two nodes.
    - EMBEDDING: `num_embeddings`, `embedding_dim`, `padding_idx`. Parameter `weight`.
    - RECURRENT: `cell` ("rnn", "lstm", "gru"), `input_size`, `hidden_size`, `num_layers`, `bidirectional`,
      `activation` (of the cell), `recurrent_activation`, `return_sequences`, `time_axis`, `reset_after`,
      `steps` (None where unknown), `dropout`, `stateful`, `unrolled` (a single cell call).
      One node for the whole stack. Parameters keep torch's names
      (`weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, suffix `_reverse`) in both frameworks,
      shapes in the framework's own layout (`layout`: "torch" or "keras"); gate order in `gates`
      ("ifgo" for both frameworks' LSTM, "rzn" torch GRU, "zrn" Keras GRU).
    - ATTENTION: scaled dot-product attention without its projections: inputs query, key, value;
      `heads` (into how many the last axis is divided; 1 where each head has its own place on an axis before),
      `scale`, `causal`, `dropout`. Projections are LINEAR nodes of their own.
    - ACTIVATION: `function`, a canonical name (see `gradlint.network.activations`), and its own settings
      (`negative_slope`, `alpha`, `beta`, `threshold`, `exponent`, `minimum`, `maximum`, `axis`,
      `approximate`). Elementwise but for softmax kinds and `glu`, which have `axis` (`from_end` true where the
      source counts it from the end).
      Parameter `weight` for prelu. `safe` true where the framework itself takes care of the derivative at 0 (the root
      in `torch.std`, which gives 0 there).
    - NORMALIZATION: `type` ("batch", "layer", "group", "instance", "rms", "l2"), `epsilon`, `axes` (those
      that are averaged over), `groups`, `affine`, `momentum`, `channel_axis`. Parameters `weight`, `bias`.
    - POOLING: `type` ("max", "average", "sum", "lp", "norm", "variance", "logsumexp"), `axes`,
      `kernel_size`, `stride`, `padding` as for CONVOLUTION,
      or `global` true (a reduction over `axes`, which stay as ones with `keepdims`), `output_size` for adaptive
      pooling. `exponent` for lp.
    - DROPOUT: `rate`, `type` ("element", "channel", "alpha", "path", "gaussian").
    - RESHAPE: `operation`: "view", "transpose", "slice", "split", "pad", "expand", "interpolate", "gather",
      "identity", "flip", "cast", "pixel_shuffle", "roll", "where". No arithmetic; the output entries are
      input entries (or interpolations, or zeros for padding). `axes` where the operation has some.
      A selection by a condition has that node as `condition`. A split or a slice with a known range has `axis`,
      `start`, `stop` (entries along the axis). A "where" with a
      `value` has that number in the entries that it replaces; without, its entries come from any of its inputs.
    - ADD: `coefficients` (one per input), `constant` (a number added).
    - CONCATENATE: `axis`; `stacked` true for a new axis.
    - MULTIPLY: `constant` (a number multiplied in); elementwise product of the inputs with broadcasting;
      `outer` true for a product of each entry with each.
    - MATMUL: `equation` for einsum; else the product of the last two axes.
    - STOP: the gradient stops here. `operation` says by what ("detach", "argmax", "round", ...).
    - LOSS: `function` ("cross_entropy", "binary_cross_entropy", "binary_cross_entropy_with_logits",
      "mse", "nll", ...), `from_logits`, `reduction`.
    - OPAQUE: `reason`; what is not understood. Its inputs are what went into it.
    """

    kind: Kind
    inputs: tuple[Node, ...] = ()
    shape: Shape | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    class_name: str = ""
    name: str = ""
    origin: Origin | None = None
    layer: object | None = None
    order: int = 0
    gradients_off: Origin | None = None

    def __repr__(self) -> str:
        """Kind and name; the inputs, and theirs, would be repeated once for every path that leads to them."""
        return f"<{self.kind} {self.name or self.class_name!r} #{self.order}>"

    def get(self, key: str, default: Any = None) -> Any:
        """The attribute `key`, or `default`."""
        return self.attributes.get(key, default)

    @property
    def gradient(self) -> bool:
        """Whether gradients were recorded when this was computed."""
        return self.gradients_off is None

    @property
    def weighted(self) -> bool:
        """Whether this is a weighted layer of the theory (one whose pre-activations are profiled)."""
        return bool(self.parameters) and self.kind in WEIGHTED


class Framework(enum.StrEnum):
    """Whose words a message uses."""

    TORCH = "torch"
    KERAS = "keras"


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A place where knowledge was lost, and why. `cost` counts the nodes and values that depend on it."""

    reason: str
    origin: Origin | None = None
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Something with weights that a network uses and does not own.

    `how` is "list", "tuple" or "dict" for several layers or parameters in a container of Python, "forward" for a
    layer that is made anew in each forward pass, "computed" for the result of an operation on a parameter, and
    "tensor" for a tensor that requires a gradient and is no parameter. `name` is the dotted path of the attribute
    that holds it (empty for "forward"), `count` the number of things in a container.
    """

    how: str
    name: str
    parameters: tuple[Parameter, ...]
    origin: Origin
    count: int = 1


@dataclass(frozen=True, slots=True)
class Unapplied:
    """Initialization code that does not reach the weights that it could.

    `how` is "uncalled" for a method that nothing calls, "unmatched" for code that goes over the layers and draws
    none of them, "overwritten" where that is because their weights are computed anew in each forward pass, "early" for
    code that ran before `layers` (dotted paths) were made, and "late" for an initializer that was assigned to `layers`
    whose weights were drawn by then. `name` is that of the function or the attribute, empty for a loop.
    """

    how: str
    name: str
    origin: Origin
    layers: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Network:
    """A network as the source builds it.

    `nodes` are those that `outputs` depend on, inputs before users, in the order in which they run.
    `parameters` are all registered ones, used in the forward pass or not, each once. `complete` means the
    forward pass was followed from input to output with no unknown operation on the way. `assumptions` are
    sentences such as "width 64 assumed for `hidden`"; `depth_known` is false when the number of layers
    rests on an unknown value. `call` is the source text of the instantiation ("ResNet(depth=50)").
    `pretrained` is true when weights are loaded into it, so that initialization says nothing. `unregistered` is what
    its forward pass uses and its parameters do not include, `unapplied` the initialization code that misses it.
    `configuration_assumed` is true when it was built from a configuration of which only the class is known.
    """

    name: str
    call: str
    framework: Framework
    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    parameters: tuple[Parameter, ...]
    origin: Origin | None = None
    complete: bool = True
    depth_known: bool = True
    pretrained: bool = False
    dtype: str = "float32"
    unresolved: tuple[Unresolved, ...] = ()
    assumptions: tuple[str, ...] = ()
    unregistered: tuple[Unregistered, ...] = ()
    unapplied: tuple[Unapplied, ...] = ()
    configuration_assumed: bool = False

    @property
    def weighted(self) -> tuple[Node, ...]:
        """The weighted layers, in the order in which they run."""
        return tuple([node for node in self.nodes if node.weighted])

    @property
    def parameter_count(self) -> int | None:
        """Number of parameters, shared ones once; None when one shape is unknown."""
        return _total(self.parameters)

    @property
    def trainable_count(self) -> int | None:
        """Number of trainable parameters, shared ones once; None when one shape is unknown."""
        return _total(tuple(p for p in self.parameters if p.trainable))


def _total(parameters: tuple[Parameter, ...]) -> int | None:
    total = 0
    for parameter in parameters:
        size = parameter.size
        if size is None:
            return None
        total += size
    return total


def topological(outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes that `outputs` depend on, in the order in which they run."""
    seen: dict[Node, None] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen[node] = None
            stack.extend(node.inputs)
    return tuple(sorted(seen, key=_ORDER))


_ORDER = attrgetter("order")
