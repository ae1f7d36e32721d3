"""WGAN with gradient penalty on MNIST."""
import numpy as np
import torch
from torch import autograd, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

DIM, LAMBDA, CRITIC_ITERS, BATCH_SIZE, ITERS, LATENT = 64, 10, 5, 50, 200000, 128
device = "cuda" if torch.cuda.is_available() else "cpu"


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.preprocess = nn.Sequential(nn.Linear(LATENT, 4 * 4 * 4 * DIM), nn.ReLU(True))
        self.block1 = nn.Sequential(nn.ConvTranspose2d(4 * DIM, 2 * DIM, 5), nn.ReLU(True))
        self.block2 = nn.Sequential(nn.ConvTranspose2d(2 * DIM, DIM, 5), nn.ReLU(True))
        self.deconv_out = nn.ConvTranspose2d(DIM, 1, 8, stride=2)
        self.sigmoid = nn.Sigmoid()

    def forward(self, input):
        output = self.preprocess(input)
        output = output.view(-1, 4 * DIM, 4, 4)
        output = self.block1(output)
        output = output[:, :, :7, :7]
        output = self.block2(output)
        output = self.sigmoid(self.deconv_out(output))
        return output.view(-1, 784)


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, DIM, 5, stride=2, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(DIM, 2 * DIM, 5, stride=2, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * DIM, 4 * DIM, 5, stride=2, padding=2),
            nn.LeakyReLU(0.2),
        )
        self.output = nn.Linear(4 * 4 * 4 * DIM, 1)

    def forward(self, input):
        out = self.main(input.view(-1, 1, 28, 28))
        return self.output(out.view(-1, 4 * 4 * 4 * DIM)).view(-1)


def calc_gradient_penalty(netD, real_data, fake_data):
    alpha = torch.rand(real_data.size(0), 1, device=device).expand(real_data.size())
    interpolates = (alpha * real_data + (1 - alpha) * fake_data).requires_grad_(True)
    disc_interpolates = netD(interpolates)
    gradients = autograd.grad(
        outputs=disc_interpolates,
        inputs=interpolates,
        grad_outputs=torch.ones_like(disc_interpolates),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA


def inf_train_gen(loader):
    while True:
        for images, _ in loader:
            yield images.view(-1, 784)


netG, netD = Generator().to(device), Critic().to(device)
optimizerD = torch.optim.Adam(netD.parameters(), lr=1e-4, betas=(0.5, 0.9))
optimizerG = torch.optim.Adam(netG.parameters(), lr=1e-4, betas=(0.5, 0.9))
loader = DataLoader(datasets.MNIST("data", download=True, transform=transforms.ToTensor()), BATCH_SIZE, shuffle=True)
data = inf_train_gen(loader)
costs = []

for iteration in range(ITERS):
    for p in netD.parameters():
        p.requires_grad = True
    for iter_d in range(CRITIC_ITERS):
        real_data = next(data).to(device)
        D_real = netD(real_data).mean()
        noise = torch.randn(BATCH_SIZE, LATENT, device=device)
        with torch.no_grad():
            fake = netG(noise)
        D_fake = netD(fake).mean()
        gradient_penalty = calc_gradient_penalty(netD, real_data, fake)
        D_cost = D_fake - D_real + gradient_penalty
        D_cost.backward()  # error: [missing-zero-grad]
        optimizerD.step()
    for p in netD.parameters():
        p.requires_grad = False
    netG.zero_grad()
    noise = torch.randn(BATCH_SIZE, LATENT, device=device)
    fake = netG(noise)
    G_cost = -netD(fake).mean()
    G_cost.backward()
    optimizerG.step()
    costs.append(D_cost.item())
    if iteration % 100 == 99:
        print(iteration, np.mean(costs[-100:]))
