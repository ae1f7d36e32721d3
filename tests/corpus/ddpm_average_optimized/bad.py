"""Denoising diffusion on FashionMNIST with a small U-Net and an exponential moving average."""
import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class TimeEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim
        self.mlp = nn.Sequential(nn.Linear(dim, dim * 4), nn.SiLU(), nn.Linear(dim * 4, dim * 4))

    def forward(self, t):
        half = self.dim // 2
        frequencies = torch.exp(-math.log(10000) * torch.arange(half, device=t.device) / (half - 1))
        angles = t[:, None].float() * frequencies[None]
        return self.mlp(torch.cat([angles.sin(), angles.cos()], dim=-1))


class ResBlock(nn.Module):
    def __init__(self, in_ch, out_ch, time_dim, groups=8):
        super().__init__()
        self.block1 = nn.Sequential(nn.GroupNorm(groups, in_ch), nn.SiLU(), nn.Conv2d(in_ch, out_ch, 3, padding=1))
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, out_ch))
        self.block2 = nn.Sequential(nn.GroupNorm(groups, out_ch), nn.SiLU(), nn.Conv2d(out_ch, out_ch, 3, padding=1))
        nn.init.zeros_(self.block2[-1].weight)
        nn.init.zeros_(self.block2[-1].bias)
        self.skip = nn.Conv2d(in_ch, out_ch, 1) if in_ch != out_ch else nn.Identity()

    def forward(self, x, t):
        h = self.block1(x) + self.time(t)[:, :, None, None]
        return self.block2(h) + self.skip(x)


class UNet(nn.Module):
    def __init__(self, channels=1, base=64):
        super().__init__()
        self.time = TimeEmbedding(base)
        time_dim = base * 4
        self.conv_in = nn.Conv2d(channels, base, 3, padding=1)
        self.down1 = ResBlock(base, base, time_dim)
        self.pool1 = nn.Conv2d(base, base, 4, 2, 1)
        self.down2 = ResBlock(base, base * 2, time_dim)
        self.pool2 = nn.Conv2d(base * 2, base * 2, 4, 2, 1)
        self.mid = ResBlock(base * 2, base * 2, time_dim)
        self.up2 = nn.ConvTranspose2d(base * 2, base * 2, 4, 2, 1)
        self.dec2 = ResBlock(base * 4, base, time_dim)
        self.up1 = nn.ConvTranspose2d(base, base, 4, 2, 1)
        self.dec1 = ResBlock(base * 2, base, time_dim)
        self.out = nn.Sequential(nn.GroupNorm(8, base), nn.SiLU(), nn.Conv2d(base, channels, 3, padding=1))

    def forward(self, x, t):
        t = self.time(t)
        h1 = self.down1(self.conv_in(x), t)
        h2 = self.down2(self.pool1(h1), t)
        h = self.mid(self.pool2(h2), t)
        h = self.dec2(torch.cat([self.up2(h), h2], dim=1), t)
        h = self.dec1(torch.cat([self.up1(h), h1], dim=1), t)
        return self.out(h)


class Diffusion:
    def __init__(self, steps=1000, device="cpu"):
        self.steps, self.device = steps, device
        self.betas = torch.linspace(1e-4, 0.02, steps, device=device)
        self.alphas_bar = torch.cumprod(1.0 - self.betas, dim=0)

    def loss(self, model, x0):
        t = torch.randint(0, self.steps, (x0.size(0),), device=self.device)
        noise = torch.randn_like(x0)
        a = self.alphas_bar[t][:, None, None, None]
        xt = a.sqrt() * x0 + (1 - a).sqrt() * noise
        return F.mse_loss(model(xt, t), noise)

    @torch.no_grad()
    def sample(self, model, shape):
        x = torch.randn(shape, device=self.device)
        for i in reversed(range(self.steps)):
            t = torch.full((shape[0],), i, device=self.device)
            beta, a = self.betas[i], self.alphas_bar[i]
            mean = (x - beta / (1 - a).sqrt() * model(x, t)) / (1 - beta).sqrt()
            x = mean + beta.sqrt() * torch.randn_like(x) if i else mean
        return x


device = "cuda" if torch.cuda.is_available() else "cpu"
transform = transforms.Compose([transforms.Resize(32), transforms.ToTensor(), transforms.Lambda(lambda x: x * 2 - 1)])
loader = DataLoader(datasets.FashionMNIST("data", download=True, transform=transform), batch_size=128, shuffle=True)
model = UNet().to(device)
ema = copy.deepcopy(model).eval().requires_grad_(False)
diffusion = Diffusion(device=device)
optimizer = torch.optim.AdamW(ema.parameters(), lr=2e-4)  # error: [unoptimized-parameters]
for epoch in range(50):
    for x, _ in loader:
        loss = diffusion.loss(model, x.to(device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            for e, p in zip(ema.parameters(), model.parameters()):
                e.mul_(0.999).add_(p, alpha=0.001)
    torch.save(diffusion.sample(ema, (16, 1, 32, 32)).cpu(), f"samples_{epoch}.pt")
