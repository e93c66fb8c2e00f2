#!/usr/bin/env python3
"""One self-supervised training step of networks of tokens, and of ConvNeXt V2, in PyTorch on the CPU: what bench/tokens.sh compares with.

The equations are those of the papers, written for this comparison. Prints one JSON line: ms_median, cpu_ms_median (processor time of a step, all
threads), peak_rss_mb. Inputs are random and in memory.

    python3 torch_tokens.py fcmae | ibot | dinov2 | bert | gpt | wav2vec2 | ft [--threads 1] [--steps 3] [--batch N]
"""
import argparse, json, os, resource, statistics, time
import torch, torch.nn as nn, torch.nn.functional as F


class Block(nn.Module):
    """Pre-norm attention and MLP; bias is added to the scores."""
    def __init__(s, d, heads, hidden=None):
        super().__init__()
        s.h = heads; s.n1 = nn.LayerNorm(d); s.qkv = nn.Linear(d, 3 * d); s.proj = nn.Linear(d, d)
        s.n2 = nn.LayerNorm(d); s.f1 = nn.Linear(d, hidden or 4 * d); s.f2 = nn.Linear(hidden or 4 * d, d)

    def forward(s, x, bias=None):
        b, t, d = x.shape
        q, k, v = s.qkv(s.n1(x)).view(b, t, 3, s.h, d // s.h).permute(2, 0, 3, 1, 4)
        a = (q * (d // s.h) ** -0.5) @ k.transpose(-2, -1)
        if bias is not None: a = a + bias
        x = x + s.proj((a.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))
        return x + s.f2(F.gelu(s.f1(s.n2(x))))


class ViT(nn.Module):
    """ViT-Tiny with patches of 4 pixels; positions are interpolated for small views."""
    def __init__(s, size=32, patch=4, d=192, depth=12, heads=3):
        super().__init__()
        s.side = size // patch; s.pe = nn.Conv2d(3, d, patch, patch); s.cls = nn.Parameter(torch.zeros(1, 1, d))
        s.pos = nn.Parameter(torch.randn(1, s.side ** 2 + 1, d) * 0.02); s.mask = nn.Parameter(torch.zeros(1, 1, d))
        s.blocks = nn.ModuleList([Block(d, heads) for _ in range(depth)]); s.norm = nn.LayerNorm(d)

    def forward(s, x, hidden=None):
        x = s.pe(x); side = x.shape[-1]; x = x.flatten(2).transpose(1, 2)
        if hidden is not None: x = torch.where(hidden[..., None], s.mask, x)
        pos = s.pos[:, 1:]
        if side != s.side:
            pos = pos.transpose(1, 2).reshape(1, -1, s.side, s.side)
            pos = F.interpolate(pos, size=(side, side), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)
        x = torch.cat([(s.cls + s.pos[:, :1]).expand(x.shape[0], -1, -1), x + pos], 1)
        for f in s.blocks: x = f(x)
        return s.norm(x)


class Head(nn.Module):
    """DINO's head: three layers, unit rows, prototypes of unit length."""
    def __init__(s, d, k, hidden=512, bottleneck=128):
        super().__init__()
        s.mlp = nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck))
        s.last = nn.utils.weight_norm(nn.Linear(bottleneck, k, bias=False)); s.last.weight_g.data.fill_(1); s.last.weight_g.requires_grad_(False)

    def forward(s, x): return s.last(F.normalize(s.mlp(x), dim=-1))


def centred(z, centre, tau): return ((z - centre) / tau).softmax(-1)


def sinkhorn(z, tau, steps=3):
    q = (z / tau).exp().t(); q = q / q.sum(); k, b = q.shape
    for _ in range(steps):
        q = q / q.sum(1, keepdim=True) / k
        q = q / q.sum(0, keepdim=True) / b
    return (q * b).t()


def koleo(x):
    x = F.normalize(x, dim=-1)
    with torch.no_grad():
        near = (x @ x.t()).fill_diagonal_(-1).argmax(1)
    return -(((x - x[near]).norm(dim=1) + 1e-8).log()).mean()


class Distilled(nn.Module):
    """iBOT, and with two heads, Sinkhorn and KoLeo DINOv2: 2 large views and some small ones."""
    def __init__(s, v2, locals_, k=1024):
        super().__init__()
        s.v2, s.locals, s.k = v2, locals_, k
        s.student = s.parts()
        s.teacher = s.parts().requires_grad_(False); s.teacher.load_state_dict(s.student.state_dict())
        s.register_buffer("centre", torch.zeros(1, k)); s.register_buffer("patch_centre", torch.zeros(1, k))

    def parts(s):
        parts = nn.ModuleDict(dict(net=ViT(), head=Head(192, s.k)))
        if s.v2: parts["patches"] = Head(192, s.k)
        return parts

    def loss(s, b):
        large, small = torch.cat([b["large0"], b["large1"]]), b["small"]
        n = large.shape[0] // 2
        with torch.no_grad():
            y = s.teacher["net"](large)
            c = s.teacher["head"](y[:, 0]); p = (s.teacher["patches"] if s.v2 else s.teacher["head"])(y[:, 1:])
            if s.v2:
                tc, tp = sinkhorn(c, 0.05), torch.zeros_like(p)
                tp[b["hidden"]] = sinkhorn(p[b["hidden"]], 0.05)
            else:
                tc, tp = centred(c, s.centre, 0.05), centred(p, s.patch_centre, 0.05)
                s.centre.mul_(0.9).add_(c.mean(0, keepdim=True), alpha=0.1)
                s.patch_centre.mul_(0.9).add_(p.mean((0, 1)), alpha=0.1)
        y = s.student["net"](large, b["hidden"])
        lc = F.log_softmax(s.student["head"](y[:, 0]) / 0.1, -1)
        lp = F.log_softmax((s.student["patches"] if s.v2 else s.student["head"])(y[:, 1:]) / 0.1, -1)
        ls = F.log_softmax(s.student["head"](s.student["net"](small)[:, 0]) / 0.1, -1)
        views = list(lc.split(n)) + list(ls.split(n)); targets = tc.split(n)
        pairs = [-(t * v).sum(-1).mean() for i, t in enumerate(targets) for j, v in enumerate(views) if i != j]
        w = b["hidden"].float()
        each = -(tp * lp).sum(-1) * w
        total = sum(pairs) / len(pairs) + (each.sum(1) / w.sum(1).clamp(min=1)).mean()
        if s.v2: total = total + 0.1 * sum(koleo(v) for v in y[:, 0].split(n))
        return total

    def after(s):
        with torch.no_grad():
            for p, q in zip(s.student.parameters(), s.teacher.parameters()): q.mul_(0.996).add_(p, alpha=0.004)

    def batch(s, n):
        x = lambda m, side: torch.randn(m, 3, side, side)
        return dict(large0=x(n, 32), large1=x(n, 32), small=x(s.locals * n, 16), hidden=torch.rand(2 * n, 64) < 0.25)


class GRN(nn.Module):
    def __init__(s, c):
        super().__init__(); s.g = nn.Parameter(torch.zeros(c)); s.b = nn.Parameter(torch.zeros(c))

    def forward(s, x):
        n = x.norm(dim=(1, 2), keepdim=True)
        return s.g * (x * (n / (n.mean(-1, keepdim=True) + 1e-6))) + s.b + x


class ConvNeXtBlock(nn.Module):
    def __init__(s, c):
        super().__init__()
        s.dw = nn.Conv2d(c, c, 7, padding=3, groups=c); s.n = nn.LayerNorm(c, eps=1e-6); s.f1 = nn.Linear(c, 4 * c); s.grn = GRN(4 * c)
        s.f2 = nn.Linear(4 * c, c)

    def forward(s, x, seen=None):
        y = s.dw(x if seen is None else x * seen).permute(0, 2, 3, 1)
        m = None if seen is None else seen.permute(0, 2, 3, 1)
        y = F.gelu(s.f1(s.n(y)))
        if m is not None: y = y * m
        y = s.f2(s.grn(y)).permute(0, 3, 1, 2)
        return x + (y if seen is None else y * seen)


class Channels(nn.LayerNorm):
    def forward(s, x): return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class FCMAE(nn.Module):
    """ConvNeXt V2 atto with dense masking, as in the authors' code for dense layers, and a block as decoder."""
    def __init__(s, patch=2, dims=(40, 80, 160, 320), depth=(2, 2, 6, 2), d=512):
        super().__init__()
        s.down = nn.ModuleList([nn.Sequential(nn.Conv2d(3, dims[0], patch, patch), Channels(dims[0], eps=1e-6))] + [
            nn.Sequential(Channels(a, eps=1e-6), nn.Conv2d(a, b, 2, 2)) for a, b in zip(dims, dims[1:])])
        s.stages = nn.ModuleList([nn.ModuleList([ConvNeXtBlock(c) for _ in range(n)]) for c, n in zip(dims, depth)])
        s.project = nn.Conv2d(dims[-1], d, 1); s.token = nn.Parameter(torch.zeros(1, d, 1, 1)); s.block = ConvNeXtBlock(d)
        s.stride = patch * 8; s.paint = nn.Conv2d(d, 3 * s.stride ** 2, 1)

    def loss(s, b):
        x, hidden = b["x"], b["hidden"].float()
        side = x.shape[-1] // s.stride
        seen = (1 - hidden).view(-1, 1, side, side)
        for i, (down, stage) in enumerate(zip(s.down, s.stages)):
            m = seen.repeat_interleave(2 ** (3 - i), 2).repeat_interleave(2 ** (3 - i), 3)
            y = down(x if i == 0 else y) * m
            for f in stage: y = f(y, m)
        y = s.project(y) * seen + s.token * (1 - seen)
        y = s.paint(s.block(y)).flatten(2).transpose(1, 2)
        t = F.unfold(x, s.stride, stride=s.stride).transpose(1, 2)
        t = (t - t.mean(-1, keepdim=True)) / (t.var(-1, keepdim=True) + 1e-6).sqrt()
        return (((y - t) ** 2).mean(-1) * hidden).sum() / hidden.sum()

    def after(s): pass

    def batch(s, n):
        cells = (64 // s.stride) ** 2
        return dict(x=torch.randn(n, 3, 64, 64), hidden=torch.rand(n, cells).argsort(1) >= int(cells * 0.4))


class Text(nn.Module):
    """A transformer of symbols: masked ones guessed from both sides, logits at their places alone."""
    def __init__(s, vocabulary, t=128, d=512, depth=4, heads=8, share=0.15):
        super().__init__()
        s.v, s.t, s.share = vocabulary, t, share
        s.emb = nn.Embedding(vocabulary, d); s.pos = nn.Parameter(torch.randn(t, d) * 0.02); s.mask = nn.Parameter(torch.zeros(d))
        s.blocks = nn.ModuleList([Block(d, heads) for _ in range(depth)]); s.norm = nn.LayerNorm(d)
        s.dense = nn.Linear(d, d); s.head = nn.LayerNorm(d); s.bias = nn.Parameter(torch.zeros(vocabulary))

    def loss(s, b):
        ids, chosen = b["ids"], b["chosen"]
        x = torch.where(b["masked"][..., None], s.mask, torch.where(b["swapped"][..., None], s.emb(b["noise"]), s.emb(ids))) + s.pos
        bias = (b["there"] - 1)[:, None, None, :] * 1e9
        for f in s.blocks: x = f(x, bias)
        y = s.norm(x).flatten(0, 1)[chosen]
        y = s.head(F.gelu(s.dense(y)))
        return F.cross_entropy(y @ s.emb.weight.t() + s.bias, ids.flatten()[chosen])

    def after(s): pass

    def batch(s, n):
        ids = lambda: torch.randint(1, s.v, (n, s.t))
        draw = torch.rand(n, s.t); k = int(n * s.t * s.share + 6 * (n * s.t * s.share * (1 - s.share)) ** 0.5) + 1  # as ours
        return dict(ids=ids(), noise=ids(), chosen=draw.flatten().argsort()[:k], there=torch.ones(n, s.t), masked=draw < 0.8 * s.share,
                    swapped=(draw >= 0.8 * s.share) & (draw < 0.9 * s.share))


class GPT(nn.Module):
    """GPT-2's transformer: pre-norm blocks, a norm at the end, each next symbol told by the embeddings, without a bias."""
    def __init__(s, vocabulary, t=128, d=512, depth=4, heads=8):
        super().__init__()
        s.v, s.t = vocabulary, t
        s.emb = nn.Embedding(vocabulary, d); s.emb.weight.data.mul_(0.02); s.pos = nn.Parameter(torch.randn(t, d) * 0.01)
        s.blocks = nn.ModuleList([Block(d, heads) for _ in range(depth)]); s.norm = nn.LayerNorm(d)
        s.register_buffer("later", torch.full((t, t), -1e9).triu(1))

    def loss(s, b):
        x = s.emb(b["ids"]) + s.pos
        for f in s.blocks: x = f(x, s.later)
        logits = s.norm(x) @ s.emb.weight.t()
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), b["ids"][:, 1:].flatten())

    def after(s): pass

    def batch(s, n): return dict(ids=torch.randint(2, s.v, (n, s.t)))


