"""LoRA adapters on the attention of a pretrained GPT-2, by hand."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, GPT2LMHeadModel

from instructions import InstructionDataset


class LoRALinear(nn.Module):
    def __init__(self, base, rank=8, alpha=16, dropout=0.05):
        super().__init__()
        self.base = base
        for p in self.base.parameters():
            p.requires_grad = False
        in_features, out_features = base.weight.shape
        self.lora_A = nn.Parameter(torch.empty(rank, in_features))
        self.lora_B = nn.Parameter(torch.zeros(out_features, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / rank
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.base(x) + F.linear(F.linear(self.dropout(x), self.lora_A), self.lora_B) * self.scaling


class Adapted(nn.Module):
    def __init__(self, width=768, rank=8):
        super().__init__()
        self.embed = nn.Embedding(50257, width)
        self.encode = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.project = LoRALinear(nn.Linear(width, width), rank)
        self.out = nn.Linear(width, 50257, bias=False)

    def forward(self, ids):
        return self.out(F.gelu(self.project(self.encode(self.embed(ids)))))


def mark_only_lora_as_trainable(model):
    for name, p in model.named_parameters():
        p.requires_grad = "lora_" in name


def main(epochs=3, lr=3e-4, device="cuda"):
    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    for block in model.transformer.h:
        block.attn.c_attn = LoRALinear(block.attn.c_attn)
    mark_only_lora_as_trainable(model)
    model.to(device)
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=lr)
    loader = DataLoader(InstructionDataset(tokenizer), batch_size=8, shuffle=True)
    for epoch in range(epochs):
        for batch in loader:
            batch = {k: v.to(device) for k, v in batch.items()}
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        print(epoch, loss.item())


def pretrain_head(batches, device="cuda"):
    model = Adapted()
    model.load_state_dict(torch.load("adapted.pt"), strict=False)
    mark_only_lora_as_trainable(model)
    model = model.to(device)
    optimizer = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
    for ids, targets in batches:
        optimizer.zero_grad()
        logits = model(ids.to(device))
        F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1).to(device)).backward()
        optimizer.step()


if __name__ == "__main__":
    main()
