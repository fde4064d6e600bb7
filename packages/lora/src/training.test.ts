import { memorySink, memorySource } from '@tessera/checkpoints';
import type { MemorySink } from '@tessera/checkpoints';
import { CpuDevice, read } from '@tessera/tensor-core';
import { batchOf, batchesOf, createTrainer, resumeTraining, saveTraining } from '@tessera/training';
import type { Trainer, TrainerOptions } from '@tessera/training';
import { expect, test } from 'vitest';
import { createLora } from './create-lora.ts';
import { loadLora } from './load-lora.ts';
import type { Lora } from './lora.ts';
import { assembler, caseModel, difference, spec } from './test-models.test-data.ts';

const rows = Array.from({ length: 16 }, (_, row) => Array.from({ length: 9 }, (_, place) => (row + 3 * place) % 16));
const options = (lora: Lora, given: Partial<TrainerOptions> = {}): TrainerOptions => ({
  adapter: lora,
  batches: batchesOf(rows, 4),
  optimizer: { kind: 'adamw', learningRate: 0.03 },
  ...given,
});

async function losses(trainer: Trainer, until: number): Promise<number[]> {
  const made: number[] = [];
  for await (const { loss, gradientNorm } of trainer.train({ until })) made.push(loss, gradientNorm);
  return made;
}

test('only A and B are trained, and held: the weights stay as they are kept', async () => {
  const device = new CpuDevice();
  await using model = await assembler.assemble(spec, { device, dtype: 'bf16', seed: 1 });
  const weights = device.allocatedBytes;
  const before = (await model.forward([rows[0]!])).logits;
  using lora = await createLora(model, { rank: 4, alpha: 8 });
  const adapter = device.allocatedBytes - weights;
  await using trainer = await createTrainer(model, options(lora));
  expect(device.allocatedBytes).toBe(weights + 4 * adapter + 4); // a copy, two running means, and one flag
  expect(Object.keys(trainer.state.params).toSorted()).toEqual(Object.keys(lora.tensors).toSorted());
  const others = [batchOf(rows.slice(0, 4))];
  const { loss: first } = await trainer.evaluate(others);
  await losses(trainer, 40);
  expect(device.allocatedBytes).toBe(weights + 4 * adapter + 4);
  const { loss: last } = await trainer.evaluate(others);
  expect(last).toBeLessThan(first - 1);
  expect((await model.forward([rows[0]!])).logits).toEqual(before);
  // What was trained: in a view, in a model of its own, and in the adapter once it has taken it over.
  const view = trainer.view();
  const { logits } = await view.forward([rows[0]!]);
  await view.dispose();
  expect(difference(logits, before)).toBeGreaterThan(0.1);
  await using own = await trainer.model();
  expect(own.dtype).toBe('bf16');
  expect(difference((await own.forward([rows[0]!])).logits, logits)).toBeLessThan(0.05);
  await lora.take(trainer.state.params);
  await using unmerged = lora.view();
  expect((await unmerged.forward([rows[0]!])).logits).toEqual(logits);
  await expect(lora.take({})).rejects.toThrow('lora_A.weight is missing in what was trained');
});

async function trained(
  model: Parameters<typeof createTrainer>[0],
  given: Partial<TrainerOptions>,
): Promise<MemorySink> {
  using lora = await createLora(model, { rank: 2, alpha: 4, targets: ['c_attn', 'c_fc'], seed: 5 });
  await using trainer = await createTrainer(model, options(lora, given));
  await losses(trainer, 3);
  const sink = memorySink();
  await saveTraining(trainer, sink);
  return sink;
}

test.each<[string, Partial<TrainerOptions>]>([
  ['AdamW', {}],
  ['Muon over two batches, layers computed again', { optimizer: { kind: 'muon', learningRate: 0.02 }, accumulate: 2, recompute: 'layers' }], // prettier-ignore
])('a training with %s that is continued from its directory has the losses of an unbroken one', async (_, given) => {
  await using model = await caseModel('gpt2-full');
  const settings = { rank: 2, alpha: 4, targets: ['c_attn', 'c_fc'], seed: 5 } as const;
  using lora = await createLora(model, settings);
  await using whole = await createTrainer(model, options(lora, given));
  const expected = await losses(whole, 7);
  const { files } = await trained(model, given);
  expect([...files.keys()].toSorted()).toEqual([
    'adapter_config.json',
    'adapter_model.safetensors',
    'training.json',
    'training.safetensors',
  ]);
  // By another process: the model from its files, the adapter from the directory.
  await using again = await caseModel('gpt2-full');
  using saved = await loadLora(again, memorySource(files));
  await using resumed = await resumeTraining(again, memorySource(files), options(saved, given));
  expect(resumed.step).toBe(3);
  expect(await losses(resumed, 7)).toEqual(expected.slice(6));
});

test('layers that are computed again, and batches one by one, give the losses of those that are kept and together', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', dtype: 'bf16', seed: 1 });
  using lora = await createLora(model, { rank: 2 });
  const of = async (given: Partial<TrainerOptions>): Promise<number[]> => {
    await using trainer = await createTrainer(model, options(lora, given));
    return await losses(trainer, 5);
  };
  const kept = await of({ batches: batchesOf(rows, 8) });
  for (const given of [{ batches: batchesOf(rows, 8), recompute: 'layers' } as const, { accumulate: 2 }])
    (await of(given)).forEach((loss, index) => expect(loss).toBeCloseTo(kept[index]!, 4));
});

test('an adapter that is another, or none, is not continued', async () => {
  await using model = await caseModel('gpt2-full');
  const { files } = await trained(model, {});
  using lora = await createLora(model, { rank: 2, alpha: 2, targets: ['c_attn', 'c_fc'] });
  await expect(resumeTraining(model, memorySource(files), options(lora))).rejects.toThrow(
    /it was trained with adapter \{"kind":"lora","rank":2,"alpha":4,.*, and is to go on with \{"kind":"lora","rank":2,"alpha":2,/,
  );
  const none = { batches: batchesOf(rows, 4), optimizer: { kind: 'adamw', learningRate: 0.03 } } as const;
  await expect(resumeTraining(model, memorySource(files), none)).rejects.toThrow('and is to go on with none. Go on as');
});

test('a tensor of the adapter that is no number is named', async () => {
  await using model = await caseModel('gpt2-full');
  using lora = await createLora(model, { rank: 2, targets: ['c_attn'] });
  const name = 'transformer.h.1.attn.c_attn.lora_B.weight';
  model.device.write(lora.tensors[name]!, Float32Array.of(Number.NaN), 3);
  await using trainer = await createTrainer(model, options(lora));
  await expect(losses(trainer, 1)).rejects.toThrow(`parameter ${name} is the first that is not.`);
  expect((await read(trainer.state.params[name]!))[3]).toBeNaN();
});
