"""
The chunk forms of flash-linear-attention (fla.ops, Triton), at the shapes and gates of our rows: forward, or forward and backward to
all operands, from an initial state. Without a GPU, or without the package, each row is told as a failure.
"""

import importlib
import os
import statistics
import time

import torch

from timing import DTYPES, failure, seconds_of

KERNELS = {
    'Gated DeltaNet': ('fla.ops.gated_delta_rule', 'chunk_gated_delta_rule'),
    'GLA': ('fla.ops.gla', 'chunk_gla'),
    'KDA': ('fla.ops.kda', 'chunk_kda'),
    # chunk_retention makes its decays on the host in each call; this is the kernel beneath it, with the decays of our rows.
    'RetNet': ('fla.ops.simple_gla', 'chunk_simple_gla'),
}


def precision_of(dtype):
    """Triton multiplies f32 on tensor cores in TF32, unless its TRITON_F32_DEFAULT says ieee."""
    if dtype != 'f32':
        return f'{dtype}, tensor cores'
    asked = os.environ.get('TRITON_F32_DEFAULT', 'tf32')
    return 'f32' if asked == 'ieee' else f'f32, products in {asked.upper()}'


def operands(size, dtype, device):
    """q, k, v, g, beta and the state before by name; keys of length about 1, log decays in (-0.1, 0), strengths in (0, 1)."""
    T, H, K, V = (size[key] for key in ('T', 'H', 'K', 'V'))
    kind = {'dtype': DTYPES[dtype], 'device': device}
    per_key = size['mechanism'] in ('GLA', 'KDA')
    made = {
        'q': torch.randn(1, T, H, K, **kind) * K**-0.5,
        'k': torch.randn(1, T, H, K, **kind) * K**-0.5,
        'v': torch.randn(1, T, H, V, **kind),
        # Log decays are summed over a chunk, which has to be in f32.
        'g': -0.1 * torch.rand((1, T, H, K) if per_key else (1, T, H), dtype=torch.float32, device=device),
        'initial_state': torch.randn(1, H, K, V, dtype=torch.float32, device=device),
    }
    if size['mechanism'] in ('Gated DeltaNet', 'KDA'):
        made['beta'] = torch.rand(1, T, H, **kind)
    return made


def expected(made, tokens):
    """o of the first tokens in float64, element by element."""
    q, k, v, g = (made[name][0, :tokens].double() for name in ('q', 'k', 'v', 'g'))
    beta = made['beta'][0, :tokens].double() if 'beta' in made else None
    S = made['initial_state'][0].double()
    outputs = []
    for t in range(tokens):
        decay = g[t].exp()
        S = S * (decay[..., None] if decay.ndim == 2 else decay[:, None, None])
        u = v[t]
        if beta is not None:
            u = beta[t][:, None] * (u - torch.einsum('hk,hkv->hv', k[t], S))
        S = S + k[t][..., None] * u[:, None, :]
        outputs.append(torch.einsum('hk,hkv->hv', q[t], S))
    return torch.stack(outputs)


def eager_seconds(call, repeats):
    """Median of events around several calls, and whether the host was so much faster than the GPU that it does not count."""
    times, ahead = [], []
    for i in range(repeats + 2):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begun = time.perf_counter()
        start.record()
        for _ in range(4):
            call()
        end.record()
        issued = time.perf_counter() - begun
        torch.cuda.synchronize()
        if i >= 2:
            times.append(start.elapsed_time(end) / 1000 / 4)
            ahead.append(issued < 0.8 * (time.perf_counter() - begun))
    return statistics.median(times), all(ahead)


def measure(size, dtype, device, repeats):
    """Seconds of a call, and whether no host time is in them."""
    module, name = KERNELS[size['mechanism']]
    chunked = getattr(importlib.import_module(module), name)
    made = operands(size, dtype, device)

    def forward():
        return chunked(**made, scale=1.0, output_final_state=True)[0]

    with torch.no_grad():
        tokens = min(size['T'], 96)
        want = expected(made, tokens)
        error = ((forward()[0, :tokens] - want).abs().max() / want.abs().max()).item()
    if not error < (2e-2 if dtype == 'f32' else 1e-1):
        raise ValueError(f'differs from float64 by {error:.1e}')
    if not size['gradient']:

        def call():
            with torch.no_grad():
                forward()
    else:
        for tensor in made.values():
            tensor.requires_grad_()
        cotangent = torch.randn_like(made['v'])

        def call():
            torch.autograd.grad(forward(), list(made.values()), cotangent)

    for _ in range(2):
        call()  # Triton compiles, and tries out its configurations
    torch.cuda.synchronize()
    seconds, pure = eager_seconds(call, repeats)
    if pure:
        return seconds, True
    try:
        return seconds_of([call], device, repeats), True
    except Exception:  # what cannot be captured
        torch.cuda.synchronize()
        return seconds, False


def linear_rows(sizes, device, repeats, late):
    """Rows and failures, forward first; what is not begun before it is `late()`, or before Ctrl-C, is told."""
    rows, failures = [], []
    ended = False
    for size in sorted(sizes, key=lambda size: size['gradient']):
        for dtype in ('bf16', 'f32'):
            variant = f'flash-linear-attention, {precision_of(dtype)}'
            if ended or late():
                failures.append(f"linear {size['shape']} {variant}: not reached in time")
                continue
            begun = time.monotonic()
            try:
                seconds, pure = measure(size, dtype, device, repeats)
            except KeyboardInterrupt:
                ended = True
                failures.append(f"linear {size['shape']} {variant}: ended after {time.monotonic() - begun:.0f} s")
            except Exception as error:  # what one row cannot do is told, and the others go on
                failures.append(failure(f"linear {size['shape']} {variant}", error))
            else:
                rows.append({'group': 'linear', 'shape': size['shape'], 'dtype': 'f32', 'variant': variant, 'microseconds': 1e6 * seconds})
                print(f"linear {size['shape']} {variant}: {1e6 * seconds:.1f} µs, {time.monotonic() - begun:.0f} s with compilation", flush=True)
                if not pure:
                    failures.append(f"linear {size['shape']} {variant}: timed, but with host time: it could not be captured")
            if device != 'cpu':
                torch.cuda.empty_cache()
    return rows, failures
