"""A variational autoencoder in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn, optim
from torchvision import datasets, transforms


class Encoder(nn.Module):
    def __init__(self, hidden=400, latent=20):
        super().__init__()
        self.fc = nn.Linear(784, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)

    def forward(self, x):
        h = F.relu(self.fc(x))
        return self.mean(h), self.log_variance(h)


class Decoder(nn.Module):
    def __init__(self, hidden=400, latent=20):
        super().__init__()
        self.fc1 = nn.Linear(latent, hidden)
        self.fc2 = nn.Linear(hidden, 784)

    def forward(self, z):
        return self.fc2(F.relu(self.fc1(z)))


def reparametrize(mean, log_variance):
    std = torch.exp(0.5 * log_variance)
    return mean + std * torch.randn_like(std)


def loss_function(logits, x, mean, log_variance):
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (bce + kld) / x.size(0)


encoder, decoder = Encoder(), Decoder()
optimizer = optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
data = datasets.MNIST("data", train=True, download=True, transform=transforms.ToTensor())
loader = torch.utils.data.DataLoader(data, batch_size=128, shuffle=True)

for epoch in range(1, 11):
    total = 0.0
    for images, _ in loader:
        x = images.view(-1, 784)
        mean, log_variance = encoder(x)
        logits = decoder(reparametrize(mean, log_variance))
        loss = loss_function(logits, x, mean, log_variance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / len(loader):.2f}")
