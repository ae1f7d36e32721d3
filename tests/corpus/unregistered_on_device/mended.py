"""Low-rank bilinear pooling of question and image features."""

import torch
import torch.nn as nn

device = "cuda" if torch.cuda.is_available() else "cpu"


class BilinearPooling(nn.Module):
    def __init__(self, question=1024, image=2048, rank=256, answers=3000):
        super().__init__()
        self.question = nn.Linear(question, rank)
        self.image = nn.Linear(image, rank)
        self.mix = nn.Parameter(torch.randn(rank, rank) / rank**0.5)
        self.norm = nn.LayerNorm(rank)
        self.answer = nn.Linear(rank, answers)

    def forward(self, q, v):
        joint = torch.tanh(self.question(q)) * torch.tanh(self.image(v))
        joint = self.norm(joint @ self.mix)
        return self.answer(joint)


class VQATrainer:
    def __init__(self, loader, epochs=15, lr=1e-3):
        self.loader = loader
        self.epochs = epochs
        self.model = BilinearPooling().to(device)
        self.criterion = nn.BCEWithLogitsLoss(reduction="sum")
        self.optimizer = torch.optim.Adamax(self.model.parameters(), lr=lr)

    def run(self):
        for epoch in range(self.epochs):
            self.model.train()
            score = 0.0
            for q, v, target in self.loader:
                q, v, target = q.to(device), v.to(device), target.to(device)
                logits = self.model(q, v)
                loss = self.criterion(logits, target) / len(q)
                self.optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 0.25)
                self.optimizer.step()
                score += self.soft_accuracy(logits, target)
            print(f"epoch {epoch} score {score / len(self.loader.dataset):.3f}")

    @staticmethod
    @torch.no_grad()
    def soft_accuracy(logits, target):
        return target.gather(1, logits.argmax(1, keepdim=True)).sum().item()


if __name__ == "__main__":
    from vqa_data import make_loader

    VQATrainer(make_loader("train")).run()
