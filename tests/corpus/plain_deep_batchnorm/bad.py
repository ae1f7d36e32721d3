"""A very deep MLP for protein contact features, normalized after every layer."""

import torch
from torch import nn
from torch.utils.data import DataLoader


class Layer(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)  # error: [missing-skip-connection]
        self.norm = nn.BatchNorm1d(width)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.activation(self.norm(self.linear(x))))


class DeepNet(nn.Module):
    def __init__(self, features=441, width=256, depth=64, classes=2, dropout=0.0):
        super().__init__()
        self.stem = nn.Linear(features, width)
        self.layers = nn.Sequential(*[Layer(width, dropout) for _ in range(depth)])
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.layers(self.stem(x)))


def train(dataset, epochs=30, device="cuda"):
    model = DeepNet().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=1e-2)
    for epoch in range(epochs):
        for x, y in DataLoader(dataset, batch_size=512, shuffle=True):
            x, y = x.to(device), y.to(device)
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())
    return model
