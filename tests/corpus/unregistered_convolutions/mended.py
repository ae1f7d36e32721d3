"""A temporal convolutional network whose depth comes from a configuration."""

import torch
from torch import nn

config = {
    "channels": [25, 50, 50, 50],
    "kernel": 7,
    "dropout": 0.1,
    "classes": 10,
    "lr": 2e-3,
    "batch_size": 64,
    "epochs": 20,
}


class Block(nn.Module):
    def __init__(self, inputs, outputs, kernel, dilation, dropout):
        super().__init__()
        self.pad = (kernel - 1) * dilation
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=self.pad, dilation=dilation)
        self.norm = nn.BatchNorm1d(outputs)
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        y = self.conv(x)[:, :, : -self.pad]
        return self.dropout(torch.relu(self.norm(y))) + self.shortcut(x)


class TCN(nn.Module):
    def __init__(self, inputs, channels, kernel, dropout, classes):
        super().__init__()
        self.blocks = nn.ModuleList()
        for i, width in enumerate(channels):
            block = Block(inputs, width, kernel, 2**i, dropout)
            self.blocks.append(block)
            inputs = width
        self.head = nn.Linear(inputs, classes)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, :, -1])


def main():
    from datasets import sequential_mnist

    loader = torch.utils.data.DataLoader(sequential_mnist(), batch_size=config["batch_size"], shuffle=True)
    model = TCN(1, config["channels"], config["kernel"], config["dropout"], config["classes"])
    print(sum(p.numel() for p in model.parameters()), "parameters")
    optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
    for epoch in range(config["epochs"]):
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        print(epoch, loss.item())


if __name__ == "__main__":
    main()
