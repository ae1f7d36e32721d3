"""The twin: a network built again in PyTorch from its graph alone, run node by node. Runs in the child.

Nothing of the user's code takes part: the graph says what each node does, and one method per kind does it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn

from gradlint.probe import layers
from gradlint.probe.convolutional import convolutional_lstm
from gradlint.probe.draw import draw
from gradlint.probe.errors import NotMeasurable
from gradlint.probe.functions import activate
from gradlint.probe.losses import loss
from gradlint.probe.network_spec import CONVOLUTIONAL, NetworkSpec, NodeSpec, ParameterSpec
from gradlint.probe.recurrent import recurrent
from gradlint.probe.reshaping import complete, reshape

Observer = Callable[..., None]
"""Called with the position of a node, its output and, for a recurrent layer, its final states."""
Shapes = Sequence[Sequence[int | None] | None]


class Twin(nn.Module):  # type: ignore[misc]  # torch is not there when types are checked
    """A network of `NetworkSpec` as a PyTorch module.

    The parameters are drawn from `generator` in the order of the network; a tensor that several nodes share
    is one parameter. `shapes` gives each node's output shape for the batch to be run. The module is always
    in training mode: batch normalization uses the batch, dropout drops.

    Raises:
        NotMeasurable: a node or a distribution is not known, or has no counterpart in PyTorch.
    """

    def __init__(
        self,
        network: NetworkSpec,
        shapes: Shapes,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self.network = network
        self.shapes = shapes
        self.generator = generator
        self.dtype = dtype
        self.device = device
        self._uses = Counter(source for node in network.nodes for source in node.inputs)
        self._uses.update(network.outputs)
        needed = {position for node in network.nodes for position in node.parameters.values()}
        layout = network.framework
        self.tensors = nn.ParameterDict()
        for position, spec in enumerate(network.parameters):
            if position in needed:
                value = draw(spec, generator, layout).to(device=device, dtype=dtype)
                self.tensors[str(position)] = nn.Parameter(value)

    def parameter(self, position: int) -> Tensor | None:
        """The parameter at this position of the network; None if no node uses it."""
        return self.tensors.get(str(position))

    def forward(self, inputs: Sequence[Tensor], observe: Observer | None = None) -> list[Tensor]:
        """The outputs of the network for one tensor per input; `observe` is shown each node's output.

        Raises:
            NotMeasurable: a node cannot be computed.
        """
        given = dict(zip(self.network.inputs, inputs, strict=True))
        self._states: dict[int, list[Tensor]] = {}
        values: dict[int, Tensor] = {}
        left = Counter(self._uses)
        for position, node in enumerate(self.network.nodes):
            if position in given:
                value = given[position]
            else:
                value = self._run(position, node, [values[source] for source in node.inputs])
            if observe is not None:
                observe(position, value, *self._states.get(position, ()))
            values[position] = value
            for source in node.inputs:
                left[source] -= 1
                if not left[source]:
                    values.pop(source, None)
        return [values[position] for position in self.network.outputs]

    def _run(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        method: Callable[[int, NodeSpec, list[Tensor]], Tensor] = getattr(self, f"_{node.kind}")
        try:
            value = method(position, node, inputs)
            return value if node.gradient else value.detach()
        except NotMeasurable:
            raise
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if "memory" in str(error).lower():
                raise
            text = str(error).strip().partition("\n")[0]
            raise NotMeasurable(f"`{node.label}` ({node.kind}) cannot be run: {text}") from error

    def _weights(self, node: NodeSpec) -> dict[str, Tensor]:
        return {role: self.tensors[str(position)] for role, position in node.parameters.items()}

    def _input(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        raise NotMeasurable(f"nothing is given for `{node.label}`")

    def _parameter(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        return self._weights(node)["value"]

    def _constant(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        """One number everywhere, a draw, or what changes least where only the shape is known.

        That is one in a product, zero in a sum (masks, offsets), else standard normal numbers.
        """
        sizes = complete(self.shapes[position], torch.zeros(()), "constant", node)
        value, drawn = node.get("value"), node.get("distribution")
        if value is not None:
            return torch.full(sizes, float(value), dtype=self.dtype, device=self.device)
        if drawn is not None and drawn["family"] != "unknown":
            spec = ParameterSpec(sizes, drawn["family"], drawn["mean"], drawn["std"], drawn["gain"])
            return draw(spec, self.generator, self.network.framework).to(device=self.device, dtype=self.dtype)
        kinds = {user.kind for user in self.network.nodes if position in user.inputs}
        if kinds == {"multiply"}:
            return torch.ones(sizes, dtype=self.dtype, device=self.device)
        if kinds <= {"add", "loss"}:
            return torch.zeros(sizes, dtype=self.dtype, device=self.device)
        if kinds == {"embedding"}:
            return torch.arange(math.prod(sizes), device=self.device).reshape(sizes)
        return torch.randn(sizes, generator=self.generator).to(device=self.device, dtype=self.dtype)

    def _linear(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        weights = self._weights(node)
        weight = weights["weight"] if "weight" in weights else inputs[1]
        bias = weights.get("bias", inputs[2] if len(inputs) > 2 else None)
        if node.get("rows") is not None:  # one of several projections that share a tensor
            weight = weight[slice(*node.get("rows"))]
        if node.get("bias_rows") is not None and bias is not None:
            bias = bias[slice(*node.get("bias_rows"))]
        y = layers.linear(inputs[0], weight, bias, node, self.network.framework)
        return self._shaped(position, y)

    def _convolution(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        weights, sizes = self._weights(node), self._sizes(position)
        weight = weights["weight"] if "weight" in weights else inputs[1]
        return layers.convolution(inputs[0], weight, weights.get("bias"), node, self.network.framework, sizes)

    def _embedding(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        weights = self._weights(node)
        weight = weights["weight"] if "weight" in weights else inputs[1]
        tokens = inputs[0].detach().long().abs() % weight.shape[0]
        y = nn.functional.embedding(tokens, weight, padding_idx=node.get("padding_idx"))
        sizes = self._sizes(position)
        return y.mean(-2) if sizes is not None and len(sizes) == y.dim() - 1 else y

    def _recurrent(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        if node.get("cell") == CONVOLUTIONAL and len(inputs) == 1:
            y, *states = convolutional_lstm(inputs[0], self._weights(node), node, self._sizes(position))
        else:
            y, *states = recurrent(inputs[0], inputs[1:], self._weights(node), node, self.network.framework)
        self._states[position] = states
        return y

    def _attention(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        query, key, value = inputs[:3]
        return layers.attention(query, key, value, node, self._sizes(position))

    def _activation(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        return activate(inputs[0], node, self._weights(node).get("weight"))

    def _normalization(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        weights = self._weights(node)
        return layers.normalization(inputs[0], weights.get("weight"), weights.get("bias"), node)

    def _pooling(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        return layers.pooling(inputs[0], node, self._sizes(position))

    def _dropout(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        return layers.dropout(inputs[0], node)

    def _reshape(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        state = self._final_state(position, node)
        return reshape(inputs, node, self.shapes[position]) if state is None else state

    def _final_state(self, position: int, node: NodeSpec) -> Tensor | None:
        """The last hidden state or memory of a recurrent layer, where this node stands for one."""
        wanted, states = node.get("state"), self._states.get(node.inputs[0])
        if states is None or (wanted is None and not node.get("last_step", False)):
            return None
        state = states[1 if wanted in (1, "cell") else 0]
        sizes = self._sizes(position)
        return state if sizes is None or len(sizes) == state.dim() else state[-1]

    def _add(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        coefficients = node.get("coefficients") or (1.0,) * len(inputs)
        total: Tensor | None = None
        for x, coefficient in zip(inputs, coefficients, strict=True):
            term = x if coefficient in (None, 1) else x * coefficient
            total = term if total is None else total + term
        if total is None:
            raise NotMeasurable("a sum of nothing")
        constant = node.get("constant")
        return total + constant if constant else total

    def _multiply(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        if node.get("outer", False):
            return self._outer(position, inputs)
        product = inputs[0]
        for x in inputs[1:]:
            product = product * x
        constant = node.get("constant")
        return product if constant is None else product * constant

    def _outer(self, position: int, inputs: list[Tensor]) -> Tensor:
        """Each entry with each."""
        left, right = inputs
        y = torch.outer(left.flatten(), right.flatten())
        sizes = self._sizes(position)
        return y if sizes is None else y.reshape(sizes)

    def _concatenate(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        join = torch.stack if node.get("stacked", False) else torch.cat
        return join([x.to(self.dtype) if x.is_floating_point() else x for x in inputs], dim=int(node.get("axis", 0)))

    def _matmul(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        equation = node.get("equation")
        if equation is not None:
            return torch.einsum(equation, *inputs)
        left, right = inputs
        return torch.matmul(left, right.transpose(-1, -2) if node.get("transposed", False) else right)

    def _stop(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        sizes = self._sizes(position)
        if not inputs:
            return torch.zeros(sizes or (), dtype=self.dtype, device=self.device)
        x, operation = inputs[0].detach(), node.get("operation", "detach")
        if operation in ("round", "floor", "ceil", "sign", "trunc"):
            x = getattr(torch, operation)(x)
        if sizes is None or tuple(x.shape) == sizes:
            return x
        return torch.zeros(sizes, dtype=self.dtype, device=self.device)

    def _loss(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        target = inputs[1] if len(inputs) > 1 else None
        logits = bool(node.get("from_logits", True))
        return loss(node.get("function", ""), inputs[0], logits, self.generator, target)

    def _opaque(self, position: int, node: NodeSpec, inputs: list[Tensor]) -> Tensor:
        raise NotMeasurable(f"an operation that is not understood is on the way: {node.get('reason', node.label)}")

    def _sizes(self, position: int) -> tuple[int, ...] | None:
        """The shape that the node must have; None where a size is not known."""
        shape = self.shapes[position]
        if shape is None:
            return None
        sizes = tuple(size for size in shape if size is not None)
        return sizes if len(sizes) == len(shape) else None

    def _shaped(self, position: int, y: Tensor) -> Tensor:
        sizes = self._sizes(position)
        return (
            y
            if sizes is None or tuple(y.shape) == sizes or y.numel() != torch.Size(sizes).numel()
            else y.reshape(sizes)
        )
