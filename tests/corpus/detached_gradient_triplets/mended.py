"""Metric learning with triplets; the loss is averaged over the triplets of a batch."""

import torch
import torch.nn.functional as F
from torch import nn


class Embedder(nn.Module):
    def __init__(self, features=128, dim=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, 256),
            nn.ReLU(inplace=True),
            nn.Linear(256, dim),
        )

    def forward(self, x):
        return F.normalize(self.layers(x), dim=1)


def triplet_loss(anchor, positive, negative, margin=0.2):
    d_pos = (anchor - positive).pow(2).sum(1)
    d_neg = (anchor - negative).pow(2).sum(1)
    return F.relu(d_pos - d_neg + margin).mean()


def batch_loss(model, triplets):
    losses = []
    for anchor, positive, negative in triplets:
        loss = triplet_loss(model(anchor), model(positive), model(negative))
        losses.append(loss)
    return torch.stack(losses).mean()


def train(model, batches, epochs=20):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    for epoch in range(epochs):
        total = 0.0
        for triplets in batches:
            optimizer.zero_grad()
            loss = batch_loss(model, triplets)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        print(f"{epoch:3d} {total / len(batches):.4f}")


if __name__ == "__main__":
    train(Embedder(), torch.load("triplets.pt"))
