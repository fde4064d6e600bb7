"""Makes and checks tiny conformance cases of models that are written from a paper; for `make_latent_cases.py` and
`make_mosaic_cases.py`. A case is what `make_cases.py` describes."""

import json
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)
HERE = Path(__file__).resolve().parent
LENGTH, PROMPT, NEW = 24, 8, 16


@dataclass
class Paper:
    """Of a config and tensors in float64: `forward(c, p, ids)` gives logits and hidden states, `shapes_of(c)` published names and shapes, and
    `drawn(name, shape, generator)` weights that hide no term behind a zero or a one."""

    reference: str
    forward: Callable
    shapes_of: Callable
    drawn: Callable


def greedy(paper, c, p, prompt):
    ids, margin = prompt, float("inf")
    for _ in range(NEW):
        top = paper.forward(c, p, ids)[0][:, -1].topk(2, dim=-1)
        margin = min(margin, (top.values[0, 0] - top.values[0, 1]).item())
        ids = torch.cat([ids, top.indices[:, :1]], 1)
    return ids, margin


def make(paper, model_type, variant, covers, config):
    c = {"model_type": model_type, **config}
    name = f"{model_type}-{variant}"
    target = HERE / "cases" / name
    target.mkdir(parents=True, exist_ok=True)
    for attempt in range(40):
        seed = zlib.crc32(name.encode()) % 100000 + attempt
        generator = torch.Generator().manual_seed(seed)
        stored = {k: paper.drawn(k, s, generator).float() for k, s in paper.shapes_of(c).items()}
        p = {k: v.double() for k, v in stored.items()}
        ids = torch.randint(3, c["vocab_size"], (2, LENGTH), generator=generator)
        prompt = torch.randint(3, c["vocab_size"], (1, PROMPT), generator=generator)
        with torch.no_grad():
            out, margin = greedy(paper, c, p, prompt)
            largest = paper.forward(c, p, ids)[0].abs().max().item()
        if margin > 5e-3 * largest and len(set(out[0, PROMPT:].tolist())) >= 6:
            break
    p = {k: v.requires_grad_() for k, v in p.items()}
    logits, hidden = paper.forward(c, p, ids)
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, c["vocab_size"]), ids[:, 1:].reshape(-1))
    loss.backward()
    tensors = {}
    for k, v in p.items():
        if v.grad is None:  # how much of a mixture of a map with itself is that map
            continue
        flat = v.grad.flatten()
        index = sorted(torch.randperm(flat.numel(), generator=generator)[:8].tolist())
        tensors[k] = {"norm": flat.norm().item(), "index": index, "value": flat[index].tolist()}
    golden = {"input_ids": ids, "logits": logits.detach().float(), "greedy_prompt": prompt, "greedy_ids": out}
    golden |= {f"hidden_{i}": h[:1, :12].detach().float().contiguous() for i, h in enumerate(hidden)}
    save_file(stored, target / "model.safetensors", metadata={"format": "pt"})
    save_file(golden, target / "golden.safetensors")
    meta = {
        "family": model_type, "variant": variant, "covers": covers, "seed": seed, "stored": "float32", "params": sum(v.numel() for v in stored.values()),
        "max_abs_logit": largest, "greedy_min_margin": margin, "context_length": None, "reference": f"{paper.reference} in float64",
    }  # fmt: skip
    without = [k for k, v in p.items() if v.grad is None]
    for file, content in (("config.json", c), ("grads.json", {"loss": loss.item(), "without_gradient": without, "params": tensors}), ("meta.json", meta)):
        (target / file).write_text(json.dumps(content, indent=1) + "\n")
    print(name, sum(f.stat().st_size for f in target.iterdir()), "bytes, margin", round(margin, 4), "of", round(largest, 2))


def check(paper, directory):
    folder = Path(directory)
    config = folder / "config.json"
    if config.exists():
        c = json.loads(config.read_text())
    else:
        c = {"model_type": json.loads((folder / "meta.json").read_text())["item"], **json.loads((folder / "hparams.json").read_text())}
    golden = load_file(folder / "golden.safetensors")
    p = {k: v.double() for k, v in load_file(folder / "model.safetensors").items()}
    logits = paper.forward(c, p, golden["input_ids"])[0]
    print(directory, ((logits - golden["logits"]).abs().max() / golden["logits"].abs().max()).item())


def main(paper, cases):
    if sys.argv[1:2] == ["--check"]:
        for directory in sys.argv[2:]:
            check(paper, directory)
    else:
        for one in cases:
            make(paper, *one)
