import { createAssembler } from '@tessera/assembler';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import type { SafetensorsReader } from '@tessera/checkpoints';
import { openSafetensors, toFloat32, urlSource } from '@tessera/checkpoints';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import type { Device } from '@tessera/tensor-core';
import type { Check } from './check.ts';

/** Attention alone, with convolutions, and with linear attention; each has two layers. */
const cases = ['llama-full', 'lfm2-full', 'olmo_hybrid-full'] as const;

/** Largest |Δ| of a logit, as a part of the largest |logit| of the reference; that of `tessera verify`. */
const tolerance = 2e-4;

const assembler = createAssembler({ plugins: [softmax, linearAttention, norms, feedForward] });

/** Published layouts, fetched from where the page came from, against outputs of a reference implementation. */
export function conformance(device: Device): readonly Check[] {
  return cases.map((name) => ({
    name: `${name}: logits and greedy text are those of the reference`,
    run: () => conform(new URL(`${name}/`, document.baseURI), device),
  }));
}

async function conform(address: URL, device: Device): Promise<void> {
  const reader = await openSafetensors(urlSource(address), { file: 'golden.safetensors' });
  await using model = await assembler.load(address, { device, dtype: 'fp32', precompile: false });

  const { logits } = await model.forward(await readIds(reader, 'input_ids'));
  const expected = toFloat32(await reader.read('logits'), 'F32');
  if (expected.length !== logits.length) throw new Error(`${logits.length} logits instead of ${expected.length}.`);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expected.forEach((value, at) => {
    // Written so that NaN fails too.
    if (!(Math.abs(logits[at]! - value) <= tolerance * largest))
      throw new Error(`Logit ${at} is ${logits[at]} instead of ${value}; the largest is ${largest}.`);
  });

  const [prompt] = await readIds(reader, 'greedy_prompt');
  const [ids] = await readIds(reader, 'greedy_ids');
  const maxNewTokens = ids!.length - prompt!.length;
  const { tokenIds } = await model.generate(prompt!, { temperature: 0, maxNewTokens, ignoreEos: true });
  if (tokenIds.join() !== ids!.join()) throw new Error(`Greedy text is ${tokenIds.join()} instead of ${ids!.join()}.`);
}

async function readIds(reader: SafetensorsReader, name: string): Promise<number[][]> {
  const [rows, length] = reader.tensors.get(name)!.shape as [number, number];
  const ids = Array.from(new BigInt64Array((await reader.read(name)).buffer), Number);
  return Array.from({ length: rows }, (_, row) => ids.slice(row * length, (row + 1) * length));
}
