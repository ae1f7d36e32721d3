"""A small vision transformer head whose initialization is written and never called."""

import torch
from torch import nn
from torchvision import datasets, transforms


class PatchMLP(nn.Module):
    def __init__(self, patch=4, width=128, depth=4, classes=10):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(3 * patch * patch, width)
        self.layers = nn.ModuleList([nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width)) for _ in range(depth)])
        self.head = nn.Linear(width, classes)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def forward(self, image):
        batch, channels, height, width = image.shape
        p = self.patch
        x = image.reshape(batch, channels, height // p, p, width // p, p)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * p * p)
        x = self.embed(x)
        for layer in self.layers:
            x = x + nn.functional.gelu(layer(x))
        return self.head(x.mean(dim=1))


def main():
    data = datasets.CIFAR10("data", download=True, transform=transforms.ToTensor())
    loader = torch.utils.data.DataLoader(data, batch_size=128, shuffle=True)
    model = PatchMLP()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for epoch in range(20):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())


if __name__ == "__main__":
    main()
