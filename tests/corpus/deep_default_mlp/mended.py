"""A surrogate for an aerodynamics solver: a deep regression network."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HPARAMS = {"inputs": 12, "outputs": 3, "width": 128, "depth": 24, "lr": 0.01, "epochs": 300, "batch_size": 256}


class Surrogate(nn.Module):
    def __init__(self, inputs, outputs, width, depth):
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.last = nn.Linear(width, outputs)
        for layer in self.hidden:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return self.last(x)


def standardize(x):
    return (x - x.mean(dim=0)) / (x.std(dim=0) + 1e-6)


def main(h):
    data = torch.load("polars.pt")
    x, y = standardize(data["parameters"]), standardize(data["coefficients"])
    loader = DataLoader(TensorDataset(x, y), batch_size=h["batch_size"], shuffle=True)
    model = Surrogate(h["inputs"], h["outputs"], h["width"], h["depth"])
    optimizer = torch.optim.SGD(model.parameters(), lr=h["lr"], momentum=0.9)
    criterion = nn.MSELoss()
    for epoch in range(h["epochs"]):
        total = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if epoch % 10 == 0:
            print(epoch, total / len(loader))


if __name__ == "__main__":
    main(HPARAMS)
