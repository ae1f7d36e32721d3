"""A sparse autoencoder for gene expression."""

import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self, genes, width, code):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(genes, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, code), nn.BatchNorm1d(code)
        )

    def forward(self, x):
        return torch.relu(self.net(x))


class Decoder(nn.Module):
    def __init__(self, genes, width, code):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(code, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, genes))

    def forward(self, z):
        return self.net(z)


class AutoEncoder(nn.Module):
    def __init__(self, genes=2000, width=256, code=32):
        super().__init__()
        self.encoder = Encoder(genes, width, code)
        self.decoder = Decoder(genes, width, code)
        self.last_code = None

    def forward(self, x):
        z = self.encoder(x).detach()  # error: [detached-gradient]
        self.last_code = z
        return self.decoder(z)