class Wav2Vec2(nn.Module):
    """wav2vec 2.0 BASE: seven convolutions, a grouped one for positions, post-norm blocks, two books of 320 entries, distractors of the utterance."""
    class Block(nn.Module):
        def __init__(s, d, heads):
            super().__init__()
            s.h = heads; s.qkv = nn.Linear(d, 3 * d); s.proj = nn.Linear(d, d); s.n1 = nn.LayerNorm(d)
            s.f1 = nn.Linear(d, 4 * d); s.f2 = nn.Linear(4 * d, d); s.n2 = nn.LayerNorm(d)

        def forward(s, x):
            b, t, d = x.shape
            q, k, v = s.qkv(x).view(b, t, 3, s.h, d // s.h).permute(2, 0, 3, 1, 4)
            a = ((q * (d // s.h) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
            x = s.n1(x + s.proj((a @ v).transpose(1, 2).reshape(b, t, d)))
            return s.n2(x + s.f2(F.gelu(s.f1(x))))

    def __init__(s, samples=16000, w=512, d=768, depth=12, heads=12, books=2, entries=320, codes=256, distractors=100, share=0.5):
        super().__init__()
        kernels, strides = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
        s.convs = nn.ModuleList([nn.Conv1d(1 if i == 0 else w, w, k, m, bias=False) for i, (k, m) in enumerate(zip(kernels, strides))])
        s.first = nn.GroupNorm(w, w); s.level = nn.LayerNorm(w); s.enter = nn.Linear(w, d); s.hole = nn.Parameter(torch.rand(d))
        s.position = nn.utils.weight_norm(nn.Conv1d(d, d, 128, padding=64, groups=16), dim=2); s.before = nn.LayerNorm(d)
        s.blocks = nn.ModuleList([Wav2Vec2.Block(d, heads) for _ in range(depth)])
        s.books, s.entries, s.distractors = books, entries, distractors
        s.scores = nn.Linear(w, books * entries); s.codes = nn.Parameter(torch.rand(books, entries, codes // books))
        s.goal = nn.Linear(codes, 256); s.guess = nn.Linear(d, 256)
        s.samples, s.steps = samples, samples
        for k, m in zip(kernels, strides): s.steps = (s.steps - k) // m + 1
        s.k = int(s.steps * share)

    def loss(s, b):
        x = b["x"][:, None]
        for i, c in enumerate(s.convs):
            x = c(x)
            x = F.gelu(s.first(x) if i == 0 else x)
        steps = x.transpose(1, 2)
        slow = 0.1 * steps + 0.9 * steps.detach()
        z = s.level(slow); y = s.enter(z); n = len(y)
        y = torch.where(b["hidden"][..., None], s.hole, y)
        y = s.before(y + F.gelu(s.position(y.transpose(1, 2))[..., :s.steps]).transpose(1, 2))
        for f in s.blocks: y = f(y)
        at = b["at"][..., None]
        picked = z.gather(1, at.expand(-1, -1, z.shape[-1]))
        scores = s.scores(picked).view(-1, s.books, s.entries)
        soft = F.gumbel_softmax(scores, 2.0, hard=True)
        q = torch.einsum("ngv,gvd->ngd", soft, s.codes).reshape(n, s.k, -1)
        p = scores.softmax(-1).mean(0)
        perplexity = (-(p * (p + 1e-7).log()).sum(-1)).exp().sum()
        goal, guess = s.goal(q), s.guess(y.gather(1, at.expand(-1, -1, y.shape[-1])))
        others = goal[torch.arange(n)[:, None, None], b["others"]]
        cos = F.cosine_similarity(guess[:, :, None], torch.cat([goal[:, :, None], others], 2), dim=-1) / 0.1
        alike = (others == goal[:, :, None]).all(-1)
        cos = torch.cat([cos[..., :1], cos[..., 1:].masked_fill(alike, -1e9)], -1)
        all_ = s.books * s.entries
        return F.cross_entropy(cos.flatten(0, 1), torch.zeros(n * s.k, dtype=torch.long)) + 0.1 * (all_ - perplexity) / all_ + 10 * (slow ** 2).mean()

    def after(s): pass

    def batch(s, n):
        at = torch.rand(n, s.steps).argsort(1)[:, :s.k]
        hidden = torch.zeros(n, s.steps, dtype=torch.bool).scatter_(1, at, True)
        d = min(s.distractors, s.k - 1)
        return dict(x=torch.randn(n, s.samples), at=at, hidden=hidden, others=(torch.rand(n, s.k, s.k) - 8 * torch.eye(s.k)).topk(d, 2).indices)


class FT(nn.Module):
    """SCARF through an FT-Transformer: K columns of numbers, a class token, ReGLU."""
    class Block(nn.Module):
        def __init__(s, d, heads, hidden, normed):
            super().__init__()
            s.h = heads; s.n1 = nn.LayerNorm(d) if normed else nn.Identity(); s.qkv = nn.Linear(d, 3 * d); s.proj = nn.Linear(d, d)
            s.n2 = nn.LayerNorm(d); s.up = nn.Linear(d, 2 * hidden); s.down = nn.Linear(hidden, d)

        def forward(s, x):
            b, t, d = x.shape
            q, k, v = s.qkv(s.n1(x)).view(b, t, 3, s.h, d // s.h).permute(2, 0, 3, 1, 4)
            a = ((q * (d // s.h) ** -0.5) @ k.transpose(-2, -1)).softmax(-1)
            x = x + s.proj((a @ v).transpose(1, 2).reshape(b, t, d))
            u, g = s.up(s.n2(x)).chunk(2, -1)
            return x + s.down(u * F.relu(g))

    def __init__(s, k=36, d=192, depth=3, heads=8):
        super().__init__()
        s.k = k; s.w = nn.Parameter(torch.randn(k, d) * 0.05); s.b = nn.Parameter(torch.randn(k, d) * 0.05); s.cls = nn.Parameter(torch.zeros(1, 1, d))
        s.blocks = nn.ModuleList([FT.Block(d, heads, int(4 / 3 * d), i > 0) for i in range(depth)]); s.norm = nn.LayerNorm(d)
        s.g = nn.Sequential(nn.Linear(d, 256, bias=False), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 256))

    def loss(s, b):
        x = torch.cat([b["x"], torch.where(b["chosen"], b["other"], b["x"])])
        y = torch.cat([s.cls.expand(x.shape[0], -1, -1), x[..., None] * s.w + s.b], 1)
        for f in s.blocks: y = f(y)
        z = F.normalize(s.g(s.norm(y[:, 0])), dim=1)
        u, v = z.chunk(2)
        return F.cross_entropy(u @ v.t(), torch.arange(len(u)))

    def after(s): pass

    def batch(s, n): return dict(x=torch.randn(n, s.k), other=torch.randn(n, s.k), chosen=torch.rand(n, s.k) < 0.6)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("step"); p.add_argument("--threads", type=int, default=1); p.add_argument("--steps", type=int, default=3)
    p.add_argument("--batch", type=int, default=16); p.add_argument("--locals", type=int, default=4)
    p.add_argument("--vocabulary", type=int, default=2308)
    p.add_argument("--dim", type=int, default=512); p.add_argument("--depth", type=int, default=4); p.add_argument("--heads", type=int, default=8)
    p.add_argument("--length", type=int, default=128)
    a = p.parse_args()
    torch.manual_seed(0); torch.set_num_threads(a.threads)
    model = {"fcmae": FCMAE, "ibot": lambda: Distilled(False, a.locals), "dinov2": lambda: Distilled(True, a.locals), "ft": FT,
             "bert": lambda: Text(a.vocabulary, a.length, a.dim, a.depth, a.heads), "gpt": lambda: GPT(a.vocabulary, a.length, a.dim, a.depth, a.heads),
             "wav2vec2": lambda: Wav2Vec2(a.length)}[a.step]()
    opt = torch.optim.AdamW([q for q in model.parameters() if q.requires_grad], lr=1e-3)
    b = model.batch(a.batch)
    wall, cpu = [], []
    for i in range(a.steps + 1):
        t, u = time.perf_counter(), time.process_time()
        opt.zero_grad(set_to_none=True)
        l = model.loss(b); l.backward(); opt.step(); model.after()
        if i > 0: wall.append(time.perf_counter() - t); cpu.append(time.process_time() - u)
    assert torch.isfinite(l)
    print(json.dumps(dict(peer="torch " + torch.__version__, step=a.step, batch=a.batch, threads=a.threads, ms_median=1e3 * statistics.median(wall),
                          cpu_ms_median=1e3 * statistics.median(cpu), loss=float(l), peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))


if __name__ == "__main__":
    main()
