import type { Model } from '@tessera/assembler';
import { memorySink } from '@tessera/checkpoints';
import { zipSync } from 'fflate';

const readme = `A small language model, trained in the Tessera playground.

  tessera generate --model <this folder> --prompt "Once"

Python, where its layout is known to transformers:

  AutoModelForCausalLM.from_pretrained("<this folder>")
  AutoTokenizer.from_pretrained("<this folder>")
`;

/** A model with its tokenizer as the files that others load, packed into one. Numbers hardly shrink, so nothing is compressed. */
export async function packModel(model: Model): Promise<Uint8Array<ArrayBuffer>> {
  const sink = memorySink('model');
  await model.save(sink);
  const files = { ...Object.fromEntries(sink.files), 'README.txt': new TextEncoder().encode(readme) };
  return zipSync(files, { level: 0, mtime: '2020-01-01' }); // equal models give equal files
}
