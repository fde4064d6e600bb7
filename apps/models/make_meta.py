"""Writes what `transformers` computes with the models of this folder: `golden.safetensors` and `meta.json` of each.

Needs Python with `torch` (CPU), `transformers` 5.17.0, `tokenizers` and `safetensors`; its output is committed, so neither
tests nor CI run it. `tessera verify apps/models/*` compares Tessera with it.

    python make_meta.py --texts shakespeare.txt speeches.txt   # all models; the texts are those of llama-4m

* `golden.safetensors`  `input_ids` I64 [1, 16]; `logits` F32 [1, 16, vocab], both of the first of 48 ids; `greedy_prompt` I64
                        [1, n] and `greedy_ids` I64 [1, n + 64], each token from a whole forward pass, no cache;
* `meta.json`           parameters; prompt and greedy text; `val_loss`: mean loss over the end of each text that training did
                        not see (its last 5 % of characters, from the next newline on), in windows of 512 tokens,
                        the rest that fills none left out.

Weights are those of the files, computed with in float32 by eager attention.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent
LENGTH, NEW, CONTEXT = 48, 64, 512
KEPT = 16

MODELS = {
    'llama-4m': {'prompt': 'ROMEO:\n', 'text': 'KING RICHARD:\nNow is the winter of our discontent made glorious summer by this son of York; and all the clouds that hung upon our house in the deep bosom of the ocean buried. And I have been there before the people and the world.'},
    'story-llama': {'prompt': 'Once there was', 'text': 'Once there was a kind girl named Ida. She had a good friend, Tom. One day Tom lost his red kite in the garden, and Ida found it under the bridge. They were happy, and they went home. Where was the kite? It was under the bridge.'},
}
MODELS['story-gated-delta-net'] = MODELS['story-llama']


def greedy(model, ids, count):
    for _ in range(count):
        ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    return ids


def validation_loss(model, tokenizer, path):
    text = path.read_text(encoding='utf8')
    border = text.index('\n', math.floor(0.95 * len(text))) + 1
    ids = torch.tensor(tokenizer.encode(text[border:], add_special_tokens=False))
    count = (len(ids) - 1) // CONTEXT * CONTEXT
    inputs, targets = ids[:count].view(-1, CONTEXT), ids[1 : count + 1].view(-1, CONTEXT)
    total = 0.0
    for window, wanted in zip(inputs.split(8), targets.split(8)):
        logits = model(window, use_cache=False).logits
        total += torch.nn.functional.cross_entropy(logits.flatten(0, 1).double(), wanted.flatten(), reduction='sum').item()
    return total / count


def make(name, prompt, text, texts):
    folder = HERE / name
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation='eager').eval()
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)[:LENGTH]])
    assert ids.shape[1] == LENGTH, f'{name}: the text has {ids.shape[1]} tokens'
    start = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
    continued = greedy(model, start, NEW)
    logits = model(ids, use_cache=False).logits[:, :KEPT].contiguous()
    save_file(
        {'input_ids': ids[:, :KEPT].contiguous(), 'logits': logits, 'greedy_prompt': start, 'greedy_ids': continued},
        folder / 'golden.safetensors',
    )
    val_loss = {path.stem: validation_loss(model, tokenizer, path) for path in texts}
    meta = {
        'name': name,
        'params': sum(p.numel() for p in model.parameters()),
        'context': model.config.max_position_embeddings,
        **({'val_loss': val_loss} if val_loss else {}),
        'greedy': {'prompt': prompt, 'ids': continued[0].tolist(), 'text': tokenizer.decode(continued[0])},
    }
    (folder / 'meta.json').write_text(json.dumps(meta, indent=1) + '\n', encoding='utf8')
    print(name, meta['params'], val_loss, repr(meta['greedy']['text']))


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('models', nargs='*', default=list(MODELS))
    parser.add_argument('--texts', nargs='*', type=Path, default=[], help='of llama-4m')
    options = parser.parse_args()
    with torch.no_grad():
        for name in options.models:
            make(name, **MODELS[name], texts=options.texts if name == 'llama-4m' else [])
