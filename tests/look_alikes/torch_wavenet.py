"""Dilated convolutions with tanh and sigmoid side by side: every layer has a gate, a residual and a skip output."""

import torch
from torch import nn


class GatedConvolution(nn.Module):
    def __init__(self, channels, skip_channels, dilation):
        super().__init__()
        self.padding = dilation
        self.filter = nn.Conv1d(channels, channels, 2, dilation=dilation)
        self.gate = nn.Conv1d(channels, channels, 2, dilation=dilation)
        self.residual = nn.Conv1d(channels, channels, 1)
        self.skip = nn.Conv1d(channels, skip_channels, 1)

    def forward(self, x):
        padded = nn.functional.pad(x, (self.padding, 0))
        z = torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))
        return x + self.residual(z), self.skip(z)


class WaveNet(nn.Module):
    def __init__(self, channels=32, skip_channels=64, classes=256, layers=10, stacks=2):
        super().__init__()
        self.embed = nn.Conv1d(1, channels, 1)
        dilations = [2**i for _ in range(stacks) for i in range(layers)]
        self.layers = nn.ModuleList([GatedConvolution(channels, skip_channels, d) for d in dilations])
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip_channels, skip_channels, 1), nn.ReLU(), nn.Conv1d(skip_channels, classes, 1)
        )

    def forward(self, wave):
        x = self.embed(wave)
        total = 0
        for layer in self.layers:
            x, skip = layer(x)
            total = total + skip
        return self.head(total)


def train(loader, steps=100_000):
    model = WaveNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (wave, labels) in zip(range(steps), loader):
        logits = model(wave)
        loss = nn.functional.cross_entropy(logits[:, :, :-1], labels[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 1000 == 0:
            print(step, loss.item())
