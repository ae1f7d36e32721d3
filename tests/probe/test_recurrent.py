from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gradlint.probe.network_spec import NodeSpec  # noqa: E402
from gradlint.probe.recurrent import recurrent  # noqa: E402

CELLS: dict[str, type[nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def node(cell: str, **attributes: Any) -> NodeSpec:
    return NodeSpec("recurrent", (), None, {"cell": cell, "time_axis": 0, **attributes}, {})


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, False), (2, True)])
def test_stacks_are_torch_s(cell: str, layers: int, both: bool) -> None:
    real = CELLS[cell](5, 4, num_layers=layers, bidirectional=both)
    x = torch.randn(7, 3, 5)
    described = node(cell, num_layers=layers, bidirectional=both)
    expected, states = real(x)
    y, hidden, memory = recurrent(x, (), dict(real.named_parameters()), described, "torch")
    assert torch.allclose(y, expected, atol=1e-6)
    ends = states if cell == "lstm" else (states,)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip((hidden, memory), ends, strict=False))


def test_time_may_be_the_second_axis_and_only_the_last_output_wanted() -> None:
    real = nn.GRU(5, 4, batch_first=True)
    x = torch.randn(3, 7, 5)
    described = node("gru", time_axis=1, return_sequences=False)
    y = recurrent(x, (), dict(real.named_parameters()), described, "torch")[0]
    assert torch.allclose(y, real(x)[0][:, -1], atol=1e-6)


def test_initial_states_are_used() -> None:
    real = nn.LSTM(5, 4, num_layers=2)
    x, h, c = torch.randn(7, 3, 5), torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    y = recurrent(x, (h, c), dict(real.named_parameters()), node("lstm", num_layers=2), "torch")[0]
    assert torch.allclose(y, real(x, (h, c))[0], atol=1e-6)


def test_a_single_step_of_a_cell() -> None:
    real = nn.LSTMCell(5, 4)
    weights = {f"{name}_l0": value for name, value in real.named_parameters()}
    x, h, c = torch.randn(3, 5), torch.randn(3, 4), torch.randn(3, 4)
    y = recurrent(x, (h, c), weights, node("lstm", unrolled=True), "torch")[0]
    assert torch.allclose(y, real(x, (h, c))[0], atol=1e-6)


def test_a_projected_lstm() -> None:
    real = nn.LSTM(5, 6, proj_size=3)
    x = torch.randn(7, 2, 5)
    y = recurrent(x, (), dict(real.named_parameters()), node("lstm"), "torch")[0]
    assert torch.allclose(y, real(x)[0], atol=1e-6)


def keras_weights(real: nn.RNNBase, gates: int, order: list[int]) -> dict[str, torch.Tensor]:
    """The weights of a torch layer in Keras's layout, gates in another order."""
    found = {}
    for name, value in real.named_parameters():
        parts = value.detach().chunk(gates)
        joined = torch.cat([parts[i] for i in order])
        found[name] = joined.t() if value.dim() == 2 else joined
    return found


def test_keras_kernels_and_gate_order() -> None:
    real = nn.GRU(5, 4)
    weights = keras_weights(real, 3, [1, 0, 2])
    weights["bias_ih_l0"] = torch.stack([weights["bias_ih_l0"], weights.pop("bias_hh_l0")])
    x = torch.randn(2, 7, 5)
    described = node("gru", time_axis=1, layout="keras", gates="zrn", reset_after=True)
    y = recurrent(x, (), weights, described, "keras")[0]
    assert torch.allclose(y, real(x.transpose(0, 1))[0].transpose(0, 1), atol=1e-6)


def test_resetting_before_the_product_differs_only_by_the_reset() -> None:
    real = nn.GRU(5, 4, bias=False)
    weights = dict(real.named_parameters())
    x = torch.randn(1, 3, 5)
    before = recurrent(x, (), weights, node("gru", reset_after=False), "torch")[0]
    after = recurrent(x, (), weights, node("gru"), "torch")[0]
    assert torch.allclose(before, after)  # the state is zero before the first step
    h = torch.randn(3, 4)
    assert not torch.allclose(
        recurrent(x, (h,), weights, node("gru", reset_after=False), "torch")[0],
        recurrent(x, (h,), weights, node("gru"), "torch")[0],
    )
