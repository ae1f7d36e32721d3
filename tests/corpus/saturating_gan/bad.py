"""A GAN on handwritten digits, as a class."""

import torch
from torch import nn


def generator(latent=100, width=256):
    return nn.Sequential(
        nn.Linear(latent, width),
        nn.BatchNorm1d(width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, 2 * width),
        nn.BatchNorm1d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Linear(2 * width, 784),
        nn.Tanh(),
    )


def discriminator(width=256):
    return nn.Sequential(
        nn.Linear(784, 2 * width),
        nn.LeakyReLU(0.2),
        nn.Linear(2 * width, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, 1),
    )


class GAN:
    def __init__(self, latent=100, lr=2e-4, betas=(0.5, 0.999)):
        self.latent = latent
        self.g, self.d = generator(latent), discriminator()
        self.opt_g = torch.optim.Adam(self.g.parameters(), lr=lr, betas=betas)
        self.opt_d = torch.optim.Adam(self.d.parameters(), lr=lr, betas=betas)
        self.bce = nn.BCEWithLogitsLoss()

    def noise(self, n):
        return torch.randn(n, self.latent)

    def train_d(self, real):
        fake = self.g(self.noise(len(real))).detach()
        loss = self.bce(self.d(real), torch.ones(len(real), 1)) + self.bce(self.d(fake), torch.zeros(len(real), 1))
        self.opt_d.zero_grad()
        loss.backward()
        self.opt_d.step()
        return loss.item()

    def train_g(self, n):
        scores = self.d(self.g(self.noise(n)))
        loss = -self.bce(scores, torch.zeros(n, 1))  # error: [saturating-adversarial-loss]
        self.opt_g.zero_grad()
        loss.backward()
        self.opt_g.step()
        return loss.item()

    def fit(self, loader, epochs):
        for epoch in range(epochs):
            for images, _ in loader:
                real = images.view(-1, 784)
                d_loss = self.train_d(real)
                g_loss = self.train_g(len(real))
            print(epoch, d_loss, g_loss)


if __name__ == "__main__":
    from digits import loader

    GAN().fit(loader(batch_size=64), epochs=50)
