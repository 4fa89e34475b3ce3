"""Networks as users write them: one module each, with shortcuts, dense blocks or attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Two convolutions and a shortcut; its one ReLU runs twice, in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x
        return self.relu(y)


class Residuals(nn.Module):
    """A stem, two layers of blocks, and a classifier behind a pool: [batch, 3, 8, 8] to [batch, 5].

    At the end of the stem there is a ReLU that writes into what the convolution gave.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(Residual(6), Residual(6))
        self.down = nn.Conv2d(6, 8, 2, stride=2)
        self.layer2 = nn.Sequential(Residual(8))
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer1(self.relu(self.stem(x)))
        x = self.layer2(self.down(x))
        return self.fc(x.mean((2, 3)))


class Drop(nn.Module):
    """Drops the whole branch of a sample in training; in eval it gives back what it gets."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = torch.rand(len(x), *[1] * (x.dim() - 1)) > 0.3
        return x * keep / 0.7


class Dense(nn.Module):
    """A dense block: each layer reads the outputs of all before it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(channels + 3 * i, 3, 3, padding=1) for i in range(3))
        self.drop = Drop()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, self.drop(functional.elu(layer(x)))], 1)
        return x


class Densely(nn.Module):
    """Dense blocks with transitions, [batch, 3, 8, 8] to [batch, 12, 4, 4]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("block1", Dense(3))
        self.features.add_module("norm", nn.BatchNorm2d(12))
        self.features.add_module("shrink", nn.Conv2d(12, 3, 1))
        self.features.add_module("pool", nn.AvgPool2d(2))
        self.features.add_module("block2", Dense(3))

    def forward(self, x: Tensor, scale: float = 2.0) -> Tensor:
        return functional.relu(scale * self.features(x))


class Attention(nn.Module):
    """Self-attention that asks for the numbers of its input: torch.fx cannot look into it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.all = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 10_000:
            raise ValueError("too large a batch")
        q, k, v = self.all(x).chunk(3, dim=-1)
        return self.out(functional.scaled_dot_product_attention(q, k, v))


class Encoder(nn.Module):
    """A block of a vision transformer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width)
        self.norm2, self.drop = nn.LayerNorm(width), Drop()
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.attention(self.norm1(x)))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Patches, a class token, blocks: [batch, 3, 8, 8] to [batch, 6]."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 6, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, 6))
        self.places = nn.Parameter(0.02 * torch.randn(1, 5, 6))
        self.blocks = nn.ModuleList(Encoder(6) for _ in range(3))
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)  # [batch, places, channels]
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 0]


SHAPE = (3, 8, 8)
NETWORKS = {"residual": Residuals, "dense": Densely, "attention": Transformer}
CUTS = {
    "residual": ("stem", "relu", "layer1.0", "layer1", "down", "layer2"),
    "dense": ("features.block1", "features.norm", "features.shrink", "features.pool", "features"),
    "attention": ("blocks.0", "blocks.1", "blocks.2", "norm"),
}
"""Where each network can be cut, in running order."""
