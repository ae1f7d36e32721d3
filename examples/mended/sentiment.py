"""Sentiment of film reviews with a recurrent network, clipped, and a loss that takes logits (PyTorch)."""

import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, vocabulary=20_000, width=128):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        self.rnn = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, tokens):
        states, _ = self.rnn(self.embedding(tokens))
        return self.head(states[:, -1]).squeeze(1)


def train(loader, epochs=5):
    model = Classifier()
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(epochs):
        for tokens, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(tokens), labels.float())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    return model


if __name__ == "__main__":
    reviews = torch.load("reviews.pt")
    train(torch.utils.data.DataLoader(reviews, batch_size=32, shuffle=True))
