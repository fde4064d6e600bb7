"""Makes the tiny reference trajectories in `training/<family>-<optimizer>/`.

Needs Python with `torch` (CPU), `transformers` 5.17.0 and `safetensors`; the committed trajectories are its output, so neither
tests nor CI run it.

A trajectory is a directory: a checkpoint (`config.json`, `model.safetensors`, float32, every parameter drawn at random);
`batches.safetensors` with `batches` I64 [steps, rows, context + 1]; `trajectory.json` with the optimiser, the schedule, the limit
of the gradient's global norm, and of each step the loss before its update and the norm before clipping.
"""

import json
import math
import os
import shutil
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

torch.set_num_threads(1)

HERE = Path(__file__).resolve().parent
STEPS, ROWS, CONTEXT, VOCAB = 20, 2, 24, 48
MUON = "Muon on 2-D tensors other than embed and lm_head, AdamW on the rest"
GROUPS = "tensors with 2 or more dimensions, 0 on the others"

LLAMA = dict(
    model_type="llama", vocab_size=VOCAB, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64, tie_word_embeddings=False,
    bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
PHI3 = dict(LLAMA, model_type="phi3", tie_word_embeddings=True)
PHI3.pop("head_dim")
GPT2 = dict(
    model_type="gpt2", vocab_size=VOCAB, n_embd=24, n_layer=2, n_head=4, n_positions=32, attn_pdrop=0.0,
    embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=1, eos_token_id=2,
)

CASES = {
    "llama-adamw": dict(
        config=LLAMA,
        optimizer=dict(name="AdamW", lr=0.01, betas=[0.9, 0.95], eps=1e-8, weight_decay=f"0.1 on {GROUPS}"),
        schedule="lr scaled by min(1,(step+1)/10), step from 0",
        clip=1.0,
    ),
    "phi3-muon": dict(
        config=PHI3,
        optimizer=dict(
            name=MUON,
            muon=dict(lr=0.02, momentum=0.95, nesterov=True, weight_decay=0.1, ns_steps=5, adjust_lr_fn="torch default"),
            adamw=dict(lr=0.01, betas=[0.9, 0.95], eps=1e-8, weight_decay=0.02),
        ),
        schedule="lr scaled by min((step+1)/5,0.1+0.9*(1+cos(pi*step/20))/2), step from 0",
        clip=None,
    ),
    "gpt2-sgd": dict(
        config=GPT2,
        optimizer=dict(name="SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=f"0.01 on {GROUPS}"),
        schedule="constant",
        clip=0.5,
    ),
}


def text_like(generator):
    """Ids of which each mostly follows from the one before."""
    ids = torch.zeros(STEPS, ROWS, CONTEXT + 1, dtype=torch.int64)
    ids[..., 0] = torch.randint(VOCAB, (STEPS, ROWS), generator=generator)
    for t in range(CONTEXT):
        follows = (ids[..., t] * 5 + 7) % VOCAB
        other = torch.randint(VOCAB, (STEPS, ROWS), generator=generator)
        ids[..., t + 1] = torch.where(torch.rand(STEPS, ROWS, generator=generator) < 0.25, other, follows)
    return ids


def groups(named, settings):
    """Parameters with the weight decay that the sentence, or the number, gives them."""
    decay = settings["weight_decay"]
    if not isinstance(decay, str):
        return [dict(params=[p for _, p in named], weight_decay=decay)]
    value = float(decay.split(" ")[0])
    return [
        dict(params=[p for _, p in named if p.ndim >= 2], weight_decay=value),
        dict(params=[p for _, p in named if p.ndim < 2], weight_decay=0.0),
    ]


def optimizers(model, settings):
    named = list(model.named_parameters())
    if settings["name"] == "SGD":
        return [torch.optim.SGD(groups(named, settings), lr=settings["lr"], momentum=settings["momentum"], nesterov=settings["nesterov"])]
    adamw = settings.get("adamw", settings)
    muon = [(n, p) for n, p in named if "muon" in settings and p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    rest = [(n, p) for n, p in named if not any(p is q for _, q in muon)]
    made = [torch.optim.AdamW(groups(rest, adamw), lr=adamw["lr"], betas=tuple(adamw["betas"]), eps=adamw["eps"])]
    if muon:
        m = settings["muon"]
        made.append(torch.optim.Muon([p for _, p in muon], lr=m["lr"], weight_decay=m["weight_decay"], momentum=m["momentum"], nesterov=m["nesterov"], ns_steps=m["ns_steps"]))
    return made


def make(name, case, seed):
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**case["config"]), attn_implementation="eager").float()
    with torch.no_grad():
        for parameter_name, p in model.named_parameters():
            base = 1.0 if parameter_name.endswith(("norm.weight", "layernorm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight")) else 0.0
            p.copy_(base + torch.randn(p.shape, generator=generator) * (0.1 if p.ndim < 2 else p.shape[-1] ** -0.5))
    directory = HERE / "training" / name
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory)
    (directory / "generation_config.json").unlink(missing_ok=True)
    batches = text_like(generator)
    save_file({"batches": batches}, directory / "batches.safetensors")
    made = optimizers(model, case["optimizer"])
    bases = [[g["lr"] for g in o.param_groups] for o in made]
    formula = case["schedule"]
    expression = "1" if formula == "constant" else formula[len("lr scaled by "):-len(", step from 0")]
    losses, norms = [], []
    model.train()
    for step in range(STEPS):
        factor = eval(expression, dict(step=step, min=min, max=max, cos=math.cos, pi=math.pi))
        for o, base in zip(made, bases):
            for g, lr in zip(o.param_groups, base):
                g["lr"] = lr * factor
        ids = batches[step]
        logits = model(input_ids=ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, VOCAB), ids[:, 1:].reshape(-1))
        for o in made:
            o.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), case["clip"] or float("inf")).item())
        losses.append(loss.item())
        for o in made:
            o.step()
    trajectory = dict(
        family=name, optimizer=case["optimizer"], schedule=formula, clip_grad_norm=case["clip"], batch=ROWS,
        context=CONTEXT, tokens="a made-up language; input = batch[:, :-1], target = batch[:, 1:]", loss=losses,
        grad_norm=norms, torch=torch.__version__,
    )
    (directory / "trajectory.json").write_text(json.dumps(trajectory, indent=1) + "\n")
    print(name, losses[0], losses[-1], norms[0], norms[-1])


for seed, (name, case) in enumerate(CASES.items()):
    make(name, case, seed)
