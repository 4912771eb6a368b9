#!/usr/bin/env python3
"""Writes nets.json: what PyTorch says of the networks that valence trains: logits, loss, gradients and the
parameters after three steps of AdamW and of SGD; of the sampled softmax, loss and gradients. Made with PyTorch 2.15 in float64.

    python3 tests/golden/make_layers_golden.py > tests/golden/nets.json

Parameters follow from their place alone (value below), so both sides can make them; of an array only its
product with another such array is kept.
"""
import json
import sys

import torch
from torch import nn

V, E, H, K, HEADS, I, LAYERS = 11, 8, 6, 3, 2, 16, 2
TEXTS = [[1, 4, 4, 7, 10], [3], [2, 9, 5, 0, 6, 8, 1], [7, 7, 3]]
LABELS, WEIGHTS, SMOOTHING = [0, 2, 1, 2], [1.0, 0.5, 2.0, 1.5], 0.1

torch.set_default_dtype(torch.float64)


def value(n, seed, scale):
    return scale * torch.sin(0.7 * torch.arange(n) + seed)


def parameters(shapes):
    """name -> leaf tensor; gains of norms are around 1."""
    out = {}
    for seed, (name, shape) in enumerate(shapes):
        n = torch.Size(shape).numel()
        x = value(n, seed, 0.5).reshape(shape)
        if name.endswith("norm.weight"):
            x = 1 + 0.2 * x
        out[name] = x.clone().requires_grad_()
    return out


def product(x, seed):
    return float((x.reshape(-1) * value(x.numel(), seed + 0.5, 1)).sum())


def loss_of(logits):
    ce = nn.functional.cross_entropy(logits, torch.tensor(LABELS), reduction="none", label_smoothing=SMOOTHING)
    return (ce * torch.tensor(WEIGHTS)).sum()


def lstm_shapes():
    s = [("embeddings.word", (V, E))]
    for layer in range(LAYERS):
        for way in ("forward", "backward"):
            name = f"lstm.{layer}.{way}"
            s += [(f"{name}.input.weight", (4 * H, 2 * H if layer else E)), (f"{name}.recurrent.weight", (4 * H, H)),
                  (f"{name}.bias", (4 * H,))]
    return s + [("head.out.weight", (K, 4 * H)), ("head.out.bias", (K,))]


def lstm_logits(p):
    rows = []
    for text in TEXTS:
        x = p["embeddings.word"][text]
        for layer in range(LAYERS):
            ways = []
            for way in ("forward", "backward"):
                name = f"lstm.{layer}.{way}"
                net = nn.LSTM(x.shape[1], H, batch_first=True)
                tensors = {"weight_ih_l0": p[f"{name}.input.weight"], "weight_hh_l0": p[f"{name}.recurrent.weight"],
                           "bias_ih_l0": p[f"{name}.bias"], "bias_hh_l0": torch.zeros(4 * H)}
                turned = x.flip(0) if way == "backward" else x
                y = torch.func.functional_call(net, tensors, (turned[None],))[0][0]
                ways.append(y.flip(0) if way == "backward" else y)
            x = torch.cat(ways, 1)
        rows.append(torch.cat([x.max(0).values, x.mean(0)]))
    return torch.stack(rows) @ p["head.out.weight"].T + p["head.out.bias"]


def transformer_shapes():
    s = [("embeddings.word", (V, E)), ("embeddings.position", (9, E)), ("embeddings.norm.weight", (E,)),
         ("embeddings.norm.bias", (E,))]
    for layer in range(LAYERS):
        for part in ("query", "key", "value", "output"):
            s += [(f"layer.{layer}.attention.{part}.weight", (E, E)), (f"layer.{layer}.attention.{part}.bias", (E,))]
        s += [(f"layer.{layer}.attention.norm.weight", (E,)), (f"layer.{layer}.attention.norm.bias", (E,)),
              (f"layer.{layer}.ffn.up.weight", (I, E)), (f"layer.{layer}.ffn.up.bias", (I,)),
              (f"layer.{layer}.ffn.down.weight", (E, I)), (f"layer.{layer}.ffn.down.bias", (E,)),
              (f"layer.{layer}.ffn.norm.weight", (E,)), (f"layer.{layer}.ffn.norm.bias", (E,))]
    return s + [("head.out.weight", (K, E)), ("head.out.bias", (K,))]


