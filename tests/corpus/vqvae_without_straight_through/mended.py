"""VQ-VAE with a straight-through estimator, on CIFAR-10."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class VectorQuantizer(nn.Module):
    def __init__(self, num_embeddings, embedding_dim, commitment_cost):
        super().__init__()
        self.embedding_dim = embedding_dim
        self.num_embeddings = num_embeddings
        self.embedding = nn.Embedding(num_embeddings, embedding_dim)
        self.embedding.weight.data.uniform_(-1 / num_embeddings, 1 / num_embeddings)
        self.commitment_cost = commitment_cost

    def forward(self, inputs):
        inputs = inputs.permute(0, 2, 3, 1).contiguous()
        input_shape = inputs.shape
        flat_input = inputs.view(-1, self.embedding_dim)
        distances = (
            torch.sum(flat_input**2, dim=1, keepdim=True)
            + torch.sum(self.embedding.weight**2, dim=1)
            - 2 * torch.matmul(flat_input, self.embedding.weight.t())
        )
        encoding_indices = torch.argmin(distances, dim=1)
        quantized = self.embedding(encoding_indices).view(input_shape)
        e_latent_loss = F.mse_loss(quantized.detach(), inputs)
        q_latent_loss = F.mse_loss(quantized, inputs.detach())
        loss = q_latent_loss + self.commitment_cost * e_latent_loss
        quantized = inputs + (quantized - inputs).detach()
        used = torch.unique(encoding_indices).numel() / self.num_embeddings
        return loss, quantized.permute(0, 3, 1, 2).contiguous(), used


class Residual(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(True),
            nn.Conv2d(channels, hidden, 3, padding=1, bias=False),
            nn.ReLU(True),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )

    def forward(self, x):
        return x + self.block(x)


class Model(nn.Module):
    def __init__(self, hiddens=128, residual_hiddens=32, embeddings=512, dim=64, commitment_cost=0.25):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, hiddens // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hiddens // 2, hiddens, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hiddens, hiddens, 3, padding=1),
            Residual(hiddens, residual_hiddens),
            Residual(hiddens, residual_hiddens),
            nn.ReLU(),
            nn.Conv2d(hiddens, dim, 1),
        )
        self.vq = VectorQuantizer(embeddings, dim, commitment_cost)
        self.decoder = nn.Sequential(
            nn.Conv2d(dim, hiddens, 3, padding=1),
            Residual(hiddens, residual_hiddens),
            Residual(hiddens, residual_hiddens),
            nn.ReLU(),
            nn.ConvTranspose2d(hiddens, hiddens // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(hiddens // 2, 3, 4, stride=2, padding=1),
        )

    def forward(self, x):
        z = self.encoder(x)
        loss, quantized, usage = self.vq(z)
        return loss, self.decoder(quantized), usage


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))])
training_data = datasets.CIFAR10(root="data", train=True, download=True, transform=transform)
training_loader = DataLoader(training_data, batch_size=256, shuffle=True, pin_memory=True)
data_variance = 0.0632
model = Model().to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, amsgrad=False)
model.train()
train_res_recon_error, train_res_usage = [], []
for i in range(15000):
    data, _ = next(iter(training_loader))
    data = data.to(device)
    optimizer.zero_grad()
    vq_loss, data_recon, usage = model(data)
    recon_error = F.mse_loss(data_recon, data) / data_variance
    loss = recon_error + vq_loss
    loss.backward()
    optimizer.step()
    train_res_recon_error.append(recon_error.item())
    train_res_usage.append(usage)
