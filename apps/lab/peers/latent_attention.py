"""Decode steps over a cache: of keys and values (GQA), of tied heads (GTA), of latents in the absorbed form (MLA, GLA)."""

import torch
import torch.nn.functional as F

from timing import DTYPES, copies, failure, seconds_of

VARIANTS = {'f32': 'f32', 'bf16': 'bf16, tensor cores'}


def tiny(size):
    """The same mechanism at sizes that a CPU does at once."""
    K, R, V = {'GQA': (8, 0, 8), 'GTA': (4, 4, 8)}.get(size['mechanism'], (8, 4, 8))
    return size | {'B': 2, 'S': 20, 'H': 4, 'G': min(2, size['G']), 'K': K, 'R': R, 'V': V}


def visible(size, device):
    """What each of n queries sees of S positions, the last n of which are its own and theirs: `[n, S]`. None: everything."""
    n, S = size['n'], size['S']
    if n == 1:
        return None
    return torch.arange(S, device=device) <= torch.arange(S - n, S, device=device)[:, None]


def by_sdpa(size, q, cache, mask):
    """q `[B, H, n, K]` over keys and values `[B, G, S, K]`."""
    return F.scaled_dot_product_attention(q, cache[0], cache[1], attn_mask=mask, scale=size['scale'], enable_gqa=size['G'] != size['H'])


def by_products(size, q, cache, mask):
    """
    Two products of matrices and a softmax in f32 between them. The queries of a group are rows of one matrix: q `[B, G, H / G · n, K + R]`,
    keys and values `[B, G, S, K]`, or rows `[B, S, G · V + R]`, which nothing copies.
    """
    G, K, R, V = (size[key] for key in ('G', 'K', 'R', 'V'))
    if size['mechanism'] == 'GQA':
        k, v = cache
        scores = q @ k.transpose(-1, -2)
    else:
        rows = cache[0]
        v = rows[..., : G * V].unflatten(-1, (G, V)).transpose(1, 2)
        shared = rows[..., G * V :].unsqueeze(1)
        if G == 1 and K == V:  # latent and shared key lie side by side
            scores = q @ rows.unsqueeze(1).transpose(-1, -2)
        else:
            scores = q[..., :K] @ v[..., :K].transpose(-1, -2) + q[..., K:] @ shared.transpose(-1, -2)
    scores = scores.float() * size['scale']
    if mask is not None:
        scores = scores.masked_fill(~mask.repeat(size['H'] // G, 1), float('-inf'))
    return scores.softmax(-1).to(q.dtype) @ v


def expected(size, q, cache, mask):
    """In float64, head by head: softmax of (own part and shared part) times values. q `[B, H, n, K + R]`, result of that shape with V."""
    G, H, K, V = (size[key] for key in ('G', 'H', 'K', 'V'))
    heads = []
    for h in range(H):
        g = h * G // H
        if size['mechanism'] == 'GQA':
            k, v = cache[0][:, g].double(), cache[1][:, g].double()
        else:
            rows = cache[0].double()
            v = rows[..., g * V : (g + 1) * V]
            k = torch.cat([v[..., :K], rows[..., G * V :]], -1)
        scores = q[:, h].double() @ k.transpose(-1, -2) * size['scale']
        if mask is not None:
            scores = scores.masked_fill(~mask, float('-inf'))
        heads.append(scores.softmax(-1) @ v)
    return torch.stack(heads, 1)


def measure(size, how, dtype, device, repeats):
    torch.backends.cuda.matmul.allow_tf32 = False
    B, n, S, H, G, K, R, V = (size[key] for key in ('B', 'n', 'S', 'H', 'G', 'K', 'R', 'V'))
    kind = {'dtype': DTYPES[dtype], 'device': device}
    grouped = size['mechanism'] == 'GQA'
    shapes = [(B, G, S, K), (B, G, S, V)] if grouped else [(B, S, G * V + R)]
    elements = sum(torch.Size(shape).numel() for shape in shapes)
    caches = [[torch.randn(shape, **kind) for shape in shapes] for _ in range(copies(elements * DTYPES[dtype].itemsize))]
    q = torch.randn(B, H, n, K + R, **kind)
    mask = visible(size, device)
    # Heads of a group follow each other, and the queries of a head.
    given = q if how is by_sdpa else q.reshape(B, G, H // G * n, K + R)
    made = how(size, given, caches[0], mask).reshape(B, H, n, V)
    want = expected(size, q, caches[0], mask)
    error = ((made - want).abs().max() / want.abs().max()).item()
    if not error < (1e-3 if dtype == 'f32' else 5e-2):
        raise ValueError(f'differs from float64 by {error:.1e}')
    del made, want
    return seconds_of([lambda cache=cache: how(size, given, cache, mask) for cache in caches], device, repeats)


def latent_rows(sizes, device, repeats, late):
    """Rows and failures; what is not begun before it is `late()` is told."""
    rows, failures = [], []
    for size in sizes:
        ways = (('SDPA', by_sdpa), ('products', by_products)) if size['mechanism'] == 'GQA' else (('products', by_products),)
        for name, how in ways:
            for dtype, precision in VARIANTS.items():
                variant = f'{name}, {precision}'
                if late():
                    failures.append(f"latent {size['shape']} {variant}: not reached in time")
                    continue
                try:
                    with torch.inference_mode():
                        seconds = measure(tiny(size) if device == 'cpu' else size, how, dtype, device, repeats)
                except Exception as error:  # what one row cannot do is told, and the others go on
                    failures.append(failure(f"latent {size['shape']} {variant}", error))
                else:
                    rows.append({'group': 'latent', 'shape': size['shape'], 'dtype': 'f32', 'variant': variant, 'microseconds': 1e6 * seconds})
                if device != 'cpu':
                    torch.cuda.empty_cache()
    return rows, failures
