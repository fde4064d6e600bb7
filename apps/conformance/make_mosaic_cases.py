"""Makes the tiny conformance cases of Memory Mosaics, `memory_mosaics_library` and `memory_mosaics_nano` of arXiv:2405.06394, in
`cases/<model_type>-<variant>/`.

Needs Python with `torch` (CPU) and `safetensors`; the committed cases are its output, so neither tests nor CI run it. The models below
are written from the paper, and agree with the outputs of the official codes to 2e-5 of their maximum; here they compute in float64.

    python make_mosaic_cases.py                    # all cases
    python make_mosaic_cases.py --check DIRECTORY  # compares conformance directories with the models below

A case is what `make_cases.py` describes. Hidden states are those before each memory, since each is a layer here.
"""

import math

import torch

from paper_cases import Paper, main

LIBRARY = {
    "vocab_size": 48, "n_head": 2, "n_embd": 16, "n_layer": 2, "v_shift": 1, "block_size": 64, "k_fe_type": "linearconv", "v_fe_type": "lowrlinearconv", "k_kernel_size": 1,
    "v_kernel_size": 2, "ic_dropout": 0.0, "hd_dropout": 0.0, "bias": False, "pmem_count": 1, "pmem_size": 10, "pre_ln": True, "weight_tying": True, "skip_tokens": 0, "attn_only": False,
}  # fmt: skip
NANO = {"block_size": 64, "vocab_size": 48, "n_layer": 2, "n_head": 2, "n_embd": 16, "dropout": 0.0, "pmem_size": 10, "pmem_count": 1, "bias": True}

CASES = [
    ("memory_mosaics_library", "plain", "one map of keys, values mixed of two entries, a tied head", LIBRARY),
    ("memory_mosaics_library", "taps", "keys of two entries, values of three, two ahead, three stores, biases, a head of its own",
     {**LIBRARY, "k_kernel_size": 2, "v_fe_type": "linearconv", "v_kernel_size": 3, "v_shift": 2, "pmem_count": 3, "bias": True, "weight_tying": False}),
    ("memory_mosaics_library", "post-norm", "norms that the stream is added to, no stores, keys mixed", {**LIBRARY, "pre_ln": False, "attn_only": True, "n_head": 4, "k_fe_type": "lowrlinearconv", "k_kernel_size": 2}),
    ("memory_mosaics_nano", "plain", "biases, one store", NANO),
    ("memory_mosaics_nano", "stores", "two stores, no biases", {**NANO, "pmem_count": 2, "bias": False}),
]  # fmt: skip


