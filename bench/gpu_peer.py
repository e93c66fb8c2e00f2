#!/usr/bin/env python3
"""Times training steps of PyTorch on one GPU: what bench/gpu.sh holds `experiment bench --set device=cuda` against.

Each row is a method on a backbone at the sizes of the recipes in bench/. It runs eagerly or under torch.compile, in
float32, float32 with TF32 products, or bfloat16 autocast, channels last, with the fused optimizers and the fused
attention of PyTorch. Inputs are random and already on the device: this is the step, not the data's way to it. Prints one
JSON line.

    python3 gpu_peer.py --row simclr-resnet18 --batch 128 --precision bf16 --compile
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
import torchvision
from torch import nn


class Layer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.first(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d)
        x = x + self.out(a)
        return x + self.down(F.gelu(self.up(self.second(x))))


class Transformer(nn.Module):
    """ViT-Tiny on patches of 4 pixels; tokens() are the patches with their positions."""

    def __init__(self, size, width=192, depth=12, heads=3, patch=4):
        super().__init__()
        n = (size // patch) ** 2
        self.patch, self.width = patch, width
        self.embed = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, n + 1, width) * 0.02)
        self.layers = nn.Sequential(*[Layer(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def tokens(self, x):
        return self.embed(x).flatten(2).transpose(1, 2) + self.place[:, 1:]

    def forward(self, x):
        x = self.tokens(x)
        first = (self.token + self.place[:, :1]).expand(len(x), -1, -1)
        return self.norm(self.layers(torch.cat([first, x], 1)))[:, 0]


class Masked(nn.Module):
    """MAE: a quarter of the tokens is encoded, a small decoder predicts normalised pixels."""

    def __init__(self, encoder, width=128, depth=4, heads=4):
        super().__init__()
        self.encoder, n = encoder, encoder.place.shape[1] - 1
        self.narrow = nn.Linear(encoder.width, width)
        self.mask = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("place", torch.randn(1, n, width) * 0.02)
        self.layers, self.norm = nn.Sequential(*[Layer(width, heads) for _ in range(depth)]), nn.LayerNorm(width)
        self.pixels = nn.Linear(width, 3 * encoder.patch**2)

    def forward(self, x):
        e = self.encoder
        t = e.tokens(x)
        b, n, d = t.shape
        keep = n // 4
        order = torch.rand(b, n, device=x.device).argsort(1)
        back = order.argsort(1)
        seen = t.gather(1, order[:, :keep, None].expand(-1, -1, d))
        h = self.narrow(e.norm(e.layers(seen)))
        h = torch.cat([h, self.mask.to(h.dtype).expand(b, n - keep, -1)], 1)
        h = h.gather(1, back[:, :, None].expand(-1, -1, h.shape[-1])) + self.place
        y = self.pixels(self.norm(self.layers(h))).float()
        p = e.patch
        target = x.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 4, 5, 1).reshape(b, n, -1)
        target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
        hidden = (back >= keep).float()
        return (((y - target) ** 2).mean(-1) * hidden).sum() / hidden.sum()


def resnet(depth, small):
    m = getattr(torchvision.models, f"resnet{depth}")()
    if small:
        m.conv1, m.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    width, m.fc = m.fc.in_features, nn.Identity()
    return m, width


def mlp(width, hidden, out):
    return nn.Sequential(nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True),
                         nn.Linear(hidden, out))


class SimCLR(nn.Module):
    def __init__(self, depth, small):
        super().__init__()
        self.backbone, width = resnet(depth, small)
        self.projector = mlp(width, 512, 128)

    def forward(self, a, b):
        z = F.normalize(self.projector(self.backbone(torch.cat([a, b]))).float(), dim=1)
        n = len(a)
        s = (z @ z.t() / 0.5).masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -1e9)
        return F.cross_entropy(s, torch.arange(2 * n, device=z.device).roll(n))


class Supervised(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.backbone = Transformer(size)
        self.head = nn.Linear(self.backbone.width, 10)

    def forward(self, a, _):
        return F.cross_entropy(self.head(self.backbone(a)).float(), torch.arange(len(a), device=a.device) % 10)


class MAE(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.masked = Masked(Transformer(size))

    def forward(self, a, _):
        return self.masked(a)


ROWS = {  # name -> model and image size
    "simclr-resnet18": lambda: (SimCLR(18, True), 32),
    "simclr-resnet50": lambda: (SimCLR(50, False), 64),
    "supervised-vit": lambda: (Supervised(32), 32),
    "mae-vit": lambda: (MAE(32), 32),
}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--row", required=True, choices=ROWS)
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--precision", default="fp32", choices=["fp32", "tf32", "bf16"])
    p.add_argument("--compile", action="store_true")
    p.add_argument("--seconds", type=float, default=2, help="to measure for, after the warm-up")
    a = p.parse_args()
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.precision != "fp32"
    torch.backends.cudnn.benchmark = True
    model, size = ROWS[a.row]()
    model = model.cuda().to(memory_format=torch.channels_last)
    params = list(model.parameters())
    if "vit" in a.row:
        optimizer = torch.optim.AdamW(params, lr=1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(params, lr=1e-3, momentum=0.9, weight_decay=1e-4, fused=True)
    views = [torch.randn(a.batch, 3, size, size, device="cuda").to(memory_format=torch.channels_last) for _ in range(2)]
    loss_of = torch.compile(model) if a.compile else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16, enabled=a.precision == "bf16"):
            loss = loss_of(*views)
        loss.backward()
        optimizer.step()
        return loss

    begin = time.perf_counter()
    for _ in range(5):
        step()
    torch.cuda.synchronize()
    warm, times, end = time.perf_counter() - begin, [], time.perf_counter() + a.seconds
    while len(times) < 10 or time.perf_counter() < end and len(times) < 500:
        t = time.perf_counter()
        loss = step()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - t)
    print(json.dumps(dict(peer="torch " + torch.__version__, row=a.row, batch=a.batch, precision=a.precision,
                          compiled=a.compile, ms_median=round(statistics.median(times) * 1e3, 3), steps=len(times),
                          warm_up_s=round(warm, 1), loss=round(float(loss), 4),
                          memory_mb=torch.cuda.max_memory_allocated() >> 20)))


if __name__ == "__main__":
    main()
