"""Churn prediction with PyTorch Lightning."""

from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    features: int = 24
    width: int = 64
    depth: int = 2
    lr: float = 3e-4
    batch_size: int = 256
    epochs: int = 20


class ChurnModel(pl.LightningModule):
    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        layers = []
        width = config.features
        for _ in range(config.depth):
            layers += [nn.Linear(width, config.width), nn.BatchNorm1d(config.width), nn.ReLU()]
            width = config.width
        layers += [
            nn.Linear(width, 1),
            nn.Sigmoid(),  # error: [double-activation]
        ]
        self.net = nn.Sequential(*layers)
        self.criterion = nn.BCEWithLogitsLoss()

    def forward(self, x):
        return self.net(x).squeeze(-1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = self.criterion(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        prediction = self(x)
        self.log("val_loss", self.criterion(prediction, y))
        self.log("val_acc", ((prediction > 0.5) == y.bool()).float().mean())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.config.lr)


def main():
    config = Config()
    x, y = torch.load("churn.pt")
    split = int(0.8 * len(x))
    train = DataLoader(TensorDataset(x[:split], y[:split]), batch_size=config.batch_size, shuffle=True)
    val = DataLoader(TensorDataset(x[split:], y[split:]), batch_size=config.batch_size)
    model = ChurnModel(config)
    trainer = pl.Trainer(max_epochs=config.epochs)
    trainer.fit(model, train, val)


if __name__ == "__main__":
    main()
