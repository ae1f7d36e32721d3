"""Train on a new set of classes."""

import torch
from torch import nn

from network import SmallResNet

EPOCHS = 30
CLASSES = 37


def main(train_loader, val_loader):
    model = SmallResNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)  # error: [unoptimized-parameters]
    model.fc = nn.Linear(model.fc.in_features, CLASSES)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    criterion = nn.CrossEntropyLoss()

    best = 0.0
    for epoch in range(EPOCHS):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        scheduler.step()

        model.eval()
        right = 0
        with torch.no_grad():
            for images, labels in val_loader:
                right += (model(images).argmax(1) == labels).sum().item()
        if right > best:
            best = right
            torch.save(model.state_dict(), "best.pt")
        print(f"{epoch}: {right / len(val_loader.dataset):.3f}")


if __name__ == "__main__":
    from pets import loaders

    main(*loaders())
