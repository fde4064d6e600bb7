"""Makes the tiny conformance cases of the layouts of flash-linear-attention in `cases/<model_type>-<variant>/`.

Needs Python with NumPy; the committed cases are its output, so neither tests nor CI run it. The reference is `fla_model.py`, which
agrees with the library's own outputs to 4e-6 of their maximum; here it computes in float64.

    python make_fla_cases.py             # all cases
    python make_fla_cases.py gla kda     # the cases whose name begins with one of these

A case is what `make_cases.py` describes. Derivatives are complex steps, exact to rounding.
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

from fla_model import forward

HERE = Path(__file__).resolve().parent
LENGTH, PROMPT, NEW, VARIANTS = 24, 8, 16, 160

COMMON = {
    "vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 12, "hidden_act": "swish", "norm_eps": 1e-6,
    "max_position_embeddings": 64, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None,
    "attn": None, "attn_mode": "chunk", "fuse_norm": True, "fuse_swiglu": True, "fuse_cross_entropy": True, "use_l2warp": False,
    "attnres_block_size": None, "use_cache": True, "initializer_range": 0.02, "hidden_ratio": 4, "dtype": "float32",
}  # fmt: skip
EXPANDED = {"num_heads": 2, "num_kv_heads": None, "expand_k": 1.0, "expand_v": 1.0, "elementwise_affine": True}
KERNEL = {**EXPANDED, "feature_map": "elementwise_product", "tie_feature_map_qk": False, "norm_q": False, "norm_k": False, "norm_feature_map": False}
GATED = {**EXPANDED, "feature_map": None, "use_short_conv": False, "conv_size": 4, "use_output_gate": True}
DELTA = {"num_heads": 2, "expand_k": 1.0, "expand_v": 1.0, "use_short_conv": True, "conv_size": 4, "use_beta": True, "use_gate": False,
         "allow_neg_eigval": False, "qk_norm": "l2", "qk_activation": "silu", "use_output_norm": True}  # fmt: skip
SIZED = {"num_heads": 2, "head_dim": 6, "expand_v": 1.5, "use_short_conv": True, "conv_size": 4, "allow_neg_eigval": False}
SOFTMAX = {"layers": [1], "num_heads": 2, "num_kv_heads": 1, "qkv_bias": True, "window_size": 7, "rope_theta": 500.0}

CASES = [
    ("linear_attn", "product", "learned products as features, without a denominator", {**KERNEL}),
    ("linear_attn", "hedgehog-normalized", "one learned map for queries and keys, under a denominator; heads that share keys",
     {**KERNEL, "feature_map": "hedgehog", "tie_feature_map_qk": True, "norm_feature_map": True, "num_kv_heads": 1}),
    ("linear_attn", "dpfp", "features without parameters, wide values, a norm without weights",
     {**KERNEL, "feature_map": "dpfp", "expand_v": 2.0, "elementwise_affine": False}),
    ("linear_attn", "elu-sums", "elu + 1 over sums of features, and a layer that attends by softmax",
     {**KERNEL, "feature_map": "elu", "norm_q": True, "norm_k": True, "attn": SOFTMAX}),
    ("retnet", "grouped", "heads that share keys, a feature map", {**GATED, "num_kv_heads": 1, "expand_v": 2.0, "feature_map": "relu"}),
    ("retnet", "no-gate", "no output gate", {**GATED, "use_output_gate": False}),
    ("gla", "convolved", "convolutions, a floor of the decay, heads that share keys, a norm apart from the gate",
     {**GATED, "expand_k": 0.5, "use_short_conv": True, "conv_size": 3, "clamp_min": -0.03, "num_kv_heads": 1, "fuse_norm": False}),
    ("gla", "feature-map", "a feature map and no convolution", {**GATED, "clamp_min": None, "feature_map": "swish"}),
    ("delta_net", "sums", "keys through elu + 1 and over their sum, an output gate", {**DELTA, "qk_activation": "elu", "qk_norm": "sum", "use_gate": True}),
    ("delta_net", "plain", "no convolutions, no learned strength, twice its strength",
     {**DELTA, "use_short_conv": False, "use_beta": False, "allow_neg_eigval": True, "expand_v": 0.5}),
    ("gated_deltanet", "value-heads", "value heads that share key heads, and a layer that attends by softmax",
     {**SIZED, "num_v_heads": 4, "use_gate": True, "attn": [SOFTMAX]}),
    ("gated_deltanet", "plain", "no convolutions, no output gate, negative eigenvalues",
     {**SIZED, "num_v_heads": None, "use_gate": False, "use_short_conv": False, "allow_neg_eigval": True}),
    ("gated_deltaproduct", "two", "two steps a position", {**SIZED, "num_householder": 2, "use_forget_gate": True, "use_output_gate": True, "allow_neg_eigval": True}),
    ("gated_deltaproduct", "three", "three steps, no decay, no gate, no convolutions",
     {**SIZED, "num_householder": 3, "use_forget_gate": False, "use_output_gate": False, "use_short_conv": False}),
    ("kda", "value-heads", "value heads that share key heads", {**SIZED, "num_v_heads": 4, "lower_bound": None, "safe_gate": False, "allow_neg_eigval": True}),
    ("kda", "bounded", "decays with a lower bound, and a layer that attends by softmax",
     {**SIZED, "num_v_heads": None, "lower_bound": -5.0, "safe_gate": True, "attn": {**SOFTMAX, "layers": [0]}}),
    ("transformer", "window", "norms of queries and keys, a window, biases, a tied head",
     {"num_heads": 2, "num_kv_heads": 1, "qkv_bias": True, "qk_norm": True, "window_size": 9, "rope_theta": 1000.0, "tie_word_embeddings": True}),
]  # fmt: skip


def shapes_of(c):
    """Names and shapes of the published tensors."""
    D, F = c["hidden_size"], c["intermediate_size"]
    out = {"model.embeddings.weight": (c["vocab_size"], D), "model.norm.weight": (D,)}
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = (c["vocab_size"], D)
    specs = c["attn"] if isinstance(c["attn"], list) else [c["attn"]] if c["attn"] else []
    for layer in range(c["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        out |= {at + "attn_norm.weight": (D,), at + "mlp_norm.weight": (D,)}
        out |= {at + "mlp.gate_proj.weight": (F, D), at + "mlp.up_proj.weight": (F, D), at + "mlp.down_proj.weight": (D, F)}
        spec = c if c["model_type"] == "transformer" else next((s for s in specs if layer in s["layers"]), None)
        own = softmax_shapes(D, spec) if spec else mixer_shapes(c)
        out |= {f"{at}attn.{name}": shape for name, shape in own.items()}
    return out


def softmax_shapes(D, s):
    d = D // s["num_heads"]
    kv = (s["num_kv_heads"] or s["num_heads"]) * d
    out = {"q_proj.weight": (D, D), "k_proj.weight": (kv, D), "v_proj.weight": (kv, D), "o_proj.weight": (D, D)}
    if s["qkv_bias"]:
        out |= {"q_proj.bias": (D,), "k_proj.bias": (kv,), "v_proj.bias": (kv,)}
    if s.get("qk_norm"):
        out |= {"q_norm.weight": (d,), "k_norm.weight": (d,)}
    return out


def mixer_shapes(c):
    D, H, kind = c["hidden_size"], c["num_heads"], c["model_type"]
    n = c.get("num_householder", 1)
    if "head_dim" in c:
        K, V = c["head_dim"], int(c["head_dim"] * c["expand_v"])
        HV = c.get("num_v_heads") or H
        q, k, v, o = H * K, n * H * K, n * HV * V, HV * V
    else:
        K, V = int(D * c["expand_k"]) // H, int(D * c["expand_v"]) // H
        P = c.get("num_kv_heads") or H
        HV, q, k, v, o = H, H * K, P * K, P * V, H * V
    out = {"q_proj.weight": (q, D), "k_proj.weight": (k, D), "v_proj.weight": (v, D), "o_proj.weight": (D, o)}
    if c.get("use_short_conv") and kind != "retnet":
        out |= {f"{s}_conv1d.weight": (size, 1, c["conv_size"]) for s, size in zip("qkv", (q, k, v))}
    if kind == "linear_attn":
        maps = {"elementwise_product": ("layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"),
                "hedgehog": ("layer.weight", "layer.bias"), "t2r": ("layer.weight",)}  # fmt: skip
        for role in "q" if c["tie_feature_map_qk"] else "qk":
            out |= {f"feature_map_{role}.{m}": (K, K) if "weight" in m else (K,) for m in maps.get(c["feature_map"], ())}
        return out | ({"norm.weight": (V,)} if c["elementwise_affine"] else {})
    if kind in ("retnet", "gla"):
        if kind == "gla":
            out |= {"gk_proj.0.weight": (16, D), "gk_proj.1.weight": (k, 16), "gk_proj.1.bias": (k,)}
        if c["use_output_gate"]:
            out["g_proj.weight"] = (o, D)
        norm = "g_norm_swish_gate.weight" if c["use_output_gate"] and c["fuse_norm"] else "g_norm.weight"
        return out | ({norm: (V,)} if c["elementwise_affine"] else {})
    out["o_norm.weight"] = (V,)
    if kind != "delta_net" or c["use_beta"]:
        out["b_proj.weight"] = (n * HV, D)
    if kind == "kda":
        return out | {"f_proj.0.weight": (V, D), "f_proj.1.weight": (HV * K, V), "A_log": (HV,), "dt_bias": (HV * K,),
                      "g_proj.0.weight": (V, D), "g_proj.1.weight": (o, V), "g_proj.1.bias": (o,)}  # fmt: skip
    if kind == "gated_deltanet" or c.get("use_forget_gate"):
        out |= {"a_proj.weight": (HV, D), "A_log": (HV,), "dt_bias": (HV,)}
    if c.get("use_gate") or c.get("use_output_gate"):
        out["g_proj.weight"] = (o, D)
    return out


def drawn(name, shape, rng):
    if name.endswith("A_log"):
        x = np.log(rng.uniform(0.3, 4, shape))
    elif name.endswith("dt_bias"):
        x = rng.uniform(-3, 0, shape)
    elif "norm" in name:
        x = 1 + 0.3 * rng.standard_normal(shape)
    elif name.endswith("bias"):
        x = 0.5 * rng.standard_normal(shape)
    elif "embeddings" in name or "lm_head" in name:
        x = 0.8 * rng.standard_normal(shape)
    elif "conv1d" in name:
        x = 0.5 * rng.standard_normal(shape)
    else:
        x = 1.2 * rng.standard_normal(shape) / np.sqrt(shape[-1])
    return x.astype(np.float32)


def loss_of(logits, ids):
    z = logits[:, :, :-1]
    shift = z.real.max(-1, keepdims=True)
    log = np.log(np.exp(z - shift).sum(-1)) + shift[..., 0]
    picked = np.take_along_axis(z, np.broadcast_to(ids[None, :, 1:, None], (*z.shape[:3], 1)), -1)[..., 0]
    return (log - picked).mean((1, 2))


def gradients(params, config, ids):
    out = {}
    for name, value in params.items():
        flat = []
        for start in range(0, value.size, VARIANTS):
            count = min(VARIANTS, value.size - start)
            tiled = {k: np.broadcast_to(v, (count, *v.shape)) for k, v in params.items()}
            own = np.repeat(value[None].astype(complex), count, 0).reshape(count, -1)
            own[np.arange(count), start + np.arange(count)] += 1e-30j
            tiled[name] = own.reshape(count, *value.shape)
            flat.append(loss_of(forward(tiled, config, ids)[0], ids).imag / 1e-30)
        out[name] = np.concatenate(flat)
    return out


def save(path, tensors):
    kinds = {np.dtype(np.float32): "F32", np.dtype(np.int64): "I64"}
    header, body = {}, b""
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        data = np.ascontiguousarray(value).tobytes()
        header[name] = {"dtype": kinds[value.dtype], "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def short(x):
    return float(f"{x:.6g}")


def make(kind, variant, covers, options):
    name = f"{kind}-{variant}"
    config = {"architectures": [], "model_type": kind, **COMMON, **options}
    seed = zlib.crc32(name.encode()) % 2**16
    rng = np.random.default_rng(seed)
    stored = {key: drawn(key, shape, rng) for key, shape in shapes_of(config).items()}
    params = {key: value.astype(np.float64) for key, value in stored.items()}
    one = {key: value[None] for key, value in params.items()}
    ids = rng.integers(0, config["vocab_size"], (2, LENGTH))
    logits, hidden = forward(one, config, ids)
    greedy = rng.integers(3, config["vocab_size"], (1, PROMPT))
    margin = np.inf
    for _ in range(NEW):
        last = forward(one, config, greedy)[0][0, :, -1]
        two = np.sort(last, -1)
        margin = min(margin, (two[:, -1] - two[:, -2]).min())
        greedy = np.concatenate([greedy, last.argmax(-1)[:, None]], 1)
    grads = gradients(params, config, ids)
    picks = {key: np.linspace(0, g.size - 1, min(8, g.size)).astype(int) for key, g in grads.items()}
    path = HERE / "cases" / name
    path.mkdir(parents=True, exist_ok=True)
    write = lambda file, data, indent=1: (path / file).write_text(json.dumps(data, indent=indent) + "\n")
    unknown = {"architectures"} | ({"attn", "attn_mode"} if kind == "transformer" else set())
    write("config.json", {key: value for key, value in config.items() if key not in unknown})
    save(path / "model.safetensors", stored)
    save(path / "golden.safetensors", {
        "input_ids": ids.astype(np.int64), "logits": logits[0].astype(np.float32), "greedy_prompt": greedy[:, :PROMPT].astype(np.int64),
        "greedy_ids": greedy.astype(np.int64), **{f"hidden_{i}": h[0, :1, :12].astype(np.float32) for i, h in enumerate(hidden)},
    })  # fmt: skip
    write("grads.json", {
        "loss": float(loss_of(logits, ids)[0]),
        "note": "mean next-token cross-entropy over input_ids; names and shapes as in model.safetensors; norm = L2 norm; value[i] = gradient at flat row-major index[i]",
        "without_gradient": [],
        "params": {key: {"norm": short(np.linalg.norm(g)), "index": picks[key].tolist(), "value": [short(x) for x in g[picks[key]]]}
                   for key, g in grads.items()},
    }, None)  # fmt: skip
    write("meta.json", {
        "family": kind, "variant": variant, "covers": covers, "seed": seed, "stored": "float32", "params": sum(v.size for v in stored.values()),
        "max_abs_logit": float(np.abs(logits).max()), "greedy_min_margin": float(margin), "context_length": None,
        "reference": "fla_model.py in float64, after flash-linear-attention 0.5.2",
    })  # fmt: skip
    print(name, sum(v.size for v in stored.values()), float(margin), flush=True)


if __name__ == "__main__":
    for item in CASES:
        if not sys.argv[1:] or any(f"{item[0]}-{item[1]}".startswith(start) for start in sys.argv[1:]):
            make(*item)
