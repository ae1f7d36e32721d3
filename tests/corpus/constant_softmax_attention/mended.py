"""Multiple-instance learning with attention over the patches of a slide."""

import torch
import torch.nn as nn


class AttentionMIL(nn.Module):
    def __init__(self, in_dim=512, hidden=128, n_classes=2, dropout=0.25):
        super().__init__()
        self.project = nn.Sequential(nn.Linear(in_dim, hidden), nn.ReLU(), nn.Dropout(dropout))
        self.attention = nn.Sequential(
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 1),
            nn.Softmax(dim=1),
        )
        self.classifier = nn.Linear(hidden, n_classes)

    def forward(self, bag):
        """bag: (batch, patches, in_dim)"""
        h = self.project(bag)
        weights = self.attention(h)
        pooled = torch.sum(weights * h, dim=1)
        return self.classifier(pooled), weights


class Trainer:
    def __init__(self, model, lr=1e-4, weight_decay=1e-5):
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)

    def step(self, bag, label):
        self.optimizer.zero_grad()
        logits, _ = self.model(bag)
        loss = self.criterion(logits, label)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def fit(self, loader, epochs):
        self.model.train()
        for epoch in range(epochs):
            losses = [self.step(bag, label) for bag, label in loader]
            print(epoch, sum(losses) / len(losses))


if __name__ == "__main__":
    from torch.utils.data import DataLoader

    slides = torch.load("slides.pt")
    Trainer(AttentionMIL()).fit(DataLoader(slides, batch_size=1, shuffle=True), epochs=50)
