"""Networks in PyTorch source, for comparing the twin of what gradlint reads with the real object."""

from __future__ import annotations

HEADER = """
import math
import torch
import torch.nn.functional as F
from torch import nn
"""

NETWORKS: dict[str, str] = {
    "sequential": """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(*[m for i in range(8) for m in (nn.Linear(20 if not i else 64, 64), nn.Tanh())], nn.Linear(64, 5))
    def forward(self, x):
        return super().forward(x)
""",
    "initialized": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(64 if i else 20, 64) for i in range(12)])
        self.head = nn.Linear(64, 3)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.head(x)
""",
    "residual": """
class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(b)
        self.conv2 = nn.Conv2d(b, b, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(b)
        self.short = nn.Sequential()
        if stride != 1 or a != b:
            self.short = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))
    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.short(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.fc = nn.Linear(64, 10)
    def forward(self, x):
        x = self.blocks(F.max_pool2d(self.stem(x), 4))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
""",
    "dense": """
class Net(nn.Module):
    def __init__(self, growth=12):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 7, 4)
        self.norms = nn.ModuleList(nn.BatchNorm2d(16 + i * growth) for i in range(4))
        self.convs = nn.ModuleList(nn.Conv2d(16 + i * growth, growth, 3, padding=1) for i in range(4))
        self.fc = nn.Linear(16 + 4 * growth, 5)
    def forward(self, x):
        features = [F.avg_pool2d(self.stem(x), 4)]
        for norm, conv in zip(self.norms, self.convs):
            features.append(conv(F.relu(norm(torch.cat(features, 1)))))
        return self.fc(torch.cat(features, dim=1).mean(dim=[2, 3]))
""",
    "lstm": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(100, 24)
        self.rnn = nn.LSTM(24, 32, num_layers=2, batch_first=True)
        self.fc = nn.Linear(32, 2)
    def forward(self, tokens):
        y, (h, c) = self.rnn(self.embed(tokens))
        return self.fc(h[-1])
""",
    "bidirectional": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(10, 16)
        self.rnn = nn.GRU(16, 24, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(48, 4)
    def forward(self, x: torch.Tensor):
        y, _ = self.rnn(self.project(x))
        return self.fc(y[:, -1, :])
""",
    "cells": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(16, 16)
        self.cell = nn.LSTMCell(16, 20)
        self.out = nn.Linear(20, 3)
    def forward(self, x):
        x = self.inner(x)
        h = x.new_zeros(x.size(0), 20)
        c = x.new_zeros(x.size(0), 20)
        for step in range(6):
            h, c = self.cell(x, (h, c))
        return self.out(h)
""",
    "encoder": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 32)
        self.position = nn.Parameter(torch.randn(1, 512, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3)
        self.fc = nn.Linear(32, 6)
    def forward(self, tokens):
        x = self.embed(tokens)
        x = x + self.position[:, : x.size(1)]
        return self.fc(self.encoder(x)[:, 0])
""",
    "gpt": """
class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).contiguous().view(b, t, c))

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, 4)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
    def forward(self, x):
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(60, 32)
        self.blocks = nn.ModuleList([Block(32) for _ in range(3)])
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, 60, bias=False)
        self.apply(self._init)
        for name, p in self.named_parameters():
            if name.endswith('proj.weight'):
                nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * 3))
    def _init(self, m):
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, mean=0.0, std=0.02)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Embedding):
            nn.init.normal_(m.weight, mean=0.0, std=0.02)
    def forward(self, idx):
        x = self.tokens(idx)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))
""",
    "by hand": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 32)
        self.key, self.query, self.value = nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 32)
        self.last = nn.Linear(32, 4)
    def forward(self, x):
        x = self.first(x).unsqueeze(1).repeat(1, 5, 1)
        scores = torch.matmul(self.query(x), self.key(x).transpose(-2, -1)) / math.sqrt(32)
        y = torch.bmm(F.softmax(scores, dim=-1), self.value(x))
        return self.last(y.mean(1))
""",
    "generator": """
class Net(nn.Module):
    def __init__(self, latent=16):
        super().__init__()
        self.fc = nn.Linear(latent, 64 * 4 * 4)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
            nn.Conv2d(16, 3, 3, padding=1), nn.Tanh())
    def forward(self, z):
        return self.up(self.fc(z).view(-1, 64, 4, 4))
""",
    "unet": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = nn.Conv2d(3, 8, 3, 4, 1)
        self.down2 = nn.Conv2d(8, 16, 3, 2, 1)
        self.middle = nn.Conv2d(16, 16, 3, padding=1)
        self.up = nn.Conv2d(24, 8, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)
    def forward(self, x):
        a = F.relu(self.down1(x))
        b = F.relu(self.down2(a))
        b = F.relu(self.middle(b))
        b = F.interpolate(b, scale_factor=2, mode='bilinear', align_corners=False)
        return self.out(F.relu(self.up(torch.cat([a, b], 1))))
""",
    "squeeze": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, 4, 1)
        self.depthwise = nn.Conv2d(24, 24, 5, padding=2, groups=24)
        self.reduce, self.expand = nn.Conv2d(24, 6, 1), nn.Conv2d(6, 24, 1)
        self.fc = nn.Linear(24, 7)
    def forward(self, x):
        x = F.silu(self.depthwise(F.hardswish(self.stem(x))))
        gate = torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))
        return self.fc((x * gate).mean((2, 3)))
""",
    "gates": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.carry = nn.ModuleList([nn.Linear(32, 32) for _ in range(5)])
        self.change = nn.ModuleList([nn.Linear(32, 32) for _ in range(5)])
        self.enter, self.leave = nn.Linear(12, 64), nn.Linear(32, 2)
        for layer in self.carry:
            nn.init.constant_(layer.bias, -2.0)
    def forward(self, x):
        x = F.glu(self.enter(x), dim=-1)
        for carry, change in zip(self.carry, self.change):
            t = torch.sigmoid(carry(x))
            x = t * F.elu(change(x)) + (1 - t) * x
        return self.leave(x)
""",
    "groups": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv1d(8, 16, 5, stride=2, padding=2)
        self.b = nn.Conv1d(16, 16, 3, dilation=2, padding=2)
        self.norm1, self.norm2 = nn.GroupNorm(4, 16), nn.InstanceNorm1d(16)
        self.fc = nn.Linear(16, 3)
    def forward(self, x):
        x = F.mish(self.norm1(self.a(x)))
        x = F.softplus(self.norm2(self.b(x)))
        return self.fc(x.amax(dim=2))
""",
    "shared": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(10, 24)
        self.again = nn.Linear(24, 24)
        self.leave = nn.Linear(24, 24)
        self.leave.weight = self.again.weight
        self.scale = nn.Parameter(torch.full((24,), 0.5))
        self.out = nn.Linear(24, 2)
        nn.init.orthogonal_(self.again.weight, gain=1.2)
    def forward(self, x):
        x = self.enter(x)
        for _ in range(4):
            x = x + self.scale * torch.tanh(self.again(x))
        return self.out(self.leave(x))
""",
}
