"""BYOL: an online network predicts the projection of its own moving average."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import models, transforms
from torchvision.datasets import STL10


class MLP(nn.Module):
    def __init__(self, dim, hidden=4096, out=256):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out)
        )

    def forward(self, x):
        return self.net(x)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = models.resnet18(weights=None)
        self.backbone.fc = nn.Identity()
        self.projector = MLP(512)

    def forward(self, x):
        return self.projector(self.backbone(x))


class BYOL(nn.Module):
    def __init__(self, tau=0.996):
        super().__init__()
        self.online = Encoder()
        self.predictor = MLP(256)
        self.target = copy.deepcopy(self.online)
        for p in self.target.parameters():
            p.requires_grad = False
        self.tau = tau

    @torch.no_grad()
    def update_target(self):
        for q, k in zip(self.online.parameters(), self.target.parameters()):
            k.data = k.data * self.tau + q.data * (1.0 - self.tau)

    def forward(self, x1, x2):
        p1, p2 = self.predictor(self.online(x1)), self.predictor(self.online(x2))
        with torch.no_grad():
            z1, z2 = self.target(x1), self.target(x2)
        return (loss_fn(p1, z2.detach()) + loss_fn(p2, z1.detach())).mean()


def loss_fn(x, y):
    x = F.normalize(x, dim=-1, p=2)
    y = F.normalize(y, dim=-1, p=2)
    return 2 - 2 * (x * y).sum(dim=-1)


augment = transforms.Compose([
    transforms.RandomResizedCrop(96), transforms.RandomHorizontalFlip(), transforms.ColorJitter(0.4, 0.4, 0.2, 0.1),
    transforms.RandomGrayscale(p=0.2), transforms.ToTensor(),
])


class TwoViews:
    def __call__(self, image):
        return augment(image), augment(image)


def main():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loader = DataLoader(STL10("data", split="unlabeled", download=True, transform=TwoViews()), batch_size=256, shuffle=True)
    model = BYOL().to(device)
    optimizer = torch.optim.Adam([*model.online.parameters(), *model.predictor.parameters()], lr=3e-4)
    for epoch in range(100):
        total = 0.0
        for (x1, x2), _ in loader:
            loss = model(x1.to(device), x2.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            model.update_target()
            total += loss.item()
        print(f"epoch {epoch}: {total / len(loader):.4f}")
    torch.save(model.online.backbone.state_dict(), "byol_resnet18.pt")


if __name__ == "__main__":
    main()
