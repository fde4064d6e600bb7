"""Makes the tiny conformance cases of attentions with latents that transformers does not have: `mla` of flash-linear-attention, and
`grouped_latent_gla` and `grouped_latent_gta` of arXiv:2505.21487, in `cases/<model_type>-<variant>/`.

Needs Python with `torch` (CPU) and `safetensors`; the committed cases are its output, so neither tests nor CI run it. The models below
are written from the papers, and agree with the outputs of the official codes to 2e-6 of their maximum; here they compute in float64.

    python make_latent_cases.py                    # all cases
    python make_latent_cases.py --check DIRECTORY  # compares a conformance directory with the models below

A case is what `make_cases.py` describes.
"""

import torch

from paper_cases import Paper, main

FLA = {
    "vocab_size": 48, "hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 16, "hidden_act": "swish", "norm_eps": 1e-6, "num_heads": 3, "kv_lora_rank": 8,
    "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "max_position_embeddings": 64, "rope_theta": 500.0, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": None, "elementwise_affine": True, "fuse_norm": True, "fuse_swiglu": True, "fuse_cross_entropy": True, "fuse_linear_cross_entropy": False,
    "use_l2warp": False, "attnres_block_size": None, "use_cache": True, "initializer_range": 0.02, "hidden_ratio": 4, "dtype": "float32",
}  # fmt: skip
PAPER = {
    "vocab_size": 48, "hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 16, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "qk_rope_dim": 4,
    "rope_dim": 2, "rope_theta": 500.0, "rope_scaling": None, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "attention_bias": False, "mlp_bias": False,
    "attention_dropout": 0.0, "pretraining_tp": 1, "hidden_act": "silu", "tie_word_embeddings": False,
}  # fmt: skip

CASES = [
    ("mla", "ranks", "low-rank queries, values narrower than keys, a window, a scaling of frequencies that the library does not use",
     {**FLA, "q_lora_rank": 7, "qk_head_dim": 10, "v_head_dim": 5, "window_size": 9, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "mscale_all_dim": 1.0}}),
    ("mla", "plain", "queries without a rank, a width of keys that follows, a tied head",
     {**FLA, "q_lora_rank": None, "qk_head_dim": None, "v_head_dim": 8, "window_size": None, "rope_scaling": None, "tie_word_embeddings": True}),
    ("grouped_latent_gla", "biases", "biases of the output and of the feed-forward, two heads a latent", {**PAPER, "attention_bias": True, "mlp_bias": True}),
    ("grouped_latent_gta", "biases", "biases everywhere, a shared key of half a head", {**PAPER, "attention_bias": True, "tie_word_embeddings": True}),
    ("grouped_latent_gta", "whole-key", "the shared key takes the place of all of a head's, one head of values", {**PAPER, "num_key_value_heads": 1, "rope_dim": 4}),
]  # fmt: skip


def names_of(c):
    """What differs in the names of the two families."""
    if c["model_type"] == "mla":
        return {"embed": "model.embeddings", "attn": "attn", "norms": ("attn_norm", "mlp_norm"), "heads": c["num_heads"], "eps": c["norm_eps"]}
    return {"embed": "model.embed_tokens", "attn": "self_attn", "norms": ("input_layernorm", "post_attention_layernorm"), "heads": c["num_attention_heads"], "eps": c["rms_norm_eps"]}


