"""A tabular classifier as a Lightning module."""

import pytorch_lightning as pl
import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class TabularClassifier(pl.LightningModule):
    def __init__(self, features, classes, hidden=(256, 256, 128, 128, 64, 64, 32), activation="sigmoid", lr=1e-2):
        super().__init__()
        self.save_hyperparameters()
        blocks, width = [], features
        for size in hidden:
            blocks.append(nn.Linear(width, size))
            blocks.append(ACTIVATIONS[activation]())  # error: [deep-sigmoid-stack]
            width = size
        self.encoder = nn.Sequential(*blocks)
        self.head = nn.Linear(width, classes)
        self.loss = nn.CrossEntropyLoss()

    def forward(self, x):
        return self.head(self.encoder(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = self.loss(self(x), y)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
