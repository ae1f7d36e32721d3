"""A physics-informed network for the heat equation on a rod."""

import torch
from torch import nn
from torch.autograd import grad


class PINN(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.activation = nn.Tanh()  # error: [deep-tanh-stack]
        self.linears = nn.ModuleList([nn.Linear(layers[i], layers[i + 1]) for i in range(len(layers) - 1)])

    def forward(self, xt):
        h = xt
        for linear in self.linears[:-1]:
            h = self.activation(linear(h))
        return self.linears[-1](h)


def residual(model, xt, diffusivity=0.1):
    xt.requires_grad_(True)
    u = model(xt)
    du = grad(u.sum(), xt, create_graph=True)[0]
    u_x, u_t = du[:, :1], du[:, 1:]
    u_xx = grad(u_x.sum(), xt, create_graph=True)[0][:, :1]
    return u_t - diffusivity * u_xx


def main(steps=20_000):
    model = PINN([2] + [64] * 18 + [1])
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9)
    initial = torch.rand(256, 2) * torch.tensor([1.0, 0.0])
    target = torch.sin(torch.pi * initial[:, :1])
    for step in range(steps):
        inside = torch.rand(1024, 2)
        optimizer.zero_grad()
        loss = residual(model, inside).pow(2).mean() + (model(initial) - target).pow(2).mean()
        loss.backward()
        optimizer.step()
        if step % 1000 == 0:
            print(step, loss.item())


if __name__ == "__main__":
    main()
