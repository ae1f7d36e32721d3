"""Price prediction; the initialization is copied from an image project."""

import pandas as pd
import torch
from torch import nn, optim


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        if m.bias is not None:
            nn.init.zeros_(m.bias)


class PriceNet(nn.Module):
    def __init__(self, n_features, n_hidden=64):
        super(PriceNet, self).__init__()
        self.fc1 = nn.Linear(n_features, n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_hidden)
        self.out = nn.Linear(n_hidden, 1)
        self.act = nn.ReLU()

    def forward(self, x):
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.out(x)


frame = pd.read_csv("houses.csv")
features = torch.tensor(frame.drop(columns="price").values, dtype=torch.float32)
prices = torch.tensor(frame["price"].values, dtype=torch.float32).unsqueeze(1)

net = PriceNet(n_features=13)
net.apply(init_weights)
optimizer = optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(200):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(net(features), prices)
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(epoch, loss.item())