def transformer_logits(p):
    def norm(x, name):
        return nn.functional.layer_norm(x, (E,), p[name + ".weight"], p[name + ".bias"], 1e-5)

    def linear(x, name):
        return nn.functional.linear(x, p[name + ".weight"], p[name + ".bias"])

    rows = []
    for text in TEXTS:
        n = len(text)
        x = norm(p["embeddings.word"][text] + p["embeddings.position"][:n], "embeddings.norm")
        for layer in range(LAYERS):
            at = f"layer.{layer}."
            q, k, v = (linear(x, f"{at}attention.{part}").reshape(n, HEADS, -1).transpose(0, 1)
                       for part in ("query", "key", "value"))
            y = nn.functional.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(n, E)
            x = norm(x + linear(y, at + "attention.output"), at + "attention.norm")
            y = linear(nn.functional.gelu(linear(x, at + "ffn.up")), at + "ffn.down")
            x = norm(x + y, at + "ffn.norm")
        rows.append(x.mean(0))
    return torch.stack(rows) @ p["head.out.weight"].T + p["head.out.bias"]


def decays(name, p):
    return p.dim() == 2 and name != "embeddings.word"


def after(shapes, logits, kind):
    """Three steps with the gradient clipped to norm 1."""
    p = parameters(shapes)
    groups = [{"params": [x for n, x in p.items() if decays(n, x)], "weight_decay": 0.1 if kind == "adamw" else 0},
              {"params": [x for n, x in p.items() if not decays(n, x)], "weight_decay": 0}]
    if kind == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.99), eps=1e-6)
    else:
        optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        loss_of(logits(p)).backward()
        torch.nn.utils.clip_grad_norm_(p.values(), 1, error_if_nonfinite=True)
        optimizer.step()
    return {name: product(x.detach(), i) for i, (name, x) in enumerate(p.items())}


def family(shapes, logits):
    p = parameters(shapes)
    z = logits(p)
    loss = loss_of(z)
    loss.backward()
    return {"logits": z.detach().reshape(-1).tolist(), "loss": float(loss.detach()),
            "gradients": {name: product(x.grad, i) for i, (name, x) in enumerate(p.items())},
            "adamw": after(shapes, logits, "adamw"), "sgd": after(shapes, logits, "sgd")}


def sampled_softmax():
    """A row's own token among the candidates does not count twice; row 1 has none and does not count."""
    wanted_id, candidate_id = [3, -1, 0, 5, 2], [0, 3, 3, 1, 4, 5, 6]
    rows, count = len(wanted_id), len(candidate_id)
    h, wanted = (value(rows * E, seed, 0.5).reshape(rows, E).requires_grad_() for seed in (0, 1))
    candidates = value(count * E, 2, 0.5).reshape(count, E).requires_grad_()
    loss = 0
    for r, own in enumerate(wanted_id):
        if own >= 0:
            kept = torch.tensor([c != own for c in candidate_id])
            z = torch.cat([(h[r] @ wanted[r])[None], (candidates @ h[r])[kept]])
            loss = loss + nn.functional.cross_entropy(z[None], torch.tensor([0]))
    loss.backward()
    return {"loss": float(loss.detach()), "h": product(h.grad, 0), "wanted": product(wanted.grad, 1),
            "candidates": product(candidates.grad, 2)}


json.dump({"made_with": "torch " + torch.__version__, "lstm": family(lstm_shapes(), lstm_logits),
           "transformer": family(transformer_shapes(), transformer_logits), "sampled_softmax": sampled_softmax()}, sys.stdout, indent=1)
print()
