import argparse

import torch
from torch.utils.data import DataLoader

from model import AutoEncoder


def parse():
    parser = argparse.ArgumentParser(description="train the autoencoder")
    parser.add_argument("--data", default="expression.pt")
    parser.add_argument("--code", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    return parser.parse_args()


def run_epoch(model, loader, optimizer=None):
    total = 0.0
    for batch in loader:
        reconstruction = model(batch)
        loss = torch.nn.functional.mse_loss(reconstruction, batch)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * len(batch)
    return total / len(loader.dataset)


def main():
    args = parse()
    data = torch.load(args.data)
    train, test = torch.utils.data.random_split(data, [0.9, 0.1])
    train_loader = DataLoader(train, batch_size=128, shuffle=True)
    test_loader = DataLoader(test, batch_size=512)
    model = AutoEncoder(code=args.code)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        model.train()
        train_loss = run_epoch(model, train_loader, optimizer)
        model.eval()
        with torch.no_grad():
            test_loss = run_epoch(model, test_loader)
        print(epoch, train_loss, test_loss)


if __name__ == "__main__":
    main()
