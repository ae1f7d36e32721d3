"""Word-level language model."""

import math

import torch
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, tokens, width=200, layers=2, dropout=0.2):
        super().__init__()
        self.encoder = nn.Embedding(tokens, width)
        self.drop = nn.Dropout(dropout)
        self.rnn = nn.LSTM(width, width, layers, dropout=dropout, batch_first=True)
        self.decoder = nn.Linear(width, tokens)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens, hidden):
        embedded = self.drop(self.encoder(tokens))
        output, hidden = self.rnn(embedded, hidden)
        return self.decoder(self.drop(output)), hidden

    def init_hidden(self, batch):
        weight = next(self.parameters())
        return (weight.new_zeros(2, batch, 200), weight.new_zeros(2, batch, 200))


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def batches(data, bptt=35):
    for i in range(0, data.size(1) - 1, bptt):
        length = min(bptt, data.size(1) - 1 - i)
        yield data[:, i : i + length], data[:, i + 1 : i + 1 + length]


def train(model, data, epochs=40, lr=1e-3, clip=0.25):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        hidden = model.init_hidden(data.size(0))
        total, count = 0.0, 0
        for tokens, targets in batches(data):
            hidden = repackage_hidden(hidden)
            optimizer.zero_grad()
            output, hidden = model(tokens, hidden)
            loss = criterion(output.flatten(0, 1), targets.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            total, count = total + loss.item(), count + 1
        print(f"epoch {epoch} perplexity {math.exp(total / count):.1f}")


if __name__ == "__main__":
    corpus = torch.load("corpus.pt")
    train(LanguageModel(tokens=33278), corpus)
