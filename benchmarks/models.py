"""Models of three sizes to train for a benchmark of the tracer; a GPU is busy with the large ones alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

CLASSES = 10


@dataclass(frozen=True)
class Training:
    """A model with its optimizer and one batch."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    x: Tensor
    y: Tensor

    def step(self) -> None:
        """One step, as a training script would write it."""
        self.optimizer.zero_grad()
        cross_entropy(self.model(self.x), self.y).backward()
        self.optimizer.step()


class Transformer(nn.Module):  # type: ignore[misc,unused-ignore]
    """Token ids to the logits of the whole sequence's class."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, width)
        kinds = {"dropout": 0.1, "batch_first": True, "norm_first": True}
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 4 * width, **kinds)
            for _ in range(layers)  # type: ignore[arg-type,unused-ignore]
        )
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Any:
        h = self.embed(x)
        for layer in self.layers:
            h = layer(h)
        return self.head(h.mean(1))


def mlp(width: int, batch: int) -> tuple[nn.Module, Tensor]:
    hidden = [nn.Linear(64, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, CLASSES)), torch.randn(batch, 64)


def cnn(channels: int, batch: int) -> tuple[nn.Module, Tensor]:
    def block(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]

    first, second = block(3, channels), block(channels, 2 * channels)
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * channels, CLASSES)]
    return nn.Sequential(*first, nn.MaxPool2d(2), *second, *tail), torch.randn(batch, 3, 32, 32)


def transformer(width: int, batch: int, length: int, layers: int) -> tuple[nn.Module, Tensor]:
    return Transformer(width, layers), torch.randint(0, 100, (batch, length))


MODELS: dict[tuple[str, str], Callable[[], tuple[nn.Module, Tensor]]] = {
    ("MLP", "tiny"): lambda: mlp(128, 64),
    ("MLP", "medium"): lambda: mlp(1024, 256),
    ("MLP", "large"): lambda: mlp(8192, 8192),
    ("CNN", "tiny"): lambda: cnn(16, 8),
    ("CNN", "medium"): lambda: cnn(48, 32),
    ("CNN", "large"): lambda: cnn(256, 256),
    ("transformer", "tiny"): lambda: transformer(64, 4, 32, 2),
    ("transformer", "medium"): lambda: transformer(256, 8, 128, 4),
    ("transformer", "large"): lambda: transformer(1024, 32, 512, 8),
}


def training(kind: str, size: str, device: torch.device, dtype: torch.dtype) -> Training:
    """A fresh model with AdamW, and a batch for it; the same at every call."""
    torch.manual_seed(0)
    model, x = MODELS[kind, size]()
    y = torch.randint(0, CLASSES, (len(x),)).to(device)
    x = x.to(device, dtype) if x.is_floating_point() else x.to(device)
    model = model.to(device, dtype)
    return Training(model, torch.optim.AdamW(model.parameters(), 1e-3), x, y)
