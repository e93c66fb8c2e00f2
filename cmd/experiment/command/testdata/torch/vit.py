# Loads an exported ViT, by timm's names and in the order of timm's VisionTransformer, or an exported MLP, and compares its features of the
# reference. timm itself is not in Debian.
import json, math, sys
import numpy, torch
from torch.nn import functional as F

data = open(sys.argv[1], "rb").read()
n = int.from_bytes(data[:8], "little")
head = json.loads(data[8:8 + n])
meta = head.pop("__metadata__")
assert meta["format"] == "pt", meta
config = json.loads(meta["config"])
t = {k: torch.tensor(numpy.frombuffer(data, "<f4", math.prod(v["shape"]), 8 + n + v["data_offsets"][0]).reshape(v["shape"])) for k, v in head.items()}
s = config["settings"]
pixels, want = t.pop("reference.pixels"), t.pop("reference.features")
mean, std = (torch.tensor(config[k]).view(1, -1, 1, 1) for k in ("mean", "std"))
x = (pixels - mean) / std
layers = {l["name"]: l for l in config["layers"] if "name" in l}


def norm(x, name):
    w = t[name + ".weight"]
    return F.layer_norm(x, w.shape, w, t[name + ".bias"], layers[name]["eps"])


def linear(x, name):
    return F.linear(x, t[name + ".weight"], t[name + ".bias"])


def vit(x):
    w = t["patch_embed.proj.weight"]
    heads = s["heads"] or {"tiny": 3, "small": 6, "base": 12}[s["size"]]
    x = F.conv2d(x, w, t["patch_embed.proj.bias"], stride=w.shape[2:]).flatten(2).transpose(1, 2)
    if "cls_token" in t:
        x = torch.cat([t["cls_token"].expand(len(x), -1, -1), x], 1)
    x = x + t["pos_embed"]
    depth = 1 + max(int(k.split(".")[1]) for k in t if k.startswith("blocks."))
    for b in ("blocks.%d." % i for i in range(depth)):
        q, k, v = linear(norm(x, b + "norm1"), b + "attn.qkv").reshape(len(x), x.shape[1], 3, heads, -1).permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        x = x + linear(y.transpose(1, 2).flatten(2), b + "attn.proj") * t.get(b + "ls1.gamma", 1)
        x = x + linear(F.gelu(linear(norm(x, b + "norm2"), b + "mlp.fc1")), b + "mlp.fc2") * t.get(b + "ls2.gamma", 1)
    x = norm(x, "norm")
    return x[:, 0] if "cls_token" in t else x.mean(1)


def mlp(x):
    x = x.flatten(1)
    for i in range(len(s["widths"])):
        b = "%d.norm" % i
        x = F.linear(x, t["%d.linear.weight" % i])
        x = F.batch_norm(x, t[b + ".running_mean"], t[b + ".running_var"], t[b + ".weight"], t[b + ".bias"], eps=layers[b]["eps"]).relu()
    return x


def check(got, what):
    worst, largest = (got - want).abs().max().item(), want.abs().max().item()
    print("%s: differs by %.1e, of %.1e" % (what, worst, largest))
    assert got.shape == want.shape and worst < 1e-4 * largest


check(globals()[config["backbone"]](x), config["backbone"])
