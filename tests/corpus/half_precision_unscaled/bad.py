"""Image super-resolution in half precision."""

import torch
from torch import nn
from torch.utils.data import DataLoader

SCALE = 2


class ESPCN(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(width // 2, SCALE**2, 3, padding=1),
        )
        self.shuffle = nn.PixelShuffle(SCALE)

    def forward(self, x):
        return self.shuffle(self.body(x))


def psnr(a, b):
    return -10 * torch.log10(torch.mean((a - b) ** 2))


def train(dataset, epochs=100, lr=1e-3):
    model = ESPCN().cuda()
    criterion = nn.L1Loss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loader = DataLoader(dataset, batch_size=16, shuffle=True, num_workers=4, pin_memory=True)
    for epoch in range(epochs):
        for low, high in loader:
            low, high = low.cuda(), high.cuda()
            with torch.autocast(device_type="cuda", dtype=torch.float16):
                restored = model(low)
                loss = criterion(restored, high)
            optimizer.zero_grad()
            loss.backward()  # error: [half-precision-without-scaler]
            optimizer.step()
        with torch.no_grad():
            print(epoch, psnr(restored.float(), high).item())
    return model


if __name__ == "__main__":
    from images import PatchDataset

    torch.save(train(PatchDataset("DIV2K")).state_dict(), "espcn.pt")