def shapes_of(c):
    n, D, F, H = names_of(c), c["hidden_size"], c["intermediate_size"], names_of(c)["heads"]
    out = {f"{n['embed']}.weight": (c["vocab_size"], D), "model.norm.weight": (D,)}
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = (c["vocab_size"], D)

    def linear(rows, columns, bias):
        return {"weight": (rows, columns), **({"bias": (rows,)} if bias else {})}

    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        out |= {f"{at}{norm}.weight": (D,) for norm in n["norms"]}
        maps = {f"mlp.{name}": linear(*size, c.get("mlp_bias", False)) for name, size in (("gate_proj", (F, D)), ("up_proj", (F, D)), ("down_proj", (D, F)))}
        if c["model_type"] == "mla":
            N, R, V, C, Q = (c[k] for k in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank", "q_lora_rank"))
            if Q is None:
                maps["attn.q_proj"] = linear(H * (N + R), D, False)
            else:
                maps |= {"attn.q_proj.0": linear(Q, D, False), "attn.q_proj.2": linear(H * (N + R), Q, False)}
                out[f"{at}attn.q_proj.1.weight"] = (Q,)
            maps |= {"attn.k_rope": linear(R, D, False), "attn.kv_proj.0": linear(C, D, False), "attn.kv_proj.2": linear(H * (N + V), C, False), "attn.o_proj": linear(D, H * V, False)}
            out[f"{at}attn.kv_proj.1.weight"] = (C,)
        elif c["model_type"] == "grouped_latent_gla":
            d, R = c["head_dim"], c["qk_rope_dim"]
            maps |= {"self_attn.W_dQ": linear(8 * d, D, True), "self_attn.W_uQ_rope": linear(H * (d + R), 8 * d, True), "self_attn.W_dKV": linear(4 * d + R, D, True)}
            maps |= {f"self_attn.W_ukv_{i}": linear(H * d, 2 * d, True) for i in (1, 2)}
            maps["self_attn.o_proj"] = linear(D, H * d, c["attention_bias"])
            out |= {f"{at}self_attn.q_norm.weight": (8 * d,), f"{at}self_attn.kv_norm_1.weight": (2 * d,), f"{at}self_attn.kv_norm_2.weight": (2 * d,)}
        else:
            d, G, R, b = c["head_dim"], c["num_key_value_heads"], c["rope_dim"], c["attention_bias"]
            maps |= {"self_attn.q_proj": linear(H * d, D, b), "self_attn.kv_proj": linear(G * d, D, b), "self_attn.W_rope_k": linear(R, D, True), "self_attn.o_proj": linear(D, H * d, b)}
        out |= {f"{at}{name}.{kind}": shape for name, both in maps.items() for kind, shape in both.items()}
    return out


def forward(c, p, ids):
    """Logits, and what enters each layer and leaves the last."""
    n = names_of(c)
    linear = lambda x, at: torch.nn.functional.linear(x, p[f"{at}.weight"], p.get(f"{at}.bias"))
    norm = lambda x, at, eps: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * p[f"{at}.weight"]
    x = p[f"{n['embed']}.weight"][ids]
    hidden = []
    for layer in range(c["num_hidden_layers"]):
        hidden.append(x)
        at = f"model.layers.{layer}."
        before = norm(x, at + n["norms"][0], n["eps"])
        x = x + attention(c, linear, norm, before, f"{at}{n['attn']}.", n["heads"], p)
        before = norm(x, at + n["norms"][1], n["eps"])
        gate = torch.nn.functional.silu(linear(before, at + "mlp.gate_proj"))
        x = x + linear(gate * linear(before, at + "mlp.up_proj"), at + "mlp.down_proj")
    hidden.append(x)
    head = p.get("lm_head.weight", p[f"{n['embed']}.weight"])
    return torch.nn.functional.linear(norm(x, "model.norm", n["eps"]), head), hidden


def attention(c, linear, norm, x, at, H, p):
    B, T, _ = x.shape
    heads = lambda y, count: y.view(B, T, count, -1)
    turn = lambda y: rotate(y, c["rope_theta"])
    if c["model_type"] == "mla":
        # The norms of the ranks have the library's default.
        q = linear(linear_norm(linear, norm, x, at + "q_proj", 1e-5), at + "q_proj.2") if c["q_lora_rank"] else linear(x, at + "q_proj")
        N, R, V = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
        kv = heads(linear(linear_norm(linear, norm, x, at + "kv_proj", 1e-5), at + "kv_proj.2"), H)
        k, v = kv.split([N, V], -1)
        shared = heads(linear(x, at + "k_rope"), 1)
    elif c["model_type"] == "grouped_latent_gla":
        d, R, N = c["head_dim"], c["qk_rope_dim"], c["head_dim"]
        q = linear(norm(linear(x, at + "W_dQ"), at + "q_norm", c["rms_norm_eps"]), at + "W_uQ_rope")
        *latents, shared = linear(x, at + "W_dKV").split([2 * d, 2 * d, R], -1)
        ups = [heads(linear(norm(y, f"{at}kv_norm_{i}", c["rms_norm_eps"]), f"{at}W_ukv_{i}"), H // 2) for i, y in enumerate(latents, 1)]
        k, v = torch.cat(ups, 2).split([d, d], -1)
        shared = heads(shared, 1)
    else:
        d, R, G = c["head_dim"], c["rope_dim"], c["num_key_value_heads"]
        q, N = linear(x, at + "q_proj"), d - R
        v = heads(linear(x, at + "kv_proj"), G).repeat_interleave(H // G, 2)
        k, shared = v[..., :N], heads(linear(x, at + "W_rope_k"), 1)
    plain, turned = heads(q, H).split([N, R], -1)
    q = torch.cat([plain, turn(turned)], -1)
    k = torch.cat([k, turn(shared).expand(B, T, H, R)], -1)
    scores = torch.einsum("bthd,bshd->bhts", q, k) * (N + R) ** -0.5
    t = torch.arange(T)
    seen = t[:, None] >= t[None, :]
    if c.get("window_size"):
        seen &= t[:, None] - t[None, :] < c["window_size"]
    o = torch.einsum("bhts,bshd->bthd", scores.masked_fill(~seen, -torch.inf).softmax(-1), v)
    return linear(o.reshape(B, T, -1), at + "o_proj")


def linear_norm(linear, norm, x, at, eps):
    return norm(linear(x, at + ".0"), at + ".1", eps)


def rotate(x, theta):
    """[B, T, H, R], halves."""
    R = x.shape[-1]
    angle = torch.arange(x.shape[1], dtype=torch.float64)[:, None] * theta ** (-2 * torch.arange(R // 2, dtype=torch.float64) / R)
    c, s = angle.cos()[:, None], angle.sin()[:, None]
    a, b = x[..., : R // 2], x[..., R // 2 :]
    return torch.cat([a * c - b * s, b * c + a * s], -1)


def drawn(name, shape, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    if name.endswith("bias"):
        return 0.3 * x
    if len(shape) == 1:
        return 1 + 0.3 * x
    if "embed" in name:
        return 0.5 * x
    return (2.0 if "lm_head" in name else 1.3) * x / shape[1] ** 0.5


if __name__ == "__main__":
    main(Paper("make_latent_cases.py", forward, shapes_of, drawn), CASES)
