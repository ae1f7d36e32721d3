"""Implicit neural representation of an image."""

import torch
from torch import nn


class Layer(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class ImageNet(nn.Module):
    def __init__(self, width=128, depth=5):
        super().__init__()
        sizes = [2] + [width] * depth
        self.layers = nn.ModuleList([Layer(a, b) for a, b in zip(sizes, sizes[1:])])
        self.color = Layer(width, 3)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.color(x)


def coordinates(height, width):
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def fit(image, steps=2000, lr=1e-3):
    model = ImageNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    points = coordinates(*image.shape[:2])
    target = image.reshape(-1, 3)
    for step in range(steps):
        loss = nn.functional.mse_loss(model(points), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(step, -10 * torch.log10(loss).item())
    return model


if __name__ == "__main__":
    import torchvision

    image = torchvision.io.read_image("astronaut.png").permute(1, 2, 0) / 255
    fit(image)