def shapes_of(c):
    """Published names and shapes, in order."""
    D, H, N, M, V = c["n_embd"], c["n_head"], c["pmem_size"], c["pmem_count"], c["vocab_size"]
    library, out = c["model_type"].endswith("library"), {}

    def put(at, shape, bias=c["bias"]):
        out[f"{at}.weight"] = shape
        if bias:
            out[f"{at}.bias"] = shape[:1]

    scalar = (H,) if library else (1, H, 1, 1)
    out["emb.weight" if library else "mosaic.wte.weight"] = (V, D)
    for layer in range(c["n_layer"]):
        at = f"blocks.{layer}." if library else f"mosaic.h.{layer}."
        memories = ["attn"] if library and c["attn_only"] else ["attn", "pmem" if library else "mlp"]
        for number, memory in enumerate(memories, 1):
            put(f"{at}ln{number}" if library else f"{at}ln_{number}", (D,))
            here = f"{at}{memory}."
            put(f"{here}c_proj", (D, D))
            if library:
                out |= {f"{here}{name}": scalar for name in ("leaky_key_beta", "kernel_beta", "value_beta")}
                for which in ("k", "v") if memory == "attn" else ("k",):
                    if c[f"{which}_fe_type"] == "linearconv":
                        put(f"{here}{which}_featurizer.conv", (D, D, c[f"{which}_kernel_size"]))
                    else:
                        put(f"{here}{which}_featurizer.linear", (D, D))
                        out[f"{here}{which}_featurizer.coef"] = scalar
                if memory == "pmem":
                    out |= {f"{here}pmem.M_{kind}{store}": (1, H, N, D // H) for store in range(M) for kind in "kv"}
            else:
                put(f"{here}k_featurizer.W_k", (D, D))
                out |= {f"{here}k_featurizer.key_scale": scalar, f"{here}k_featurizer.leaky_avg.leaky_key_beta": scalar}
                if memory == "attn":
                    put(f"{here}v_featurizer.W_v", (D, D))
                    out |= {f"{here}v_featurizer.coef": scalar, f"{here}v_featurizer.val_scale": scalar}
                else:
                    out |= {f"{here}P_{kind}": (M, 1, H, N, D // H) for kind in "kv"} | {f"{here}out_scale": scalar}
    put("ln_out" if library else "mosaic.ln_f", (D,))
    if library and not c["weight_tying"]:
        out["head.weight"] = (V, D)
    return out


def taps(x, p, at, shift=0):
    """y_t = sum_j x_{t - (J - 1) + shift + j} W_j, zeros beyond both ends."""
    W, T = p[f"{at}.weight"], x.shape[1]
    W = W if W.dim() == 3 else W[..., None]
    J = W.shape[-1]
    padded = torch.nn.functional.pad(x, (0, 0, J + shift, J + shift))
    y = sum(padded[:, 1 + 2 * shift + j : 1 + 2 * shift + j + T] @ W[..., j].T for j in range(J))
    return y + p[f"{at}.bias"] if f"{at}.bias" in p else y


def unit_keys(c, p, here, x):
    B, T, D = x.shape
    library = c["model_type"].endswith("library")
    if not library:
        u = taps(x, p, f"{here}k_featurizer.W_k")
    else:
        u = taps(x, p, f"{here}k_featurizer." + ("conv" if c["k_fe_type"] == "linearconv" else "linear"))
    u = u.view(B, T, c["n_head"], -1)
    beta = 10 * p[here + ("leaky_key_beta" if library else "k_featurizer.leaky_avg.leaky_key_beta")].flatten().abs()
    k, keys = torch.zeros_like(u[:, 0]), []
    for t in range(T):
        k = torch.exp(-beta)[:, None] * k + u[:, t]
        keys.append(k)
    k = torch.stack(keys, 1)
    return k / k.norm(dim=-1, keepdim=True), library


def contextual(c, p, here, x):
    B, T, D = x.shape
    n, library = unit_keys(c, p, here, x)
    kappa = 10 * p[here + ("kernel_beta" if library else "k_featurizer.key_scale")].flatten()
    k = kappa.clamp(max=5 if library else math.log(65535)).exp()[:, None] * n
    s = c["v_shift"] if library else 1
    if library and c["v_fe_type"] == "linearconv":
        w = taps(x, p, f"{here}v_featurizer.conv", s).view(B, T, c["n_head"], -1)
    else:
        w = taps(x, p, f"{here}v_featurizer." + ("linear" if library else "W_v")).view(B, T, c["n_head"], -1)
        mix = p[f"{here}v_featurizer.coef"].flatten()[:, None]
        w = (1 - mix) * torch.nn.functional.pad(w, (0, 0, 0, 0, 0, s))[:, s:] + mix * w
    nu = 10 * p[here + ("value_beta" if library else "v_featurizer.val_scale")].flatten()
    v = nu.exp()[:, None] * w / (w.norm(dim=-1, keepdim=True) + 1e-10)
    t = torch.arange(T)
    seen = t[:, None] >= t[None, :] + s
    weights = torch.einsum("bthd,bshd->bhts", k, k).masked_fill(~seen, -torch.inf)
    weights = torch.cat([torch.zeros_like(weights[:, :, :s]), weights[:, :, s:].softmax(-1)], 2)
    return torch.einsum("bhts,bshd->bthd", weights, v).reshape(B, T, D)


def persistent(c, p, here, x):
    B, T, D = x.shape
    n, library = unit_keys(c, p, here, x)
    kappa = 10 * p[here + ("kernel_beta" if library else "k_featurizer.key_scale")].flatten()
    q = (2 * kappa).clamp(max=10 if library else math.log(65535)).exp()[:, None] * n
    y = 0
    for store in range(c["pmem_count"]):
        keys, values = (p[f"{here}pmem.M_{kind}{store}"][0] if library else p[f"{here}P_{kind}"][store, 0] for kind in "kv")
        y = y + torch.einsum("bhti,hid->bthd", torch.einsum("bthd,hid->bhti", q, keys).softmax(-1), values)
    nu = 10 * p[here + ("value_beta" if library else "out_scale")].flatten()
    return (nu.exp()[:, None] * y / c["pmem_count"]).reshape(B, T, D)


def forward(c, p, ids):
    """Logits, and what enters each memory and leaves the last."""
    library = c["model_type"].endswith("library")
    norm = lambda x, at: torch.nn.functional.layer_norm(x, x.shape[-1:], p[f"{at}.weight"], p.get(f"{at}.bias"), 1e-5)
    embedding = p["emb.weight" if library else "mosaic.wte.weight"]
    x, hidden = embedding[ids], []
    for layer in range(c["n_layer"]):
        at = f"blocks.{layer}." if library else f"mosaic.h.{layer}."
        memories = [("attn", contextual), ("pmem" if library else "mlp", persistent)]
        for number, (memory, read) in enumerate(memories[: 1 if library and c["attn_only"] else 2], 1):
            hidden.append(x)
            normed = norm(x, f"{at}ln{number}" if library else f"{at}ln_{number}")
            here = f"{at}{memory}."
            made = torch.nn.functional.linear(read(c, p, here, normed), p[f"{here}c_proj.weight"], p.get(f"{here}c_proj.bias"))
            x = (x if not library or c["pre_ln"] else normed) + made
    hidden.append(x)
    x = norm(x, "ln_out" if library else "mosaic.ln_f")
    logits = torch.nn.functional.linear(x, p.get("head.weight", embedding))
    return logits * (c["n_embd"] ** -0.5 if library else 1), hidden


def drawn(name, shape, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    last = name.split(".")[-1]
    if last == "leaky_key_beta":
        return (0.02 + 0.3 * uniform) * x.sign()
    if last in ("kernel_beta", "key_scale"):
        return 0.05 + 0.15 * uniform
    if last in ("value_beta", "val_scale", "out_scale"):
        return 0.1 * x
    if last == "coef":
        return uniform
    if last == "bias":
        return 0.3 * x
    if last.startswith(("M_", "P_")):
        return 1.5 * x / shape[-1] ** 0.5
    if len(shape) == 1:
        return 1 + 0.3 * x
    if name in ("emb.weight", "head.weight"):
        return 2 * x
    if "wte" in name:
        return 0.5 * x
    return 1.3 * x / math.prod(shape[1:]) ** 0.5


if __name__ == "__main__":
    main(Paper("make_mosaic_cases.py", forward, shapes_of, drawn), CASES)
