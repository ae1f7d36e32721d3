"""Sequence to sequence with two LSTMs."""

import random

import torch
from torch import nn, optim


class Encoder(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, layers, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.LSTM(embedding, hidden, layers, dropout=dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, source):
        _, (hidden, cell) = self.rnn(self.dropout(self.embedding(source)))
        return hidden, cell


class Decoder(nn.Module):
    def __init__(self, vocabulary, embedding, hidden, layers, dropout):
        super().__init__()
        self.vocabulary = vocabulary
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.LSTM(embedding, hidden, layers, dropout=dropout)
        self.out = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def forward(self, token, hidden, cell):
        embedded = self.dropout(self.embedding(token.unsqueeze(0)))
        output, (hidden, cell) = self.rnn(embedded, (hidden, cell))
        return self.out(output.squeeze(0)), hidden, cell


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, source, target, teacher_forcing=0.5):
        hidden, cell = self.encoder(source)
        outputs = []
        token = target[0]
        for t in range(1, 20):
            output, hidden, cell = self.decoder(token, hidden, cell)
            outputs.append(output)
            token = target[t] if random.random() < teacher_forcing else output.argmax(1)
        return torch.stack(outputs)


def train(model, iterator, optimizer, criterion, clip):
    model.train()
    epoch_loss = 0
    for source, target in iterator:
        optimizer.zero_grad()
        output = model(source, target)
        loss = criterion(output.view(-1, output.shape[-1]), target[1:20].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        epoch_loss += loss.item()
    return epoch_loss / len(iterator)


def main(iterator, source_size=7853, target_size=5893, clip=1.0):
    model = Seq2Seq(Encoder(source_size, 256, 512, 2, 0.5), Decoder(target_size, 256, 512, 2, 0.5))
    optimizer = optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss(ignore_index=1)
    for epoch in range(10):
        print(epoch, train(model, iterator, optimizer, criterion, clip))


if __name__ == "__main__":
    from multi30k import batches

    main(batches("train"))
