"""Land cover from satellite patches, with a focal loss against class imbalance."""

import torch
from torch import nn
from torch.utils.data import DataLoader


class FocalLoss(nn.Module):
    def __init__(self, gamma=2.0, alpha=None):
        super().__init__()
        self.gamma = gamma
        self.register_buffer("alpha", alpha)

    def forward(self, logits, target):
        probability = torch.softmax(logits, dim=1)
        log_p = torch.log(probability)  # error: [log-of-softmax]
        picked = target.unsqueeze(1)
        p_t = probability.gather(1, picked).squeeze(1)
        log_p_t = log_p.gather(1, picked).squeeze(1)
        loss = -((1 - p_t) ** self.gamma) * log_p_t
        if self.alpha is not None:
            loss = loss * self.alpha[target]
        return loss.mean()


def conv_block(inputs, outputs, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PatchNet(nn.Module):
    def __init__(self, bands=13, classes=10):
        super().__init__()
        self.features = nn.Sequential(
            conv_block(bands, 32), conv_block(32, 64, stride=2), conv_block(64, 128, stride=2)
        )
        self.head = nn.Linear(128, classes)

    def forward(self, x):
        return self.head(self.features(x).mean(dim=(2, 3)))


def fit(train_set, weights, epochs=30):
    model = PatchNet()
    criterion = FocalLoss(gamma=2.0, alpha=weights)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    loader = DataLoader(train_set, batch_size=128, shuffle=True)
    for epoch in range(epochs):
        for patches, labels in loader:
            loss = criterion(model(patches), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())
    return model


if __name__ == "__main__":
    from eurosat import EuroSAT

    dataset = EuroSAT("train")
    fit(dataset, dataset.class_weights())
