"""A deep convolutional classifier without normalization or skip connections (PyTorch)."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class PlainNet(nn.Module):
    def __init__(self, width=64, depth=20, classes=10):
        super().__init__()
        layers = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
        for index in range(depth):
            stride = 2 if index % 7 == 6 else 1
            layers.append(nn.Conv2d(width, width, 3, stride=stride, padding=1))
            layers.append(nn.ReLU())
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        features = self.features(images)
        return self.head(features.mean(dim=(2, 3)))


def train(epochs=10):
    data = datasets.CIFAR10("data", download=True, transform=transforms.ToTensor())
    loader = DataLoader(data, batch_size=128, shuffle=True)
    model = PlainNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())


if __name__ == "__main__":
    train()
