"""A network written from scratch, as in a course: the weights are drawn with standard deviation 1."""

import torch


class Scratch(torch.nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.weights = torch.nn.ParameterList()
        self.biases = torch.nn.ParameterList()
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
            self.weights.append(torch.nn.Parameter(torch.randn(fan_in, fan_out)))  # error: [large-initial-weights]
            self.biases.append(torch.nn.Parameter(torch.zeros(fan_out)))

    def forward(self, x):
        for weight, bias in zip(self.weights[:-1], self.biases[:-1]):
            x = torch.tanh(x @ weight + bias)
        return x @ self.weights[-1] + self.biases[-1]


def batches(x, y, size=64):
    order = torch.randperm(len(x))
    for start in range(0, len(x), size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]


def train(x, y, epochs=30):
    net = Scratch([784, 256, 256, 10])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(epochs):
        for xb, yb in batches(x, y):
            loss = torch.nn.functional.cross_entropy(net(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())
    return net
