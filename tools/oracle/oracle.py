#!/usr/bin/env python3
"""Computes the first steps of every shipped recipe, and of a few others, made small, in float64, from the equations of the papers.

    go test ./experiment -run TestOracleInputs -oracle-inputs DIR
    python3 tools/oracle/oracle.py DIR

The recipes are read here, by rules of their own; what a recipe does not say is written below with its source. From the program under test
come only the numbers that a run starts with and what it is fed: parameters, views, labels, hidden patches. The results go to testdata/oracle.
It wants Python 3.11, PyTorch (1.13 was used) and nothing else.
"""
import gzip
import json
import math
import pathlib
import sys
import tomllib

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


# Recipes ------------------------------------------------------------------------------------------------------------------------------

CHOICES = {"method", "backbone", "optimizer", "dataset", "subset"}  # a table below one of these chooses it, in place of the base's


def merge(base, top, path=()):
    """Puts the keys of top over those of base."""
    for key, value in top.items():
        if isinstance(value, dict):
            if len(path) == 0 and key in CHOICES:
                for other in [k for k in base.get(key, {}) if k not in value]:
                    del base[key][other]
            merge(base.setdefault(key, {}), value, path + (key,))
        else:
            base[key] = value


def recipe(name, sets):
    """A recipe over its base, with sets, as nested dictionaries."""
    text = tomllib.loads((ROOT / "recipes" / name).read_text())
    whole = recipe(text["base"], []) if "base" in text else {}
    merge(whole, text)
    for s in sets:
        merge(whole, tomllib.loads(s))
    return whole


def only(table):
    """The one choice of a table: its name and its settings."""
    (name, settings), = table.items()
    return name, settings


# Layers, by PyTorch's functions; weights are kept in the project's layouts ------------------------------------------------------------


def floats(data):
    return torch.tensor(data, dtype=torch.float64)


class Net:
    """The parameters and statistics of a scope."""

    def __init__(self, store, scope=""):
        self.store, self.scope = store, scope

    def at(self, name):
        return Net(self.store, self.scope + name + "/")

    def __call__(self, name):
        return self.store[self.scope + name]

    def has(self, name):
        return self.scope + name in self.store


def batch_norm(net, x):
    """x [N,C] or [N,C,H,W]; momentum 0.1 and epsilon 1e-5 are nn.BatchNorm's. The running statistics are the project's rows mean, variance."""
    running = net("running")
    gamma, beta = (net("weight"), net("bias")) if net.has("weight") else (None, None)
    mean, variance = running[0].clone(), running[1].clone()
    y = F.batch_norm(x, mean, variance, gamma, beta, training=True, momentum=0.1, eps=1e-5)
    running[0], running[1] = mean, variance
    return y


def linear(net, x):
    return F.linear(x, net("weight").T, net("bias") if net.has("bias") else None)


def convnet(net, x, settings):
    """3x3 convolutions at stride 2 with batch norm and ReLU, then the mean over the image; x [B,C,H,W]."""
    for i in range(len(settings["widths"])):
        x = F.conv2d(x, net.at(f"{i}/conv")("weight").permute(3, 2, 0, 1), stride=2, padding=1)
        x = F.relu(batch_norm(net.at(f"{i}/norm"), x))
    return x.mean((2, 3))


def head(net, x, widths):
    """The projection of SimCLR, BYOL and VICReg: linear, batch norm, ReLU; the last layer is linear with bias."""
    for i in range(len(widths) - 1):
        x = F.relu(batch_norm(net.at(f"{i}/norm"), linear(net.at(str(i)), x)))
    return linear(net.at(str(len(widths) - 1)), x)


def layer_norm(net, x):
    return F.layer_norm(x, x.shape[-1:], net("weight"), net("bias"), eps=1e-6)


