"""A network for the XOR of many bits, initialized by hand."""

import torch
from torch import nn


class ParityNet(nn.Module):
    def __init__(self, bits=8, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(bits, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)
        self.init_weights()

    def init_weights(self):
        for layer in (self.fc1, self.fc2, self.fc3):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


def bits(n, width=8):
    x = torch.randint(0, 2, (n, width)).float()
    return 2 * x - 1, x.sum(dim=1, keepdim=True) % 2


def main(steps=5000, batch=128):
    torch.manual_seed(0)
    net = ParityNet()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    for step in range(steps):
        x, y = bits(batch)
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        if step % 500 == 0:
            with torch.no_grad():
                x, y = bits(1024)
                accuracy = ((net(x) > 0).float() == y).float().mean()
            print(step, loss.item(), accuracy.item())


if __name__ == "__main__":
    main()
