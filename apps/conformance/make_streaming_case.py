"""Tiny streaming case: a Llama in NumPy that reads a stream token by token and by chunks, keeping sinks and a window.

Written from the paper (arXiv:2309.17453) and the notes of the published evaluation: cached keys are not rotated; at each step key i of the cache
is rotated by i and the query by its own place. python apps/conformance/make_streaming_case.py, in the repository root.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "papers" / "streaming_sinks_tiny"
V, D, HIDDEN, LAYERS, HEADS, KV, HEAD = 32, 16, 24, 2, 4, 2, 4
START, RECENT, THETA, EPS = 3, 7, 10000.0, 1e-6
CONFIG = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": V, "hidden_size": D, "intermediate_size": HIDDEN,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV, "head_dim": HEAD, "hidden_act": "silu",
    "max_position_embeddings": 64, "rms_norm_eps": EPS, "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
    "rope_parameters": {"rope_type": "default", "rope_theta": THETA},
}


def weights():
    rng = np.random.default_rng(23)
    draw = lambda *shape: (rng.standard_normal(shape) * (shape[-1] ** -0.5 if len(shape) > 1 else 0.2) + (len(shape) == 1)).astype(np.float32)
    made = {"model.embed_tokens.weight": draw(V, D) * 4, "model.norm.weight": draw(D), "lm_head.weight": draw(V, D) * 2}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        made |= {p + "input_layernorm.weight": draw(D), p + "post_attention_layernorm.weight": draw(D)}
        for name, shape in (("q", (HEADS * HEAD, D)), ("k", (KV * HEAD, D)), ("v", (KV * HEAD, D)), ("o", (D, HEADS * HEAD))):
            made[p + f"self_attn.{name}_proj.weight"] = draw(*shape) * 2
        for name, shape in (("gate", (HIDDEN, D)), ("up", (HIDDEN, D)), ("down", (D, HIDDEN))):
            made[p + f"mlp.{name}_proj.weight"] = draw(*shape)
    return made


def rms(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def rotate(x, positions):
    """x [heads, n, d] by the angles of positions [n]; pairs are i and i + d/2."""
    half = HEAD // 2
    angle = np.asarray(positions)[:, None] * THETA ** (-np.arange(half) / half)
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def forward(w, ids, cache):
    """Logits of ids [n] after what each layer's cache holds; the cache then holds them, too."""
    x = w["model.embed_tokens.weight"][ids].astype(np.float64)
    n = len(ids)
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        h = rms(x, w[p + "input_layernorm.weight"])
        heads = lambda name, count: (h @ w[p + f"self_attn.{name}_proj.weight"].T).reshape(n, count, HEAD).swapaxes(0, 1)
        q, k, v = heads("q", HEADS), heads("k", KV), heads("v", KV)
        if cache[i] is not None:
            k, v = np.concatenate([cache[i][0], k], 1), np.concatenate([cache[i][1], v], 1)
        cache[i] = (k, v)
        m = k.shape[1]
        q = rotate(q, np.arange(m - n, m))
        keys = np.repeat(rotate(k, np.arange(m)), HEADS // KV, 0)
        scores = q @ keys.swapaxes(1, 2) * HEAD**-0.5
        scores = np.where(np.arange(m)[None, :] <= np.arange(m - n, m)[:, None], scores, -np.inf)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        o = (e / e.sum(-1, keepdims=True)) @ np.repeat(v, HEADS // KV, 0)
        x = x + o.swapaxes(0, 1).reshape(n, HEADS * HEAD) @ w[p + "self_attn.o_proj.weight"].T
        h = rms(x, w[p + "post_attention_layernorm.weight"])
        gate, up = h @ w[p + "mlp.gate_proj.weight"].T, h @ w[p + "mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[p + "mlp.down_proj.weight"].T
    return rms(x, w["model.norm.weight"]) @ w["lm_head.weight"].T


def keep(cache, recent):
    """The first START entries and the last `recent` of the others."""
    for i, (k, v) in enumerate(cache):
        m = k.shape[1]
        if m > START + recent:
            at = np.r_[0:START, m - recent : m]
            cache[i] = (k[:, at], v[:, at])


def save(path, tensors):
    header, data = {}, b""
    for name, value in tensors.items():
        kind = {"float32": "F32", "int64": "I64"}[str(value.dtype)]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(data), len(data) + value.nbytes]}
        data += np.ascontiguousarray(value).tobytes()
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def main():
    w = weights()
    ids = np.random.default_rng(7).integers(0, V, (1, 80))
    steps = np.array([0, 1, 2, 3, 8, 9, 10, 11, 12, 20, 40, 79])
    logits, cache = [], [None] * LAYERS
    for t in range(ids.shape[1]):
        made = forward(w, ids[0, t : t + 1], cache)
        keep(cache, RECENT)
        if t in steps:
            logits.append(made[0])
    final = {f"final_cache_{name}{i}": cache[i][j].astype(np.float32) for i in range(LAYERS) for j, name in enumerate("kv")}
    # A chunk within what is left, one that evicts, one longer than the window, a single token.
    bounds, blocks, cache = np.array([0, 2, 9, 13, 22, 23, 28]), [], [None] * LAYERS
    for begin, end in zip(bounds[:-1], bounds[1:]):
        if cache[0] is not None and cache[0][0].shape[1] + end - begin > START + RECENT:
            keep(cache, max(0, RECENT - int(end - begin)))
        blocks.append(forward(w, ids[0, begin:end], cache))
    HERE.mkdir(parents=True, exist_ok=True)
    (HERE / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    (HERE / "hparams.json").write_text(json.dumps({"start_size": START, "recent_size": RECENT}, indent=2) + "\n")
    save(HERE / "model.safetensors", w)
    made = {"input_ids": ids, "steps": steps, "logits": np.stack(logits).astype(np.float32), "chunked_bounds": bounds}
    save(HERE / "golden.safetensors", made | {"chunked_logits": np.concatenate(blocks).astype(np.float32)} | final)


main()
