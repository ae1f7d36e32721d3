"""Networks as people write them by hand, with parameters, functions and views in place of layers."""

from __future__ import annotations

GPT = """
class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, block):
        super().__init__()
        assert width % heads == 0
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.heads, self.width = heads, width
        self.register_buffer("bias", torch.tril(torch.ones(block, block)).view(1, 1, block, block))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.width, dim=2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)

class Block(nn.Module):
    def __init__(self, width, heads, block):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, block)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(dict(fc=nn.Linear(width, 4 * width), proj=nn.Linear(4 * width, width)))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["proj"](F.gelu(self.mlp["fc"](self.ln_2(x))))

class Net(nn.Module):
    def __init__(self, vocabulary=50, width=32, heads=4, depth=3, block=64):
        super().__init__()
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocabulary, width),
            wpe=nn.Embedding(block, width),
            h=nn.ModuleList([Block(width, heads, block) for _ in range(depth)]),
            ln_f=nn.LayerNorm(width),
        ))
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.transformer.wte.weight = self.lm_head.weight
        for name, p in self.named_parameters():
            if name.endswith("c_proj.weight"):
                torch.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * depth))

    def forward(self, idx):
        b, t = idx.size()
        pos = torch.arange(0, t, dtype=torch.long, device=idx.device)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))
"""

SHIFTED_WINDOWS = """
def window_partition(x, size):
    B, H, W, C = x.shape
    x = x.view(B, H // size, size, W // size, size, C)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, size, size, C)

def window_reverse(windows, size, H, W):
    B = int(windows.shape[0] / (H * W / size / size))
    x = windows.view(B, H // size, W // size, size, size, -1)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(B, H, W, -1)

class Net(nn.Module):
    def __init__(self, width=16, heads=2, size=4, shift=2):
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, 4)
        self.norm = nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.zeros((2 * size - 1) * (2 * size - 1), heads))
        coords = torch.stack(torch.meshgrid([torch.arange(size), torch.arange(size)], indexing="ij"))
        flat = torch.flatten(coords, 1)
        relative = (flat[:, :, None] - flat[:, None, :]).permute(1, 2, 0).contiguous()
        relative[:, :, 0] += size - 1
        relative[:, :, 1] += size - 1
        relative[:, :, 0] *= 2 * size - 1
        self.register_buffer("index", relative.sum(-1))
        nn.init.trunc_normal_(self.table, std=0.02)
        self.heads, self.size, self.shift = heads, size, shift

    def forward(self, x):
        x = self.embed(x).permute(0, 2, 3, 1)
        B, H, W, C = x.shape
        shifted = torch.roll(self.norm(x), shifts=(-self.shift, -self.shift), dims=(1, 2))
        windows = window_partition(shifted, self.size).view(-1, self.size * self.size, C)
        N = windows.shape[1]
        qkv = self.qkv(windows).reshape(-1, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = (q * (C // self.heads) ** -0.5) @ k.transpose(-2, -1)
        bias = self.table[self.index.view(-1)].view(N, N, -1).permute(2, 0, 1).contiguous()
        attn = F.softmax(attn + bias.unsqueeze(0), dim=-1)
        out = self.proj((attn @ v).transpose(1, 2).reshape(-1, N, C))
        out = window_reverse(out.view(-1, self.size, self.size, C), self.size, H, W)
        x = x + torch.roll(out, shifts=(self.shift, self.shift), dims=(1, 2))
        return x.mean(dim=(1, 2))
"""

MODULATED = """
class Net(nn.Module):
    def __init__(self, channels=8, style=6):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels, 3, 3, 3))
        self.affine = nn.Linear(27, 3)
        self.noise = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        b, c, h, w = x.shape
        style = self.affine(x[:, :, :3, :3].reshape(b, -1))
        weight = self.weight * style[:, None, :, None, None]
        norm = torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8)
        weight = weight * norm.view(b, -1, 1, 1, 1)
        x = x.reshape(1, b * c, h, w)
        weight = weight.view(b * weight.shape[1], c, 3, 3)
        out = F.conv2d(x, weight, padding=1, groups=b)
        out = out.view(b, -1, h, w) + self.noise * torch.randn(b, 1, h, w) + self.bias.view(1, -1, 1, 1)
        return F.leaky_relu(out, 0.2) * math.sqrt(2)
"""

LSTM_BY_HAND = """
class Net(nn.Module):
    def __init__(self, inputs=5, hidden=7):
        super().__init__()
        self.hidden = hidden
        self.W = nn.Parameter(torch.empty(inputs, hidden * 4))
        self.U = nn.Parameter(torch.empty(hidden, hidden * 4))
        self.b = nn.Parameter(torch.zeros(hidden * 4))
        bound = 1.0 / math.sqrt(hidden)
        for weight in self.parameters():
            weight.data.uniform_(-bound, bound)
        with torch.no_grad():
            self.b[hidden:2 * hidden].fill_(1.0)

    def forward(self, x):
        batch, steps, _ = x.size()
        h = torch.zeros(batch, self.hidden, device=x.device)
        c = torch.zeros(batch, self.hidden, device=x.device)
        outputs = []
        for t in range(steps):
            gates = x[:, t, :] @ self.W + h @ self.U + self.b
            i, f, g, o = gates.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h.unsqueeze(1))
        return torch.cat(outputs, dim=1)
"""

AUTOENCODER = """
class Net(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Flatten())
        self.mu, self.logvar = nn.Linear(16 * 7 * 7, latent), nn.Linear(16 * 7 * 7, latent)
        self.dec = nn.Linear(latent, 16 * 7 * 7)
        self.up = nn.ConvTranspose2d(16, 1, 4, 4)

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h).clamp(-10, 10)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        y = F.relu(self.dec(z)).view(-1, 16, 7, 7)
        return torch.sigmoid(self.up(y))
"""

SQUEEZE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Parameter(torch.randn(8, 3, 3, 3) * 0.1)
        self.w1, self.w2 = nn.Parameter(torch.randn(4, 8) / math.sqrt(8)), nn.Parameter(torch.randn(8, 4) / 2)
        self.gamma, self.beta = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))
        self.head = nn.Parameter(torch.zeros(8, 10))

    def forward(self, x):
        x = F.conv2d(x, self.stem, padding=1)
        x = F.batch_norm(x, None, None, self.gamma, self.beta, training=True)
        s = F.adaptive_avg_pool2d(x, 1).flatten(1)
        s = torch.sigmoid(F.linear(F.relu(F.linear(s, self.w1)), self.w2))
        x = F.max_pool2d(F.relu(x * s[:, :, None, None]), 2)
        x = torch.cat([x, F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="nearest")], 1)
        a, b = x.chunk(2, 1)
        return torch.einsum("bchw,co->bo", a + b, self.head)
"""

# Name -> source, the shape of an input, how many different integers it holds (0 for floats).
NETWORKS: dict[str, tuple[str, tuple[int, ...], int]] = {
    "gpt": (GPT, (2, 16), 50),
    "shifted windows": (SHIFTED_WINDOWS, (2, 3, 32, 32), 0),
    "modulated convolution": (MODULATED, (4, 3, 8, 8), 0),
    "lstm by hand": (LSTM_BY_HAND, (3, 6, 5), 0),
    "autoencoder": (AUTOENCODER, (2, 1, 28, 28), 0),
    "squeeze and excitation": (SQUEEZE, (2, 3, 16, 16), 0),
}
