"""Shakespeare, character by character."""

import torch
from torch import nn

text = open("shakespeare.txt").read()
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])

SEQ, BATCH, HIDDEN = 100, 32, 256


class CharRNN(nn.Module):
    def __init__(self, vocab=65, hidden=HIDDEN, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, hidden)
        self.gru = nn.GRU(hidden, hidden, layers, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, x, h=None):
        y, h = self.gru(self.embed(x), h)
        return self.out(y), h


def stream(data):
    usable = (len(data) - 1) // (SEQ * BATCH) * SEQ * BATCH
    x = data[:usable].view(BATCH, -1)
    y = data[1 : usable + 1].view(BATCH, -1)
    for i in range(0, x.size(1), SEQ):
        yield x[:, i : i + SEQ], y[:, i : i + SEQ]


model = CharRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(20):
    hidden = None
    for step, (x, y) in enumerate(stream(data)):
        if hidden is not None:
            hidden = hidden.detach()
        optimizer.zero_grad()
        logits, hidden = model(x, hidden)
        loss = criterion(logits.reshape(-1, logits.size(-1)), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % 100 == 0:
            print(epoch, step, loss.item())
