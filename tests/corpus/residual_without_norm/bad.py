"""Forecasting with residual blocks that nothing normalizes."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Config:
    window: int = 96
    horizon: int = 24
    width: int = 256
    blocks: int = 32
    lr: float = 1e-3


class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear1 = nn.Linear(width, width)
        self.linear2 = nn.Linear(width, width)
        for linear in (self.linear1, self.linear2):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)

    def forward(self, x):
        branch = torch.relu(self.linear2(torch.relu(self.linear1(x))))
        return x + branch  # error: [residual-growth]


class Forecaster(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed = nn.Linear(config.window, config.width)
        self.blocks = nn.ModuleList([ResidualBlock(config.width) for _ in range(config.blocks)])
        self.project = nn.Linear(config.width, config.horizon)

    def forward(self, window):
        x = self.embed(window)
        for block in self.blocks:
            x = block(x)
        return self.project(x)


def train(loader, config=Config()):
    model = Forecaster(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    for window, target in loader:
        optimizer.zero_grad()
        loss = nn.functional.l1_loss(model(window), target)
        loss.backward()
        optimizer.step()
    return model
