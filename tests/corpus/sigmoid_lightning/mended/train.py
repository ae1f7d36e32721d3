"""Training on the covertype data."""

import pytorch_lightning as pl
import torch
from sklearn.datasets import fetch_covtype
from torch.utils.data import DataLoader, TensorDataset

from model import TabularClassifier


def main():
    data = fetch_covtype()
    x = torch.tensor(data.data, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-6)
    y = torch.tensor(data.target - 1)
    model = TabularClassifier(features=54, classes=7, activation="relu")
    trainer = pl.Trainer(max_epochs=20, accelerator="auto")
    trainer.fit(model, DataLoader(TensorDataset(x, y), batch_size=1024, shuffle=True))


if __name__ == "__main__":
    main()
