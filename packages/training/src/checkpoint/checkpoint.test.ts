import { memorySink, memorySource } from '@tessera/checkpoints';
import type { FileSink, MemorySink } from '@tessera/checkpoints';
import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { BesideDevice, assembler, someBatches, spec, usual } from '../test-models.test-data.ts';
import { createTrainer } from '../create-trainer.ts';
import type { Trainer } from '../trainer.ts';
import type { TrainerOptions } from '../trainer-options.ts';
import { readTrainingRecord, resumeTraining } from './resume-training.ts';
import { saveTraining } from './save-training.ts';

async function losses(trainer: Trainer, until: number): Promise<number[]> {
  const made: number[] = [];
  for await (const { loss, gradientNorm } of trainer.train({ until })) made.push(loss, gradientNorm);
  return made;
}

/** A training of three steps, saved. */
async function savedTraining(options: TrainerOptions, sink: MemorySink = memorySink()): Promise<MemorySink> {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  await using trainer = await createTrainer(model, options);
  await losses(trainer, 3);
  await saveTraining(trainer, sink);
  return sink;
}

test.each<[string, Partial<TrainerOptions>]>([
  ['AdamW', {}],
  ['Muon', { optimizer: { kind: 'muon', learningRate: 0.02 }, accumulate: 2 }],
  ['SGD without momentum', { optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0 } }],
])('a training with %s that is continued has the losses of an unbroken one, bit for bit', async (_, given) => {
  const options = (): TrainerOptions =>
    usual({ schedule: { kind: 'cosine', warmup: 2, steps: 20 }, ...given, batches: someBatches() });
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  await using whole = await createTrainer(model, options());
  const expected = await losses(whole, 8);
  const { files } = await savedTraining(options());
  await using loaded = await assembler.load(memorySource(files), { device: 'cpu' });
  await using resumed = await resumeTraining(loaded, memorySource(files), options());
  expect(resumed.progress).toEqual({
    step: 3,
    tokens: given.accumulate ? 240 : 120,
    position: given.accumulate ? 6 : 3,
  });
  expect(await losses(resumed, 8)).toEqual(expected.slice(6));
});

test('what is saved is a model that anybody loads, and a record for people', async () => {
  const { files } = await savedTraining(usual());
  expect([...files.keys()].toSorted()).toEqual([
    'config.json',
    'model.safetensors',
    'training.json',
    'training.safetensors',
  ]);
  await using model = await assembler.load(memorySource(files), { device: 'cpu' });
  expect((await model.forward([[1, 2, 3]])).logits).toHaveLength(48);
  const record = await readTrainingRecord(memorySource(files));
  expect(record).toMatchObject({ step: 3, tokens: 120, position: 3, settings: { optimizer: { kind: 'adamw' } } });
  expect(JSON.parse(new TextDecoder().decode(files.get('training.json')))).toEqual(record);
});

test('weights in 16 bits go on in 32', async () => {
  const options = (): TrainerOptions => usual({ batches: someBatches() });
  const source = memorySink();
  await (await assembler.assemble(spec, { device: 'cpu', seed: 1 })).save(source, { dtype: 'bf16' });
  await using model = await assembler.load(memorySource(source.files), { device: 'cpu' });
  await using whole = await createTrainer(model, options());
  const sink = memorySink();
  await losses(whole, 3);
  await saveTraining(whole, sink);
  const expected = await losses(whole, 6);
  expect(sink.files.get('model.safetensors')!.length).toBe(source.files.get('model.safetensors')!.length);
  await using loaded = await assembler.load(memorySource(sink.files), { device: 'cpu' });
  await using resumed = await resumeTraining(loaded, memorySource(sink.files), options());
  expect(await losses(resumed, 6)).toEqual(expected);
});

test('a save that is cut short leaves the training before', async () => {
  for (const cut of ['model.safetensors', 'config.json', 'training.json', 'training.safetensors']) {
    const sink = await savedTraining(usual());
    await using model = await assembler.load(memorySource(sink.files), { device: 'cpu' });
    await using trainer = await resumeTraining(model, memorySource(sink.files), usual());
    const expected = await losses(trainer, 5);
    const failing: FileSink = {
      ...sink,
      write: (path, chunks) => (path === cut ? Promise.reject(new Error('killed')) : sink.write(path, chunks)),
    };
    await expect(saveTraining(trainer, failing)).rejects.toThrow('killed');
    await using loaded = await assembler.load(memorySource(sink.files), { device: 'cpu' });
    await using again = await resumeTraining(loaded, memorySource(sink.files), usual());
    expect(again.step).toBe(3);
    expect(await losses(again, 5)).toEqual(expected);
  }
});

test('what is saved beside a step under way is what that step leaves', async () => {
  await using model = await assembler.assemble(spec, { device: new BesideDevice(), seed: 1 });
  await using trainer = await createTrainer(model, usual());
  const sink = memorySink();
  const after: number[] = [];
  for await (const { step, loss, gradientNorm } of trainer.train({ until: 6 })) {
    if (step === 2) await saveTraining(trainer, sink);
    if (step > 3) after.push(loss, gradientNorm);
  }
  await using resumed = await resumeTraining(model, memorySource(sink.files), usual());
  expect(resumed.step).toBe(3);
  expect(await losses(resumed, 6)).toEqual(after);
});

test.each<[string, Partial<TrainerOptions>, string]>([
  [
    'another optimiser',
    { optimizer: { kind: 'sgd', learningRate: 0.01 } },
    'memory/training.safetensors: it was trained with optimizer {"kind":"adamw"',
  ],
  ['another limit', { clip: 2 }, 'it was trained with clip 1, and is to go on with 2. Go on as it began.'],
  [
    'other batches',
    { batches: { ...someBatches(), identity: 'others' } },
    'it was trained with batches of no name, and is to go on with "others". Go on as it began.',
  ],
])('%s is refused', async (_, given, message) => {
  const { files } = await savedTraining(usual());
  await using model = await assembler.load(memorySource(files), { device: 'cpu' });
  await expect(resumeTraining(model, memorySource(files), usual(given))).rejects.toThrow(message);
});

test('a training of another model, or none, is refused, and nothing is left on the device', async () => {
  const { files } = await savedTraining(usual());
  const device = new CpuDevice();
  const other = { ...spec, layers: spec.layers.slice(1) };
  await using model = await assembler.assemble(other, { device });
  const before = device.allocatedBytes;
  await expect(resumeTraining(model, memorySource(files), usual())).rejects.toThrow(
    /training\.safetensors: params\.layers\.1\..* belongs to no parameter of the model\. Take the model that was trained\./,
  );
  await using wider = await assembler.assemble({ ...spec, dModel: 16 }, { device: 'cpu' });
  await expect(resumeTraining(wider, memorySource(files), usual())).rejects.toThrow(
    'params.embedding.weight is F32 [16, 8], expected F32 [16, 16]. Take the model that was trained.',
  );
  await expect(resumeTraining(model, memorySource({}), usual())).rejects.toThrow(
    'memory: there is no training.safetensors, expected a training to continue.',
  );
  const plain = { 'training.safetensors': files.get('model.safetensors')! };
  await expect(resumeTraining(model, memorySource(plain), usual())).rejects.toThrow(
    'memory/training.safetensors: its metadata is no training of a known form.',
  );
  expect(device.allocatedBytes).toBe(before);
});
