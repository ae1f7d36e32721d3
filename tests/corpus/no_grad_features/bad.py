"""Fine-tuning a speech encoder for keyword spotting."""

import torch
from torch import nn

SETTINGS = dict(mels=40, width=128, keywords=12, lr=5e-4, epochs=30)


class SpeechEncoder(nn.Module):
    def __init__(self, mels, width):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(mels, width, 5, padding=2),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=2),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.conv(x).mean(dim=2)


class Classifier(nn.Module):
    def __init__(self, width, keywords):
        super().__init__()
        self.out = nn.Linear(width, keywords)

    def forward(self, features):
        return self.out(features)


def accuracy(encoder, classifier, loader):
    right = count = 0
    with torch.no_grad():
        for x, y in loader:
            right += (classifier(encoder(x)).argmax(1) == y).sum().item()
            count += len(y)
    return right / count


def main(train_loader, val_loader):
    encoder = SpeechEncoder(SETTINGS["mels"], SETTINGS["width"])
    classifier = Classifier(SETTINGS["width"], SETTINGS["keywords"])
    parameters = list(encoder.parameters()) + list(classifier.parameters())
    optimizer = torch.optim.Adam(parameters, lr=SETTINGS["lr"])
    criterion = nn.CrossEntropyLoss()

    for epoch in range(SETTINGS["epochs"]):
        encoder.train()
        classifier.train()
        for x, y in train_loader:
            with torch.no_grad():  # error: [no-grad-training]
                features = encoder(x)
            logits = classifier(features)
            loss = criterion(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        encoder.eval()
        classifier.eval()
        print(epoch, accuracy(encoder, classifier, val_loader))


if __name__ == "__main__":
    from data import loaders

    main(*loaders("speech_commands"))
