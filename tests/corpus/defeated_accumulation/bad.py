"""Fine-tuning a text encoder with little memory: gradients are accumulated."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader


class TextClassifier(nn.Module):
    def __init__(self, vocabulary, dim=256, heads=4, layers=3, classes=4, length=256):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, dim, padding_idx=0)
        self.positions = nn.Embedding(length, dim)
        block = nn.TransformerEncoderLayer(dim, heads, 2 * dim, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, classes)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(self, ids):
        steps = torch.arange(ids.size(1), device=ids.device)
        x = self.tokens(ids) + self.positions(steps)
        x = self.encoder(x, src_key_padding_mask=ids == 0)
        return self.out(self.norm(x)[:, 0])


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocabulary", type=int, default=30000)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--accumulate", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--epochs", type=int, default=3)
    return parser.parse_args()


def main():
    args = parse_args()
    from agnews import AGNews

    loader = DataLoader(AGNews("train"), batch_size=args.batch_size, shuffle=True)
    model = TextClassifier(args.vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for epoch in range(args.epochs):
        for step, (ids, labels) in enumerate(loader):
            optimizer.zero_grad()  # error: [defeated-gradient-accumulation]
            loss = criterion(model(ids), labels)
            loss = loss / args.accumulate
            loss.backward()
            if (step + 1) % args.accumulate == 0:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
        print(epoch, loss.item() * args.accumulate)


if __name__ == "__main__":
    main()
