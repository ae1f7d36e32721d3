"""Signature verification with a siamese network and contrastive loss."""

import torch
from torch import nn
from torch.utils.data import DataLoader


class SiameseNetwork(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
        )
        self.fc = nn.Linear(32 * 16, dim)

    def embed(self, x):
        return self.fc(self.cnn(x).flatten(1))

    def forward(self, first, second):
        return self.embed(first), self.embed(second)


class ContrastiveLoss(nn.Module):
    """Hadsell et al., 2006."""

    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, a, b, same):
        distance = torch.sqrt(torch.sum((a - b) ** 2, dim=1))  # error: [nan-gradient]
        attract = same * distance**2
        repel = (1 - same) * torch.clamp(self.margin - distance, min=0.0) ** 2
        return torch.mean(attract + repel)


def train(dataset, epochs=50, batch_size=64, lr=5e-4):
    net = SiameseNetwork()
    criterion = ContrastiveLoss(margin=2.0)
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    loader = DataLoader(dataset, shuffle=True, batch_size=batch_size)
    history = []
    for epoch in range(epochs):
        for first, second, same in loader:
            optimizer.zero_grad()
            a, b = net(first, second)
            loss = criterion(a, b, same)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        print(f"Epoch {epoch}: {history[-1]:.4f}")
    return net


if __name__ == "__main__":
    from signatures import SignaturePairs

    torch.save(train(SignaturePairs("train")).state_dict(), "siamese.pt")
