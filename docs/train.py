import torch
from torch import nn


class Distance(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 3)

    def forward(self, a, b):
        gap = self.embed(a) - self.embed(b)
        squared = gap.pow(2).sum(-1)
        return squared.sqrt()


torch.manual_seed(0)
model = Distance()
optimizer = torch.optim.Adam(model.parameters())
for step in range(10):
    a, b = torch.randn(3, 4), torch.randn(3, 4)
    if step == 3:
        b[2] = a[2]
    optimizer.zero_grad()
    model(a, b).mean().backward()
    optimizer.step()
