"""The models of flash-linear-attention 0.5.2 in NumPy, one position after another, as its layers and naive ops say.

All arrays have a first axis of variants of the parameters, so that derivatives come from complex steps, many at a time.
`python fla_model.py DIRECTORY...` compares with `golden.safetensors` of conformance directories.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np


def real(x):
    return x.real if np.iscomplexobj(x) else x


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.log(1 + np.exp(x))


def relu(x):
    return np.where(real(x) > 0, x, 0)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def elu1(x):
    return np.where(real(x) > 0, x + 1, np.exp(np.where(real(x) > 0, 0, x)))


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "silu": silu, "swish": silu, "gelu": gelu, "sqrelu": lambda x: relu(x) ** 2, "relu2": lambda x: relu(x) ** 2}


def softmax(x):
    e = np.exp(x - real(x).max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def linear(x, w, b=None):
    y = np.einsum("p...i,poi->p...o", x, w, optimize=True)
    return y if b is None else y + shaped(b, y)


def shaped(w, y):
    return w.reshape(w.shape[0], *[1] * (y.ndim - 2), w.shape[1])


def rms(x, w, eps):
    y = x / np.sqrt((x * x).mean(-1, keepdims=True) + eps)
    return y if w is None else y * shaped(w, y)


def l2(x):
    return x / np.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)


def heads(x, d):
    return x.reshape(*x.shape[:-1], x.shape[-1] // d, d)


def convolve(x, w):
    J = w.shape[-1]
    padded = np.concatenate([np.zeros_like(x[:, :, : J - 1]), x], 2)
    return sum(padded[:, :, j : j + x.shape[2]] * w[:, None, None, :, 0, j] for j in range(J))


def rotate(x, theta, d):
    """[P, B, T, H, d], halves."""
    angle = np.arange(x.shape[2])[:, None] * theta ** (-2 * np.arange(d // 2) / d)
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return np.concatenate([a * c - b * s, b * c + a * s], -1)


def recur(q, k, v, g=None, beta=None, read=None):
    """S ← e^g S; S ← S + k (β (v − k S) or v); o = q S. All [P, B, T, H, ·]."""
    H = v.shape[3]
    q, k = (np.repeat(x, H // x.shape[3], 3) for x in (q, k))
    S = np.zeros((*v.shape[:2], H, k.shape[-1], v.shape[-1]), np.result_type(q, k, v))
    o = []
    for t in range(v.shape[2]):
        if g is not None:
            decay = np.exp(g[:, :, t])
            S = S * (decay[..., None] if decay.ndim == 4 else decay[..., None, None])
        u = v[:, :, t]
        if beta is not None:
            u = beta[:, :, t, :, None] * (u - np.einsum("pbhk,pbhkv->pbhv", k[:, :, t], S))
        S = S + k[:, :, t, :, :, None] * u[..., None, :]
        o.append(np.einsum("pbhk,pbhkv->pbhv", q[:, :, t], S))
    return np.stack(o, 2)


def attention(x, p, s, eps=1e-5, qk_norm=False):
    H = s["num_heads"]
    P = s.get("num_kv_heads") or H
    D = x.shape[-1] // H
    q, k, v = (heads(linear(x, p[f"{n}_proj.weight"], p.get(f"{n}_proj.bias")), D) for n in "qkv")
    if qk_norm:
        q, k = rms(q, p["q_norm.weight"], eps), rms(k, p["k_norm.weight"], eps)
    q, k = (rotate(y, s.get("rope_theta") or 10000.0, D) for y in (q, k))
    k, v = (np.repeat(y, H // P, 3) for y in (k, v))
    scores = np.einsum("pbthd,pbshd->pbhts", q, k) * D**-0.5
    t = np.arange(x.shape[2])
    seen = t[:, None] >= t[None, :]
    if s.get("window_size"):
        seen &= t[:, None] - t[None, :] < s["window_size"]
    o = np.einsum("pbhts,pbshd->pbthd", softmax(np.where(seen, scores, -1e30)), v)
    return linear(o.reshape(x.shape), p["o_proj.weight"])


def streams(x, p, used, activations=("silu", "silu", "silu")):
    """Queries, keys, values through their maps, convolutions and activations."""
    out = []
    for name, activation in zip("qkv", activations):
        y = linear(x, p[f"{name}_proj.weight"])
        if used:
            y = convolve(y, p[f"{name}_conv1d.weight"])
        out.append(ACTIVATIONS[activation](y) if activation else y)
    return out


def finish(o, p, gate=None, norm="o_norm", eps=1e-6, act=silu):
    weight = p.get(f"{norm}.weight")
    y = rms(o, weight, eps)
    if gate is not None:
        y = y * act(gate.reshape(o.shape))
    return linear(y.reshape(*o.shape[:3], -1), p["o_proj.weight"])


def feature_map(name, x, p, role):
    w = lambda key: p.get(f"feature_map_{role}.{key}")
    match name:
        case "elementwise_product":
            return linear(x, w("layer1.weight"), w("layer1.bias")) * linear(x, w("layer2.weight"), w("layer2.bias"))
        case "hedgehog":
            y = 2 * linear(x, w("layer.weight"), w("layer.bias"))
            return softmax(np.concatenate([y, -y], -1))
        case "t2r":
            return relu(linear(x, w("layer.weight")))
        case "dpfp":
            y = np.concatenate([relu(x), -relu(x)], -1)
            return np.concatenate([y * np.roll(y, j, -1) for j in range(1, 5)], -1)
        case "elu":
            return elu1(x)
        case "relu":
            return relu(x)
        case "identity":
            return x


def linear_attn(x, p, c):
    D, H = c["hidden_size"], c["num_heads"]
    K, V = int(D * c["expand_k"]) // H, int(D * c["expand_v"]) // H
    group = H // (c["num_kv_heads"] or H)
    q, k, v = streams(x, p, False, (None, None, None))
    q, k, v = heads(q, K), np.repeat(heads(k, K), group, 3), np.repeat(heads(v, V), group, 3)
    q = feature_map(c["feature_map"], q, p, "q")
    k = feature_map(c["feature_map"], k, p, "q" if c["tie_feature_map_qk"] else "k")
    q = q / (q.sum(-1, keepdims=True) + 1e-4) if c["norm_q"] else q
    k = k / (k.sum(-1, keepdims=True) + 1e-4) if c["norm_k"] else k
    q = q * q.shape[-1] ** -0.5
    o = recur(q, k, v)
    if c["norm_feature_map"]:
        o = o / ((q * np.cumsum(k, 2)).sum(-1, keepdims=True) + 1e-10)
    return finish(o, p, norm="norm", eps=c["norm_eps"])


def gated(x, p, c, g_of, theta=None, convolved=False):
    D, H = c["hidden_size"], c["num_heads"]
    K, V = int(D * c["expand_k"]) // H, int(D * c["expand_v"]) // H
    group = H // (c["num_kv_heads"] or H)
    act = "silu" if convolved else None
    q, k, v = streams(x, p, convolved, (act, act, act))
    phi = ACTIVATIONS[c["feature_map"]] if c["feature_map"] else lambda y: y
    q, k = phi(heads(q, K)), phi(heads(k, K))
    if theta:
        q, k = rotate(q, theta, K), rotate(k, theta, K)
    k, v = np.repeat(k, group, 3), np.repeat(heads(v, V), group, 3)
    o = recur(q * K**-0.5, k, v, g_of(K, group))
    gate = linear(x, p["g_proj.weight"]) if c["use_output_gate"] else None
    norm = "g_norm_swish_gate" if c["use_output_gate"] and c["fuse_norm"] else "g_norm"
    return finish(o, p, gate, norm, c["norm_eps"])


def retnet(x, p, c):
    g = np.log(1 - 2.0 ** (-5 - np.arange(c["num_heads"])))
    return gated(x, p, c, lambda K, group: np.broadcast_to(g, (*x.shape[:3], len(g))), theta=10000.0)


def gla(x, p, c):
    def decay(K, group):
        y = linear(linear(x, p["gk_proj.0.weight"]), p["gk_proj.1.weight"], p["gk_proj.1.bias"])
        g = -softplus(-np.repeat(heads(y, K), group, 3)) / 16
        floor = c["clamp_min"]
        return g if floor is None else np.where(real(g) < floor, floor, g)

    return gated(x, p, c, decay, convolved=c["use_short_conv"])


def delta_net(x, p, c):
    H = c["num_heads"]
    K = int(c["hidden_size"] * c["expand_k"]) // H
    V = int(c["hidden_size"] * c["expand_v"]) // H
    act = "silu" if c["qk_activation"] == "silu" else None
    q, k, v = streams(x, p, c["use_short_conv"], (act, act, "silu"))
    q, k = ({"relu": relu, "elu": elu1}.get(c["qk_activation"], lambda z: z)(heads(y, K)) for y in (q, k))
    q, k = (y / y.sum(-1, keepdims=True) if c["qk_norm"] == "sum" else l2(y) for y in (q, k))
    beta = sigmoid(linear(x, p["b_proj.weight"])) if c["use_beta"] else np.ones((*x.shape[:3], H))
    o = recur(q * K**-0.5, k, heads(v, V), None, beta * (2 if c["allow_neg_eigval"] else 1))
    return finish(o, p, linear(x, p["g_proj.weight"]) if c["use_gate"] else None, eps=c["norm_eps"])


def gated_deltanet(x, p, c):
    K, V = c["head_dim"], int(c["head_dim"] * c["expand_v"])
    q, k, v = streams(x, p, c["use_short_conv"])
    g = -np.exp(p["A_log"])[:, None, None] * softplus(linear(x, p["a_proj.weight"]) + p["dt_bias"][:, None, None])
    beta = sigmoid(linear(x, p["b_proj.weight"])) * (2 if c["allow_neg_eigval"] else 1)
    o = recur(l2(heads(q, K)) * K**-0.5, l2(heads(k, K)), heads(v, V), g, beta)
    return finish(o, p, linear(x, p["g_proj.weight"]) if c["use_gate"] else None, eps=c["norm_eps"])


def gated_deltaproduct(x, p, c):
    K, V, H, n = c["head_dim"], int(c["head_dim"] * c["expand_v"]), c["num_heads"], c["num_householder"]
    q, k, v = streams(x, p, c["use_short_conv"])
    P, B, T = x.shape[:3]
    k, v = k.reshape(P, B, T * n, H, K), v.reshape(P, B, T * n, H, V)
    beta = (sigmoid(linear(x, p["b_proj.weight"])) * (2 if c["allow_neg_eigval"] else 1)).reshape(P, B, T * n, H)
    last = np.zeros((P, B, T, n, H, K), q.dtype)
    last[:, :, :, -1] = l2(heads(q, K)) * K**-0.5
    g = None
    if c["use_forget_gate"]:
        own = -np.exp(p["A_log"])[:, None, None] * softplus(linear(x, p["a_proj.weight"]) + p["dt_bias"][:, None, None])
        g = np.zeros((P, B, T, n, H), own.dtype)
        g[:, :, :, 0] = own
        g = g.reshape(P, B, T * n, H)
    o = recur(last.reshape(P, B, T * n, H, K), l2(k), v, g, beta).reshape(P, B, T, n, H, V)[:, :, :, -1]
    return finish(o, p, linear(x, p["g_proj.weight"]) if c["use_output_gate"] else None, eps=c["norm_eps"])


def kda(x, p, c):
    K, V = c["head_dim"], int(c["head_dim"] * c["expand_v"])
    q, k, v = streams(x, p, c["use_short_conv"])
    f = heads(linear(linear(x, p["f_proj.0.weight"]), p["f_proj.1.weight"]) + p["dt_bias"][:, None, None], K)
    rate = np.exp(p["A_log"])[:, None, None, :, None]
    floor = c["lower_bound"]
    g = -rate * softplus(f) if floor is None else floor * sigmoid(rate * f)
    beta = sigmoid(linear(x, p["b_proj.weight"])) * (2 if c["allow_neg_eigval"] else 1)
    o = recur(l2(heads(q, K)) * K**-0.5, l2(heads(k, K)), heads(v, V), g, beta)
    gate = linear(linear(x, p["g_proj.0.weight"]), p["g_proj.1.weight"], p["g_proj.1.bias"])
    return finish(o, p, gate, eps=c["norm_eps"], act=sigmoid)


MIXERS = {f.__name__: f for f in (linear_attn, retnet, gla, delta_net, gated_deltanet, gated_deltaproduct, kda)}


def forward(p, c, ids):
    """`p`: tensors with a first axis of variants. Logits [P, B, T, vocabulary] and the stream before each layer and after the last."""
    below = lambda prefix: {k[len(prefix) :]: v for k, v in p.items() if k.startswith(prefix)}
    x = p["model.embeddings.weight"][:, ids]
    hidden = []
    eps = c["norm_eps"]
    specs = c.get("attn") or []
    specs = specs if isinstance(specs, list) else [specs]
    for layer in range(c["num_hidden_layers"]):
        hidden.append(x)
        w = below(f"model.layers.{layer}.")
        own = below(f"model.layers.{layer}.attn.")
        y = rms(x, w["attn_norm.weight"], eps)
        spec = next((s for s in specs if layer in s["layers"]), None)
        if c["model_type"] == "transformer":
            x = x + attention(y, own, c, qk_norm=c["qk_norm"])
        elif spec:
            x = x + attention(y, own, spec)
        else:
            x = x + MIXERS[c["model_type"]](y, own, c)
        y = rms(x, w["mlp_norm.weight"], eps)
        up = silu(linear(y, w["mlp.gate_proj.weight"])) * linear(y, w["mlp.up_proj.weight"])
        x = x + linear(up, w["mlp.down_proj.weight"])
    hidden.append(x)
    head = p["model.embeddings.weight"] if c["tie_word_embeddings"] else p["lm_head.weight"]
    return linear(rms(x, p["model.norm.weight"], eps), head), hidden


def load(path):
    raw = Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    kinds = {"F32": np.float32, "I64": np.int64}
    return {
        name: np.frombuffer(raw[8 + size :][slice(*t["data_offsets"])], kinds[t["dtype"]]).reshape(t["shape"])
        for name, t in header.items()
        if name != "__metadata__"
    }


def main():
    for directory in map(Path, sys.argv[1:]):
        config = json.loads((directory / "config.json").read_text())
        params = {k: v.astype(np.float64)[None] for k, v in load(directory / "model.safetensors").items()}
        golden = load(directory / "golden.safetensors")
        logits, _ = forward(params, config, golden["input_ids"])
        print(directory.name, np.abs(logits[0] - golden["logits"]).max() / np.abs(golden["logits"]).max())


if __name__ == "__main__":
    main()
