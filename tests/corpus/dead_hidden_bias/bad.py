"""Rare-event detection: the low bias was meant for the output."""

import torch
from torch import nn

PRIOR = -4.6  # log odds of one in a hundred


class Detector(nn.Module):
    def __init__(self, features=60, width=128):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(features, width), nn.ReLU())
        self.neck = nn.Linear(width, width)
        self.head = nn.Linear(width, 1)
        nn.init.constant_(self.neck.bias, PRIOR)  # error: [dead-rectifier]

    def forward(self, x):
        x = self.backbone(x)
        x = torch.relu(self.neck(x))
        return self.head(x).squeeze(1)


def fit(loader, epochs=10):
    model = Detector()
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(20.0))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y.float())
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(epoch, total / len(loader))
    return model