def block(net, x, heads):
    """A pre-norm block of the ViT."""
    b, t, d = x.shape
    q, k, v = linear(net.at("attn/qkv"), layer_norm(net.at("norm1"), x)).reshape(b, t, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) / math.sqrt(d // heads)).softmax(-1)
    x = x + linear(net.at("attn/proj"), (weights @ v).transpose(1, 2).reshape(b, t, d))
    return x + linear(net.at("mlp/fc2"), F.gelu(linear(net.at("mlp/fc1"), layer_norm(net.at("norm2"), x))))


def vit(net, x, settings):
    """Dosovitskiy et al. 2021, eq. 1 to 4: a class token before the patches, learned positions of both; x [B,C,H,W]."""
    assert settings["pool"] == "class" and settings["position"] == "learned"
    b, d = len(x), settings["dim"]
    patches = linear(net.at("patch"), patchify(x, settings["patch"]))
    tokens = torch.cat([net("class").reshape(1, 1, d).expand(b, 1, d), patches], 1) + net("position")
    for i in range(settings["depth"]):
        tokens = block(net.at(f"blocks/{i}"), tokens, settings["heads"])
    return layer_norm(net.at("norm"), tokens)[:, 0]


def patchify(x, size):
    """[B,C,H,W] -> [B,T,size*size*C], patches and their pixels by rows, as in MAE's code."""
    b, c, h, w = x.shape
    return x.reshape(b, c, h // size, size, w // size, size).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, size * size * c)


def sincos(dim, h, w):
    """MAE's fixed positions, appendix A.1: half the channels for the column, half for the row."""
    omega = 1 / 10000 ** (torch.arange(dim // 4) / (dim / 4))

    def encode(pos):
        angles = pos.reshape(-1)[:, None] * omega[None]
        return torch.cat([angles.sin(), angles.cos()], 1)

    rows, columns = torch.meshgrid(torch.arange(h) * 1.0, torch.arange(w) * 1.0, indexing="ij")
    return torch.cat([encode(columns), encode(rows)], 1)


# Methods: (the run, views, what is given for the step) -> terms, weights, metrics, features -------------------------------------------


def spread(z):
    """Chen and He 2021, section 4.1: the standard deviation of unit rows over the batch, times the root of their width."""
    u = F.normalize(z.detach(), dim=1)
    return float((u.var(0, unbiased=False).sqrt()).mean() * math.sqrt(z.shape[1]))


def simclr(run, x, given):
    """Chen et al. 2020, eq. 1 and Alg. 1, both views in one batch."""
    s = run.recipe["method"]["simclr"]
    h = run.encode(run.net, torch.cat(x))
    z = head(run.net.at("projector"), h, s["projector"])
    n = len(x[0])
    u = z / z.norm(dim=1, keepdim=True)
    similar = u @ u.T / s["temperature"]
    loss = 0
    for i in range(2 * n):
        others = torch.tensor([k for k in range(2 * n) if k != i])
        loss = loss + torch.logsumexp(similar[i, others], 0) - similar[i, (i + n) % (2 * n)]
    return {"ntxent": loss / (2 * n)}, {}, {"spread": spread(z)}, h[:n]


def vicreg(run, x, given):
    """Bardes et al. 2022, Alg. 1, with the halved hinge of the authors' code; the weights are the paper's."""
    s = run.recipe["method"]["vicreg"]
    h = [run.encode(run.net, v) for v in x]
    z = [head(run.net.at("projector"), v, s["projector"]) for v in h]
    n, d = z[0].shape
    hinge = sum(F.relu(1 - torch.sqrt(v.var(0) + 1e-4)).mean() for v in z) / 2
    covariance = 0
    for v in z:
        c = torch.cov(v.T)
        covariance = covariance + (c ** 2).sum() / d - (c.diagonal() ** 2).sum() / d
    terms = {"invariance": F.mse_loss(z[0], z[1]), "variance": hinge, "covariance": covariance}
    weights = {"invariance": s.get("invariance", 25), "variance": s.get("variance", 25), "covariance": s.get("covariance", 1)}
    return terms, weights, {"spread": spread(z[0])}, h[0]


def byol(run, x, given):
    """Grill et al. 2020, eq. 2 and section 3.2: each view predicts the teacher's projection of the other."""
    s = run.recipe["method"]["byol"]
    h = [run.encode(run.net, v) for v in x]
    p = [head(run.net.at("predictor"), head(run.net.at("projector"), v, s["projector"]), s["predictor"] + s["projector"][-1:]) for v in h]
    teacher = run.net.at("teacher")
    with torch.no_grad():
        z = [head(teacher.at("projector"), run.encode(teacher, v), s["projector"]) for v in x]
    loss = sum((2 - 2 * F.cosine_similarity(a, b, dim=1)).mean() for a, b in ((p[0], z[1]), (p[1], z[0])))
    return {"regression": loss}, {}, {"spread": spread(z[0])}, h[0]


def mae(run, x, given):
    """He et al. 2022, section 3 and appendix A: encode what is visible, paint what is hidden, targets normalised by patch."""
    s, v = run.recipe["method"]["mae"], run.recipe["backbone"]["vit"]
    b, rows, columns = len(x[0]), x[0].shape[2] // v["patch"], x[0].shape[3] // v["patch"]
    patches = patchify(x[0], v["patch"])
    hidden = floats(given["Hidden"]).reshape(b, rows * columns)
    count = int(rows * columns * (1 - s["mask"]))
    visible = [[t for t in range(rows * columns) if hidden[i, t] == 0] for i in range(b)]
    assert all(len(t) == count for t in visible), "the paper keeps the same number of patches of every image"
    visible = torch.tensor(visible)

    net, dec = run.net.at("backbone"), run.net.at("decoder")
    tokens = linear(net.at("patch"), patches) + sincos(v["dim"], rows, columns)
    seen = torch.gather(tokens, 1, visible[:, :, None].expand(-1, -1, v["dim"]))
    for i in range(v["depth"]):
        seen = block(net.at(f"blocks/{i}"), seen, v["heads"])
    latent = layer_norm(net.at("norm"), seen)

    d = s["decoder_dim"]
    full = dec("mask").expand(b, rows * columns, d).scatter(1, visible[:, :, None].expand(-1, -1, d), linear(dec.at("embed"), latent))
    full = full + sincos(d, rows, columns)
    for i in range(s["decoder_depth"]):
        full = block(dec.at(f"blocks/{i}"), full, s["decoder_heads"])
    painted = linear(dec.at("paint"), layer_norm(dec.at("norm"), full))
    target = (patches - patches.mean(-1, keepdim=True)) / (patches.var(-1, keepdim=True) + 1e-6).sqrt()
    loss = (((painted - target) ** 2).mean(-1) * hidden).sum() / hidden.sum()
    features = latent.mean(1)
    return {"reconstruction": loss}, {}, {"spread": spread(features)}, features


def supervised(run, x, given):
    h = run.encode(run.net, x[0])
    logits = linear(run.net.at("classifier"), h)
    labels = torch.tensor(given["Labels"])
    return {"cross_entropy": F.cross_entropy(logits, labels, ignore_index=-1)}, {}, {"accuracy": accuracy(logits, labels)}, h


METHODS = {"simclr": simclr, "vicreg": vicreg, "byol": byol, "mae": mae, "supervised": supervised}
VIEWS = {"simclr": 2, "vicreg": 2, "byol": 2, "mae": 1, "supervised": 1}


def accuracy(logits, labels):
    """Of the images that have a label; the others are -1."""
    return float((logits.argmax(1) == labels)[labels >= 0].double().mean())


# Optimisers ---------------------------------------------------------------------------------------------------------------------------


def decays(name):
    """Biases and norms neither decay nor have a trust ratio, in the code of Barlow Twins and VICReg (LARS), MAE and DINO (AdamW); class token
    and learned positions do. So does MAE's mask token."""
    *scope, kind = name.split("/")
    if kind == "weight":
        return not scope[-1].startswith("norm")
    return {"bias": False, "class": True, "position": True, "mask": True}[kind]


@torch.no_grad()
def sgd(p, g, state, rate, decay, settings, exempt):
    """PyTorch's SGD with momentum 0.9, or Nesterov's (Sutskever et al. 2013)."""
    if not exempt:
        g = g + decay * p
    m, mu = state["momentum"], settings.get("momentum", 0.9)
    m.mul_(mu).add_(g)
    p.sub_(rate * (g + mu * m if settings.get("nesterov", False) else m))


@torch.no_grad()
def lars(p, g, state, rate, decay, settings, exempt):
    """You et al. 2017, in the form of Barlow Twins' code: momentum 0.9, and the ratio eta |p| / |g + decay p|."""
    if not exempt:
        g = g + decay * p
        if p.norm() > 0 and g.norm() > 0:
            g = g * (settings.get("eta", 0.001) * p.norm() / g.norm())
    m = state["momentum"]
    m.mul_(settings.get("momentum", 0.9)).add_(g)
    p.sub_(rate * m)


@torch.no_grad()
def adamw(p, g, state, rate, decay, settings, exempt, step):
    """Loshchilov and Hutter 2019, Alg. 2, with PyTorch's constants. step counts from 1."""
    b1, b2, eps = settings.get("beta1", 0.9), settings.get("beta2", 0.999), settings.get("eps", 1e-8)
    if not exempt:
        p.mul_(1 - rate * decay)
    m, v = state["mean"], state["square"]
    m.mul_(b1).add_((1 - b1) * g)
    v.mul_(b2).add_((1 - b2) * g * g)
    p.sub_(rate * (m / (1 - b1 ** step)) / ((v / (1 - b2 ** step)).sqrt() + eps))


# A run --------------------------------------------------------------------------------------------------------------------------------


class Run:
    """A training: its recipe, and everything that outlives a step, by the project's names."""

    def __init__(self, given):
        self.given, self.recipe = given, recipe(given["Recipe"], given["Sets"])
        self.store, self.kinds = {}, {}
        for name, e in given["Store"].items():
            self.store[name] = floats(e["Data"]).reshape(e["Shape"])
            self.kinds[name] = e["Kind"]
        self.net = Net(self.store)
        for name, v in self.store.items():
            if name.endswith("position") and self.recipe["backbone"]["vit"]["position"] == "sincos":
                rows, columns = (n // self.recipe["backbone"]["vit"]["patch"] for n in given["View"][1:3])
                assert torch.allclose(v, sincos(v.shape[1], rows, columns), atol=1e-6), name
            if name.startswith("teacher/"):
                assert torch.equal(v, self.store[name.removeprefix("teacher/")]), f"{name} does not start as its student"
            if "optimizer/" in name:
                assert not v.any(), f"{name} does not start at 0"
            if name.endswith("running"):
                assert not v[0].any() and (v[1] == 1).all(), f"{name} does not start as 0 and 1"

    def encode(self, net, x):
        name, s = only(self.recipe["backbone"])
        return {"convnet": convnet, "vit": vit}[name](net.at("backbone"), x, s)

    def steps(self):
        number, unit = self.recipe["train"]["length"].split()
        assert unit == "steps"
        return int(number)

    def settings(self, step):
        """What changes with the step, from 0: a rate for 256 images (Goyal et al. 2017; the root: Krizhevsky 2014) that rises linearly from 0
        and falls as half a cosine (VICReg's and MAE's code), and BYOL's momentum, section 3.2."""
        name, o = only(self.recipe["optimizer"])
        total = self.steps()
        assert o["warmup"].endswith("%")
        share = self.recipe["train"]["batch"] / 256
        peak = o["rate"] * {"linear": share, "sqrt": math.sqrt(share), "none": 1}[o["scale"]]
        warmup = round(total * float(o["warmup"].removesuffix("%")) / 100)
        if step < warmup:
            rate = peak * step / warmup
        else:
            final = peak * o.get("final", 0)
            rate = final + (peak - final) * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2
        s = {"rate": rate, "weight_decay": o["weight_decay"]}
        method, m = only(self.recipe["method"])
        if method == "byol":
            s["teacher_momentum"] = 1 - (1 - m["momentum"]) * (math.cos(math.pi * step / total) + 1) / 2
        return s

    def step(self, n):
        given, settings = self.given["Steps"][n], self.settings(n)
        b, h, w, c = self.given["View"]
        method, _ = only(self.recipe["method"])
        assert len(given["Views"]) == VIEWS[method]
        x = [floats(v).reshape(b, h, w, c).permute(0, 3, 1, 2) for v in given["Views"]]
        params = [k for k, kind in self.kinds.items() if kind == "param"]
        for k in params:
            self.store[k] = self.store[k].detach().requires_grad_()

        terms, weights, metrics, features = METHODS[method](self, x, given)
        loss = sum(weights.get(k, 1) * v for k, v in terms.items())
        probe = self.net.at("probe")
        labels = torch.tensor(given["Labels"])
        logits = linear(probe.at("linear"), batch_norm(probe.at("norm"), features.detach()))
        probe_loss = F.cross_entropy(logits, labels, ignore_index=-1)
        values = {"loss": float(loss), **{k: float(v) for k, v in terms.items()}, **metrics,
                  "probe/loss": float(probe_loss), "probe/accuracy": accuracy(logits, labels)}

        trained = [k for k in params if not k.startswith("probe/")]
        probed = [k for k in params if k.startswith("probe/")]
        gradients = dict(zip(trained, torch.autograd.grad(loss, [self.store[k] for k in trained])))
        gradients |= dict(zip(probed, torch.autograd.grad(probe_loss, [self.store[k] for k in probed])))
        for k in params:
            self.store[k] = self.store[k].detach()
        name, o = only(self.recipe["optimizer"])
        for k in trained:
            p, state, exempt = self.store[k], self.moments("optimizer/" + k), not decays(k)
            if name in ("lars", "sgd"):
                {"lars": lars, "sgd": sgd}[name](p, gradients[k], state, settings["rate"], settings["weight_decay"], o, exempt)
            else:
                adamw(p, gradients[k], state, settings["rate"], settings["weight_decay"], o, exempt, n + 1)
        for k in probed:  # as MAE's linear probe has a batch norm without scale and shift; AdamW at 1e-3 without decay
            adamw(self.store[k], gradients[k], self.moments("probe/optimizer/" + k), 1e-3, 0, {}, True, n + 1)
        if method == "byol":
            tau = settings["teacher_momentum"]
            for k in trained:
                if "teacher/" + k in self.store:
                    self.store["teacher/" + k].mul_(tau).add_((1 - tau) * self.store[k])
        return {"Settings": settings, "Values": values, "Store": {k: numbers(v) for k, v in sorted(self.store.items())}}

    def moments(self, scope):
        return {k.removeprefix(scope + "/"): v for k, v in self.store.items() if k.rpartition("/")[0] == scope}


def numbers(v):
    """Seven digits of the largest number of a tensor are what the comparison can use."""
    v = v.detach().reshape(-1)
    largest = float(v.abs().max())
    digits = 6 - math.floor(math.log10(largest)) if largest > 0 else 0
    return [round(float(x), min(digits, 15)) + 0.0 for x in v]


def main(inputs):
    for file in sorted(pathlib.Path(inputs).glob("*.json")):
        given = json.loads(file.read_text())
        run = Run(given)
        out = {"Recipe": given["Recipe"], "Sets": given["Sets"], "Shapes": {k: list(v.shape) for k, v in run.store.items()}, "Steps": []}
        for n in range(run.steps()):
            out["Steps"].append(run.step(n))
        text = json.dumps(out, separators=(",", ":")).encode()
        target = ROOT / "testdata" / "oracle" / (file.stem + ".json.gz")
        target.write_bytes(gzip.compress(text, 9, mtime=0))
        print(f"{target.relative_to(ROOT)}: {target.stat().st_size} bytes, losses", [round(s["Values"]["loss"], 4) for s in out["Steps"]])


if __name__ == "__main__":
    main(sys.argv[1])
