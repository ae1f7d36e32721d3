"""Denoising with a plain convolutional network."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn, optim


def weights_init(m):
    if isinstance(m, nn.Conv2d):
        nn.init.xavier_normal_(m.weight)  # error: [mismatched-initializer]
        if m.bias is not None:
            nn.init.constant_(m.bias, 0.0)


class PlainDenoiser(nn.Module):
    def __init__(self, channels=1, features=48, depth=28):
        super().__init__()
        self.first = nn.Conv2d(channels, features, 3, padding=1)
        self.body = nn.ModuleList([nn.Conv2d(features, features, 3, padding=1) for _ in range(depth)])
        self.last = nn.Conv2d(features, channels, 3, padding=1)
        self.apply(weights_init)

    def forward(self, x):
        h = F.relu(self.first(x))
        for conv in self.body:
            h = F.relu(conv(h))
        return self.last(h)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sigma", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    net = PlainDenoiser()
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(args.epochs):
        for clean in patches():
            noisy = clean + args.sigma * torch.randn_like(clean)
            loss = F.mse_loss(net(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(epoch, float(loss))


def patches(count=500, size=40):
    for _ in range(count):
        yield torch.rand(32, 1, size, size)


if __name__ == "__main__":
    main()
