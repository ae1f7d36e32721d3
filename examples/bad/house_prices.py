"""House prices from a table of features (PyTorch)."""

import torch
from torch import nn
from torch.utils.data import DataLoader


class Regressor(nn.Module):
    def __init__(self, features=13, widths=(64, 32)):
        super().__init__()
        self.layers = []
        for width in widths:
            self.layers.append(nn.Linear(features, width))
            features = width
        self.head = nn.Linear(features, 1)

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x).squeeze(1)


def train(model, loader, epochs=100):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for features, prices in loader:
            loss = nn.functional.mse_loss(model(features), prices)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())


if __name__ == "__main__":
    houses = torch.load("houses.pt")
    train(Regressor(), DataLoader(houses, batch_size=32, shuffle=True))
