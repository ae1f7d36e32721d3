"""A trainer with mixed precision."""

import logging
from pathlib import Path

import torch
from torch import nn
from torch.cuda.amp import GradScaler, autocast

logger = logging.getLogger(__name__)


class PatchClassifier(nn.Module):
    def __init__(self, dim=192, heads=3, depth=4, patch=8, classes=100):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, patch, stride=patch)
        self.position = nn.Parameter(torch.zeros(1, (64 // patch) ** 2, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, 4 * dim, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, classes)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, images):
        x = self.embed(images).flatten(2).transpose(1, 2) + self.position
        x = self.norm(self.encoder(x))
        return self.head(x.mean(dim=1))


class Trainer:
    def __init__(self, model, train_loader, val_loader, lr=5e-4, max_norm=1.0, folder="runs"):
        self.model = model.cuda()
        self.train_loader, self.val_loader = train_loader, val_loader
        self.max_norm = max_norm
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr, weight_decay=0.05)
        self.scaler = GradScaler()
        self.folder = Path(folder)

    def train_step(self, images, labels):
        self.optimizer.zero_grad(set_to_none=True)
        with autocast():
            loss = self.criterion(self.model(images), labels)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach(), norm

    @torch.inference_mode()
    def validate(self):
        self.model.eval()
        correct = sum((self.model(x.cuda()).argmax(1) == y.cuda()).sum() for x, y in self.val_loader)
        self.model.train()
        return correct.item() / len(self.val_loader.dataset)

    def fit(self, epochs):
        for epoch in range(epochs):
            for step, (images, labels) in enumerate(self.train_loader):
                loss, norm = self.train_step(images.cuda(non_blocking=True), labels.cuda(non_blocking=True))
                if step % 50 == 0:
                    logger.info("epoch %d step %d loss %.3f norm %.2f", epoch, step, loss, norm)
            logger.info("accuracy %.3f", self.validate())
            torch.save(self.model.state_dict(), self.folder / f"{epoch}.pt")


if __name__ == "__main__":
    from data import build_loaders

    train_loader, val_loader = build_loaders("tiny-imagenet", batch_size=256)
    Trainer(PatchClassifier(), train_loader, val_loader).fit(90)
