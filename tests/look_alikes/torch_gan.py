"""A deep convolutional GAN: sigmoid and tanh only at the outputs, detach only for the discriminator's step."""

import torch
from torch import nn

LATENT, FEATURES, CHANNELS = 100, 64, 3


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(LATENT, FEATURES * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(FEATURES * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(FEATURES * 8, FEATURES * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(FEATURES * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d(FEATURES * 4, FEATURES * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(FEATURES * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(FEATURES * 2, FEATURES, 4, 2, 1, bias=False),
            nn.BatchNorm2d(FEATURES),
            nn.ReLU(True),
            nn.ConvTranspose2d(FEATURES, CHANNELS, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, noise):
        return self.main(noise)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(CHANNELS, FEATURES, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(FEATURES, FEATURES * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(FEATURES * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(FEATURES * 2, FEATURES * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(FEATURES * 4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(FEATURES * 4, FEATURES * 8, 4, 2, 1, bias=False),
            nn.BatchNorm2d(FEATURES * 8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(FEATURES * 8, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, image):
        return self.main(image).view(-1)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


def train(dataloader, epochs=25, lr=0.0002, device="cpu"):
    generator, discriminator = Generator().to(device), Discriminator().to(device)
    generator.apply(weights_init)
    discriminator.apply(weights_init)
    criterion = nn.BCELoss()
    fixed_noise = torch.randn(64, LATENT, 1, 1, device=device)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=lr, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=lr, betas=(0.5, 0.999))

    for epoch in range(epochs):
        for images, _ in dataloader:
            real = images.to(device)
            batch = real.size(0)
            discriminator.zero_grad()
            loss_real = criterion(discriminator(real), torch.full((batch,), 1.0, device=device))
            loss_real.backward()
            noise = torch.randn(batch, LATENT, 1, 1, device=device)
            fake = generator(noise)
            loss_fake = criterion(discriminator(fake.detach()), torch.full((batch,), 0.0, device=device))
            loss_fake.backward()
            optimizer_d.step()

            generator.zero_grad()
            loss_g = criterion(discriminator(fake), torch.full((batch,), 1.0, device=device))
            loss_g.backward()
            optimizer_g.step()
        with torch.no_grad():
            samples = generator(fixed_noise).detach().cpu()
        print(epoch, loss_g.item(), samples.shape)
