# Weights that PyTorch makes for networks by the names of torchvision and timm, and whether an encoder that we exported after reading them
# has the networks' features.
#   weights.py make resnet18|vit weights.safetensors
#   weights.py check resnet18|vit encoder-torch.safetensors
import json, math, struct, sys
import numpy, torch, torchvision
from torch import nn

torch.set_num_threads(1)
what, kind, path = sys.argv[1:]


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)).softmax(-1) @ v
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(d, 1e-6), Attention(d, heads), nn.LayerNorm(d, 1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(d, 4 * d), "fc2": nn.Linear(4 * d, d)})

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp["fc2"](nn.functional.gelu(self.mlp["fc1"](self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, size=32, patch=8, d=24, depth=2, heads=3):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, d))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + (size // patch) ** 2, d))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, d, patch, patch)})
        self.blocks = nn.Sequential(*(Block(d, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(d, 1e-6), nn.Linear(d, 5)

    def forward(self, x):
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        return self.norm(self.blocks(x))[:, 0]


def network():
    torch.manual_seed(3)
    if kind == "vit":
        net = ViT()
    else:
        net = getattr(torchvision.models, kind)(weights=None)
    for name, p in list(net.named_parameters()) + list(net.named_buffers()):
        if p.dim() == 1:  # norms, biases and running statistics, which are 0 and 1 at first
            p.data.copy_(torch.rand(p.shape) + 0.5)
    return net.eval()


def make():
    head, body = {}, b""
    for name, t in network().state_dict().items():
        b = t.contiguous().numpy().tobytes()
        head[name] = {"dtype": {torch.float32: "F32", torch.int64: "I64"}[t.dtype], "shape": list(t.shape), "data_offsets": [len(body), len(body) + len(b)]}
        body += b
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


def check():
    data = open(path, "rb").read()
    n = int.from_bytes(data[:8], "little")
    head = json.loads(data[8:8 + n])
    config = json.loads(head.pop("__metadata__")["config"])
    read = lambda k: torch.tensor(numpy.frombuffer(data, "<f4", math.prod(head[k]["shape"]), 8 + n + head[k]["data_offsets"][0]).reshape(head[k]["shape"]))
    mean, std = (torch.tensor(config[k]).view(1, -1, 1, 1) for k in ("mean", "std"))
    net, want = network(), read("reference.features")
    if kind != "vit":
        net.fc = nn.Identity()
    with torch.no_grad():
        got = net((read("reference.pixels") - mean) / std)
    worst, largest = (got - want).abs().max().item(), want.abs().max().item()
    print("%s: differs by %.1e, of %.1e" % (kind, worst, largest))
    assert got.shape == want.shape and worst < 1e-4 * largest


{"make": make, "check": check}[what]()
