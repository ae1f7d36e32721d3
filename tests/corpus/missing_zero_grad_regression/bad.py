"""House prices: a regression with a configuration dataclass."""

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class TrainConfig:
    hidden: list[int] = field(default_factory=lambda: [64, 64])
    lr: float = 1e-3
    weight_decay: float = 1e-4
    batch_size: int = 32
    epochs: int = 200
    seed: int = 0


def make_mlp(inputs: int, hidden: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers.extend([nn.Linear(inputs, width), nn.ReLU()])
        inputs = width
    layers.append(nn.Linear(inputs, 1))
    return nn.Sequential(*layers)


def train_one_epoch(model, loader, optimizer, criterion):
    model.train()
    total = 0.0
    for features, price in loader:
        prediction = model(features).squeeze(1)
        loss = criterion(prediction, price)
        loss.backward()  # error: [missing-zero-grad]
        optimizer.step()
        total += loss.item() * len(price)
    return total / len(loader.dataset)


@torch.no_grad()
def rmse(model, loader):
    model.eval()
    errors = [(model(x).squeeze(1) - y).pow(2) for x, y in loader]
    return torch.cat(errors).mean().sqrt().item()


def main(config: TrainConfig) -> None:
    torch.manual_seed(config.seed)
    x, y = torch.load("houses.pt")
    loader = DataLoader(TensorDataset(x, y), batch_size=config.batch_size, shuffle=True)
    model = make_mlp(13, config.hidden)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    criterion = nn.SmoothL1Loss()
    for epoch in range(config.epochs):
        loss = train_one_epoch(model, loader, optimizer, criterion)
        if epoch % 20 == 0:
            print(f"{epoch:4d} loss {loss:.4f} rmse {rmse(model, loader):.4f}")


if __name__ == "__main__":
    main(TrainConfig())
