"""Measures PyTorch at the shapes of the benchmark, on the same machine: python3 torch_peers.py --json=peers.json

Kernels: CUDA events around a replayed CUDA graph, so that no host time is counted; weights and caches alternate as in ours, so that
none is still in the L2 cache. Models: transformers, eager, as most people run it. --dry runs everything once on the CPU at tiny
sizes, to see that it works; its figures say nothing. Training: a Llama of transformers, eager, forward, loss, backward, clipping and
AdamW, timed by events at both ends of each step and by the clock over all of them. Latent: decode steps over caches, by
scaled_dot_product_attention and by plain products. Linear: the Triton kernels of flash-linear-attention.
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.nn.functional as F

from latent_attention import latent_rows
from linear_attention import linear_rows
from timing import DTYPES, copies, failure, seconds_of

def product(size, dtype, device, tf32, repeats):
    """x Wᵀ, or A · B where the shape says so; everything in one dtype."""
    torch.backends.cuda.matmul.allow_tf32 = tf32
    M, K, N = size['M'], size['K'], size['N']
    kind = {'dtype': DTYPES[dtype], 'device': device}
    x = torch.randn(M, K, **kind)
    if '·' in size['shape']:
        b = torch.randn(K, N, **kind)
        return seconds_of([lambda: torch.matmul(x, b)], device, repeats)
    count = copies(K * N * x.element_size()) if M < 64 else 1
    weights = [torch.randn(N, K, **kind) for _ in range(count)]
    return seconds_of([lambda w=w: F.linear(x, w) for w in weights], device, repeats)


def attention(size, dtype, device, repeats):
    """scaled_dot_product_attention, causal where there is more than one query, by whatever kernel PyTorch picks."""
    torch.backends.cuda.matmul.allow_tf32 = False
    n, S, H, G, D = (size[key] for key in ('n', 'S', 'H', 'G', 'D'))
    kind = {'dtype': DTYPES[dtype], 'device': device}
    q = torch.randn(1, H, n, D, **kind)
    count = copies(2 * S * G * D * q.element_size()) if n == 1 else 1
    caches = [[torch.randn(1, G, S, D, **kind) for _ in range(2)] for _ in range(count)]

    def one(k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=n > 1, enable_gqa=G != H)

    return seconds_of([lambda k=k, v=v: one(k, v) for k, v in caches], device, repeats)


def kernels(shapes, device, repeats):
    rows, failures = [], []

    def row(group, size, dtype, variant, measure):
        try:
            seconds = measure()
        except Exception as error:  # what one row cannot do is told, and the others go on
            failures.append(failure(f"{group} {size['shape']} {variant}", error))
            return
        rows.append({'group': group, 'shape': size['shape'], 'dtype': dtype, 'variant': variant, 'microseconds': 1e6 * seconds})

    for group in ('matmul', 'gemv'):
        for size in shapes[group]:
            for dtype in size['dtypes']:
                if dtype == 'f32':
                    row(group, size, dtype, 'f32', lambda: product(size, 'f32', device, False, repeats))
                    if group == 'matmul':
                        row(group, size, dtype, 'TF32, tensor cores', lambda: product(size, 'f32', device, True, repeats))
                else:
                    row(group, size, dtype, f'{dtype}, tensor cores', lambda: product(size, dtype, device, False, repeats))
    for group in ('attention', 'decode'):
        for size in shapes[group]:
            for dtype, variant in (('f32', 'f32'), ('bf16', 'bf16, tensor cores')):
                row(group, size, 'f32', variant, lambda: attention(size, dtype, device, repeats))
    return rows, failures


def model(dtype, device, dry):
    """A Llama of 1.1 billion random parameters: tokens a second around position 512, and of a prompt of 2048."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.backends.cuda.matmul.allow_tf32 = False
    prompt, context, tokens = (16, 16, 4) if dry else (2048, 512, 64)
    sizes = (
        {'hidden_size': 32, 'intermediate_size': 48, 'num_hidden_layers': 2, 'num_attention_heads': 4, 'num_key_value_heads': 2, 'vocab_size': 64}
        if dry
        else {
            'hidden_size': 2048,
            'intermediate_size': 5632,
            'num_hidden_layers': 22,
            'num_attention_heads': 32,
            'num_key_value_heads': 4,
            'vocab_size': 32000,
        }
    )
    config = LlamaConfig(max_position_embeddings=4096, tie_word_embeddings=False, **sizes)
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPES[dtype])
    try:
        with torch.device(device):
            llama = LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)

    def ids(count):
        return torch.randint(0, config.vocab_size, (1, count), device=device)

    def read(tokens_in, cache=None):
        made = llama(tokens_in, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return made.logits[:, -1:].argmax(-1), made.past_key_values

    def wait():
        if device != 'cpu':
            torch.cuda.synchronize()

    def clock(work):
        wait()
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    prefills, awaited, batched = [], [], []
    with torch.inference_mode():
        for i in range(2 if dry else 12):
            text = ids(prompt)
            seconds = clock(lambda: read(text)[0].item())
            if i >= 1:
                prefills.append(seconds)
        for i in range(1 if dry else 3):
            token, cache = read(ids(context - tokens // 2))
            token.item()
            for step in range(tokens):
                begun = time.perf_counter()
                token, cache = read(token, cache)
                token.item()
                if step >= tokens // 16:
                    awaited.append(time.perf_counter() - begun)
            token, cache = read(ids(context - tokens // 2))
            wait()
            begun = time.perf_counter()
            for _ in range(tokens):
                token, cache = read(token, cache)
            wait()
            batched.append((time.perf_counter() - begun) / tokens)
    return {
        'dtype': dtype,
        'decodeAwaited': 1 / statistics.median(awaited),
        'decodeBatched': 1 / statistics.median(batched),
        'prefill': prompt / statistics.median(prefills),
    }


def training(sizes, device, autocast, fused, dry):
    """Steps on one batch of random tokens: the median between events, the clock over all of them, and the most that tensors held."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision('highest')
    warm_up, timed = (1, 2) if dry else (8, 40)
    config = LlamaConfig(
        hidden_size=sizes['width'],
        intermediate_size=sizes['hidden'],
        num_hidden_layers=sizes['layers'],
        num_attention_heads=sizes['heads'],
        num_key_value_heads=sizes['heads'],
        vocab_size=sizes['vocabSize'],
        max_position_embeddings=sizes['context'],
        tie_word_embeddings=False,
        use_cache=False,
    )
    cuda = device != 'cpu'
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    held_before = torch.cuda.memory_allocated() if cuda else 0
    torch.manual_seed(1)
    with torch.device(device):
        llama = LlamaForCausalLM(config).train()
    # Several tensors in one kernel is the default on a GPU; fused is the faster one, for which one has to ask.
    kind = {'fused': True} if fused else {'foreach': cuda, 'fused': False}
    optimizer = torch.optim.AdamW(llama.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, **kind)
    tokens = torch.randint(0, config.vocab_size, (sizes['rows'], sizes['context'] + 1), device=device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=autocast):
            logits = llama(tokens[:, :-1]).logits
        loss = F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(llama.parameters(), 1.0)
        optimizer.step()
        return loss.detach()

    def wait():
        if cuda:
            torch.cuda.synchronize()

    def mark():
        if not cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    losses = [step() for _ in range(warm_up)]
    wait()
    begun = time.perf_counter()
    marks = [mark()]
    for _ in range(timed):
        losses.append(step())
        marks.append(mark())
    wait()
    wall = (time.perf_counter() - begun) / timed
    seconds = [a.elapsed_time(b) / 1000 if cuda else b - a for a, b in zip(marks, marks[1:])]
    return {
        'variant': 'bf16 autocast' if autocast else 'f32',
        'optimizer': 'AdamW fused' if fused else 'AdamW foreach',
        'step': 1e6 * statistics.median(seconds),
        'wall': 1e6 * wall,
        'heldBytes': torch.cuda.max_memory_allocated() - held_before if cuda else 0,
        'losses': [losses[0].item(), losses[-1].item()],
    }


def tiny(shapes):
    """The same rows at sizes that a CPU does at once."""
    small = {'M': 4, 'K': 8, 'N': 8, 'n': 4, 'S': 4, 'H': 4, 'D': 8}
    return {
        group: [{key: 1 if key in ('M', 'n') and value == 1 else small.get(key, value) for key, value in size.items()} | ({'G': 2} if 'G' in size else {}) for size in sizes]
        for group, sizes in shapes.items()
        if group not in ('comment', 'training', 'latent', 'linear')
    }


PARTS = ('kernels', 'models', 'training', 'latent', 'linear')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', required=True, help='file for the figures')
    parser.add_argument('--dry', action='store_true', help='tiny sizes on the CPU')
    parser.add_argument('--only', default=','.join(PARTS), help=f'what is measured, of {", ".join(PARTS)} (default: all)')
    parser.add_argument('--shapes', default='', help='latent and linear: only shapes with this in their names')
    parser.add_argument('--seconds', type=float, default=1e9, help='latent and linear: after that time no row begins')
    parser.add_argument('--no-models', action='store_true', help='kernels only')
    options = parser.parse_args()
    only = {'kernels'} if options.no_models else set(options.only.split(','))
    if not only <= set(PARTS):
        parser.error(f'--only={options.only}: expected some of {", ".join(PARTS)}')
    torch.manual_seed(1)
    torch.backends.cudnn.allow_tf32 = False
    device = 'cpu' if options.dry else 'cuda'
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'shapes.json'), encoding='utf8') as file:
        shapes = json.load(file)
    rows, failures = [], []
    if 'kernels' in only:
        with torch.inference_mode():
            rows, failures = kernels(tiny(shapes) if options.dry else shapes, device, 1 if options.dry else 20)
    repeats = 1 if options.dry else 20
    end = time.monotonic() + options.seconds
    for part, measure in (('latent', latent_rows), ('linear', linear_rows)):
        if part in only:
            sizes = [size for size in shapes[part] if options.shapes in size['shape']]
            more, missing = measure(sizes, device, repeats, lambda: time.monotonic() > end)
            rows += more
            failures += missing
    models = []
    for dtype in ('f32', 'bf16', 'f16') if 'models' in only else ():
        try:
            models.append(model(dtype, device, options.dry))
        except Exception as error:
            failures.append(failure(f'model {dtype}', error))
        if device == 'cuda':
            torch.cuda.empty_cache()
    trained = []
    sizes = shapes['training']
    if options.dry:
        sizes = sizes | {'layers': 1, 'width': 32, 'heads': 4, 'hidden': 48, 'vocabSize': 64, 'rows': 2, 'context': 8}
    for autocast, fused in ((False, False), (False, True), (True, False), (True, True)) if 'training' in only else ():
        try:
            trained.append(training(sizes, device, autocast, fused, options.dry))
        except Exception as error:
            failures.append(failure(f'training, autocast {autocast}, fused {fused}', error))
    peers = {
        'peer': f'PyTorch {torch.__version__}',
        'device': 'CPU' if options.dry else torch.cuda.get_device_name(),
        'dry': options.dry,
        'rows': rows,
        'models': models,
        'training': trained,
        'failures': failures,
    }
    with open(options.json, 'w', encoding='utf8') as file:
        json.dump(peers, file, ensure_ascii=False, indent=1)
    for line in failures:
        print(f'not measured: {line}')
    print(f'{len(rows)} rows, {len(models)} models and {len(trained)} trainings of {peers["peer"]} on {peers["device"]}: {options.json}')


main()
