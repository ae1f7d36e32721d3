"""Activity recognition from phone sensors."""

import argparse

import numpy as np
import torch
from torch import nn


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--root", type=str, default="UCI_HAR")
    p.add_argument("--hidden", type=int, default=128)
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--epochs", type=int, default=50)
    p.add_argument("--batch-size", type=int, default=64)
    return p.parse_args()


class SensorNet(nn.Module):
    def __init__(self, features, hidden, classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.classifier(self.features(x))


def load(root, part):
    x = np.loadtxt(f"{root}/{part}/X_{part}.txt", dtype=np.float32)
    y = np.loadtxt(f"{root}/{part}/y_{part}.txt", dtype=np.int64) - 1
    return torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))


def main():
    args = get_args()
    train = torch.utils.data.DataLoader(load(args.root, "train"), args.batch_size, shuffle=True)
    test = torch.utils.data.DataLoader(load(args.root, "test"), 512)
    net = SensorNet(561, args.hidden, 6)
    loss_fn = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(net.parameters(), lr=args.lr)  # error: [high-learning-rate]
    for epoch in range(args.epochs):
        net.train()
        for x, y in train:
            opt.zero_grad()
            loss = loss_fn(net(x), y)
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            hits = sum((net(x).argmax(1) == y).sum().item() for x, y in test)
        print(epoch, hits / len(test.dataset))


if __name__ == "__main__":
    main()
