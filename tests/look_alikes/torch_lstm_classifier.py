"""Sentiment classification with a bidirectional LSTM over packed sequences, with clipping in a helper."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence


class SentimentLSTM(nn.Module):
    def __init__(self, vocab_size=20000, embedding_dim=128, hidden_dim=256, num_layers=2, num_classes=2, dropout=0.5):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(
            embedding_dim, hidden_dim, num_layers=num_layers, batch_first=True, bidirectional=True, dropout=dropout
        )
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2 * hidden_dim, num_classes)

    def forward(self, text, lengths):
        embedded = self.dropout(self.embedding(text))
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.lstm(packed)
        hidden = torch.cat((hidden[-2], hidden[-1]), dim=1)
        return self.fc(self.dropout(hidden))


def optimize(loss, model, optimizer, max_norm=1.0):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()


def run_epoch(model, loader, criterion, optimizer):
    model.train()
    total = 0.0
    for text, lengths, labels in loader:
        loss = criterion(model(text, lengths), labels)
        optimize(loss, model, optimizer)
        total += loss.item()
    return total / len(loader)


def main(loader):
    model = SentimentLSTM()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(10):
        print(epoch, run_epoch(model, loader, criterion, optimizer))
