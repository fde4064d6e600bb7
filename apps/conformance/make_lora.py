"""Makes the tiny reference adapters in `lora/<case>/`, each over the checkpoint `cases/<case>`.

Needs Python with `torch` (CPU), `transformers` 5.17.0, `peft` 0.21.0 and `safetensors`; the committed adapters are its output, so
neither tests nor CI run it.

An adapter is a directory as PEFT writes it, with A and B drawn at random; `golden.safetensors` has `ids` I64 [rows, context],
`logits` F32 of the model with the adapter, and the gradients of the mean next-token loss by A and B, under their names in the
file with `grad.` before them.
"""

import json
import os
import shutil
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)

HERE = Path(__file__).resolve().parent

CASES = {
    # Stored [in, out], queries, keys and values in one.
    "gpt2-full": dict(r=2, lora_alpha=6, target_modules=["c_attn", "mlp.c_proj"]),
    # A file without the prefix that the modules have.
    "gpt2-base-names": dict(r=1, lora_alpha=2, target_modules=["c_fc"]),
    # Fused matrices of unequal parts.
    "phi3-full": dict(r=3, lora_alpha=4, use_rslora=True, target_modules="all-linear"),
    # The three of each head together; ranks and sizes by pattern.
    "gpt_neox-full": dict(
        r=2, lora_alpha=3, target_modules=["query_key_value", "dense_h_to_4h"],
        rank_pattern={"layers.1.attention.query_key_value": 1}, alpha_pattern={"dense_h_to_4h": 5},
    ),
    # Convolutions beside attention, chosen by an expression.
    "lfm2-full": dict(r=2, lora_alpha=2, target_modules=r".*\.(?:in_proj|w2)"),
}


def make(name: str, options: dict) -> None:
    torch.manual_seed(11)
    directory = HERE / "lora" / name
    shutil.rmtree(directory, ignore_errors=True)
    base = AutoModelForCausalLM.from_pretrained(HERE / "cases" / name, dtype=torch.float32, attn_implementation="eager")
    model = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **options)).eval()
    for key, value in model.named_parameters():
        if "lora_" in key:
            value.data.normal_(0, 0.3)
    ids = torch.randint(3, base.config.vocab_size, (2, 7))
    logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    config = json.loads((directory / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = f"cases/{name}"
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    grads = {
        f"grad.{key.replace('.default', '')}": value.grad.contiguous()
        for key, value in model.named_parameters()
        if "lora_" in key
    }
    golden = dict(ids=ids, logits=logits.detach().contiguous(), **grads)
    save_file(golden, directory / "golden.safetensors", metadata={"loss": repr(loss.item())})


for case, settings in CASES.items():
    make(case, settings)
