"""Sigmoids and tanhs that gate: an LSTM cell by hand, gated linear units, a highway network, attention with a gate."""

import torch
from torch import nn


class LSTMCell(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.hidden = hidden
        self.x2h = nn.Linear(inputs, 4 * hidden)
        self.h2h = nn.Linear(hidden, 4 * hidden)
        nn.init.orthogonal_(self.h2h.weight)
        nn.init.constant_(self.x2h.bias[hidden : 2 * hidden], 1.0)

    def forward(self, x, state):
        h, c = state
        i, f, g, o = (self.x2h(x) + self.h2h(h)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c


class SequenceModel(nn.Module):
    def __init__(self, inputs=16, hidden=64, classes=5):
        super().__init__()
        self.cell = LSTMCell(inputs, hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x):
        h = x.new_zeros(x.size(0), self.cell.hidden)
        c = torch.zeros_like(h)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
        return self.out(h)


class GatedBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.contract(nn.functional.glu(self.expand(self.norm(x))))


class Highway(nn.Module):
    def __init__(self, width, layers=10):
        super().__init__()
        self.transforms = nn.ModuleList([nn.Linear(width, width) for _ in range(layers)])
        self.gates = nn.ModuleList([nn.Linear(width, width) for _ in range(layers)])
        for gate in self.gates:
            nn.init.constant_(gate.bias, -2.0)

    def forward(self, x):
        for transform, gate in zip(self.transforms, self.gates):
            t = torch.sigmoid(gate(x))
            x = t * torch.relu(transform(x)) + (1.0 - t) * x
        return x


class AttentionPool(nn.Module):
    """Gated attention over the instances of a bag (Ilse et al. 2018)."""

    def __init__(self, width, hidden=64):
        super().__init__()
        self.v = nn.Linear(width, hidden)
        self.u = nn.Linear(width, hidden)
        self.w = nn.Linear(hidden, 1)

    def forward(self, x):
        scores = self.w(torch.tanh(self.v(x)) * torch.sigmoid(self.u(x)))
        weights = torch.softmax(scores, dim=1)
        return (weights * x).sum(dim=1)


sequence = SequenceModel()
print(sequence(torch.randn(4, 20, 16)).shape)
glu = nn.Sequential(nn.Linear(20, 64), *[GatedBlock(64) for _ in range(12)], nn.Linear(64, 3))
print(glu(torch.randn(4, 20)).shape)
highway = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), Highway(64), nn.Linear(64, 3))
print(highway(torch.randn(4, 20)).shape)
bag = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), AttentionPool(64), nn.Linear(64, 2))
print(bag(torch.randn(4, 50, 32)).shape)
