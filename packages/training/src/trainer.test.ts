import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { batchOf, batchesOf } from './batch-source.ts';
import type { BatchSource } from './batch-source.ts';
import { BesideDevice, assembler, rowsOf, someBatches, spec, usual } from './test-models.test-data.ts';
import { createTrainer } from './create-trainer.ts';
import type { Trainer } from './trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';
import type { TrainCall, TrainingEvent } from './training-event.ts';

async function collect(trainer: Trainer, call: TrainCall): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of trainer.train(call)) events.push(event);
  return events;
}

/** Losses of a new model, trained so. */
async function losses(options: TrainerOptions, until: number): Promise<number[]> {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  await using trainer = await createTrainer(model, options);
  return (await collect(trainer, { until })).map(({ loss }) => loss);
}

test('the loss falls, on texts that are learned and on others', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  const others = [batchOf(rowsOf(8, 11, 99))];
  await using trainer = await createTrainer(model, usual());
  const before = await trainer.evaluate(others);
  const events = await collect(trainer, { until: 100 });
  const after = await trainer.evaluate(others);
  expect(events.map(({ step }) => step)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  expect(events[0]!.loss).toBeGreaterThan(2.7);
  expect(events.at(-1)!.loss).toBeLessThan(2);
  expect(events.at(-1)).toMatchObject({ step: 100, tokens: 4000, learningRate: 0.01 });
  expect(after.loss).toBeLessThan(before.loss - 0.7);
  expect(after).toMatchObject({ perplexity: Math.exp(after.loss), tokens: 80 });
});

test('the loss of an evaluation is that of the model', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  await using trainer = await createTrainer(model, usual());
  const rows = rowsOf(3, 11, 5);
  const { loss } = await trainer.evaluate([batchOf(rows)]);
  const each = await model.lossOf(rows);
  expect(loss).toBeCloseTo(each.reduce((sum, one) => sum + one, 0) / each.length, 5);
});

test('gradients of several batches are averaged as those of one large one', async () => {
  const large = await losses(usual({ batches: batchesOf(rowsOf(64, 11), 8) }), 6);
  const small = await losses(usual({ accumulate: 2 }), 6);
  large.forEach((loss, step) => expect(small[step]).toBeCloseTo(loss, 4));
});

test('layers that are computed again give the same losses', async () => {
  const kept = await losses(usual(), 6);
  const again = await losses(usual({ recompute: 'layers' }), 6);
  kept.forEach((loss, step) => expect(again[step]).toBeCloseTo(loss, 5));
});

test('documents of a row do not see each other, and their first tokens do not count', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  await using trainer = await createTrainer(model, usual());
  const [a, b] = [rowsOf(1, 5, 3)[0]!, rowsOf(1, 6, 4)[0]!];
  const packed = batchOf([[...a, ...b]]);
  const segments = Int32Array.from([...a.map(() => 0), ...b.map(() => 1)]);
  const { loss, tokens } = await trainer.evaluate([{ ...packed, segments }]);
  const each = [...(await model.lossOf([a])), ...(await model.lossOf([b]))];
  expect(tokens).toBe(9);
  expect(loss).toBeCloseTo(each.reduce((sum, one) => sum + one, 0) / 9, 5);
  await using other = await createTrainer(model, {
    ...usual(),
    batches: { ...someBatches(), next: () => ({ ...packed, segments }) },
  });
  expect((await collect(other, { until: 1 }))[0]!.loss).toBeCloseTo(loss, 5);
});

test('nothing is learned of tokens that are no targets', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  const rows = rowsOf(2, 7, 5);
  const targets = Int32Array.from(rows.flatMap((row) => row.map((_, index) => (index >= 4 ? 1 : 0))));
  const batch = { ...batchOf(rows), targets };
  await using trainer = await createTrainer(model, { ...usual(), batches: { ...someBatches(), next: () => batch } });
  const each = await model.lossOf(rows);
  const wanted = [3, 4, 5, 9, 10, 11].map((index) => each[index]!);
  const { loss, tokens } = await trainer.evaluate([batch]);
  expect(tokens).toBe(6);
  expect(loss).toBeCloseTo(wanted.reduce((sum, one) => sum + one, 0) / 6, 5);
  const events = await collect(trainer, { until: 12 });
  expect(events[0]!.loss).toBeCloseTo(loss, 5);
  expect(events.at(-1)!.loss).toBeLessThan(loss - 0.5);
  const short = { ...batch, targets: targets.subarray(1) };
  await expect(trainer.evaluate([short])).rejects.toThrow('14 tokens and 13 targets, expected 2 rows of 6 + 1');
});

test('the model that is trained stays as it is; a model with the new weights generates, and changes no more', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  const ids = rowsOf(1, 8)[0]!;
  const before = (await model.forward([ids])).logits;
  await using trainer = await createTrainer(model, usual());
  await collect(trainer, { until: 3 });
  await using trained = await trainer.model();
  const { logits } = await trained.forward([ids]);
  expect((await model.forward([ids])).logits).toEqual(before);
  expect(logits).not.toEqual(before);
  await collect(trainer, { until: 5 });
  expect((await trained.forward([ids])).logits).toEqual(logits);
  expect((await trained.generate(ids, { maxNewTokens: 4 })).newTokenIds).toHaveLength(4);
});

test('nothing is left on the device', async () => {
  const device = new CpuDevice();
  const model = await assembler.assemble(spec, { device, seed: 1 });
  const before = device.allocatedBytes;
  const trainer = await createTrainer(model, usual({ accumulate: 2 }));
  const held = device.allocatedBytes;
  expect(held - before).toBe(3 * before + 4); // weights, two running means, and one flag
  await collect(trainer, { until: 4 });
  await trainer.evaluate([batchOf(rowsOf(2, 11))]);
  expect(device.allocatedBytes).toBe(held);
  await (await trainer.model()).dispose();
  await trainer.dispose();
  await trainer.dispose();
  expect(device.allocatedBytes).toBe(before);
  await expect(collect(trainer, {})).rejects.toThrow('The trainer was disposed.');
  await model.dispose();
  expect(device.allocatedBytes).toBe(0);
});

test('weights in 16 bits are trained in 32', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1, dtype: 'bf16' });
  await using trainer = await createTrainer(model, usual({ optimizer: { kind: 'adamw', learningRate: 1e-6 } }));
  await collect(trainer, { until: 1 });
  await using trained = await trainer.model();
  expect(trained.dtype).toBe('fp32');
});

test('a device beside the host is one step ahead, but not where it settles', async () => {
  const device = new BesideDevice();
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  await using trainer = await createTrainer(model, usual());
  device.runs = 0;
  const ahead: number[] = [];
  for await (const { step } of trainer.train({ until: 7, settleEvery: 3 })) {
    ahead.push(device.runs - step);
    expect(trainer.step).toBe(device.runs);
  }
  expect(ahead).toEqual([1, 1, 0, 1, 1, 0, 0]);
  const other = await losses(usual(), 7);
  await using again = await createTrainer(model, usual());
  expect((await collect(again, { until: 7 })).map(({ loss }) => loss)).toEqual(other);
});

test('an abort ends after the steps under way, whose events come first', async () => {
  const device = new BesideDevice();
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  await using trainer = await createTrainer(model, usual());
  const controller = new AbortController();
  const reason = new Error('enough');
  const steps: number[] = [];
  const run = async (): Promise<void> => {
    for await (const { step } of trainer.train({ signal: controller.signal })) {
      steps.push(step);
      if (step === 3) controller.abort(reason);
    }
  };
  await expect(run()).rejects.toBe(reason);
  expect(steps).toEqual([1, 2, 3, 4]);
  expect(trainer.progress).toEqual({ step: 4, tokens: 160, position: 4 });
  for await (const { step } of trainer.train()) {
    expect(step).toBe(5);
    break;
  }
  expect(trainer.step).toBe(6);
});

test('ends with the batches', async () => {
  const source = someBatches();
  const batches: BatchSource = { ...source, next: () => (source.position() < 3 ? source.next() : undefined) };
  expect(await losses(usual({ batches }), 100)).toHaveLength(3);
});

test.each([
  ['on the host', new CpuDevice()],
  ['beside it', new BesideDevice()],
])('a loss that is no number ends with its step and the tensor, %s, and changes nothing', async (_, device) => {
  await using model = await assembler.assemble(spec, { device, seed: 1 });
  const optimizer = { kind: 'sgd', learningRate: 1e30, momentum: 0, weightDecay: 0 } as const;
  await using trainer = await createTrainer(model, usual({ optimizer, clip: false }));
  const steps: number[] = [];
  const run = async (): Promise<void> => {
    for await (const { step } of trainer.train({ until: 20 })) steps.push(step);
  };
  await expect(run()).rejects.toMatchObject({
    code: 'NUMERICAL',
    message: expect.stringMatching(/^train: at step 2 the loss is (NaN|Infinity) .* is the first that is not\./),
    facts: { step: 2, tensor: expect.stringContaining('layer') },
  });
  expect(steps).toEqual([1]);
  expect(trainer.step).toBe(1);
  await expect(run()).rejects.toMatchObject({ code: 'NUMERICAL' });
  // Weights of 1e30 are finite.
  await using left = await trainer.model();
  for (const param of Object.values(left.params))
    expect((await device.read(param)).every((value) => Number.isFinite(value))).toBe(true);
});

test('a parameter that is no number is named as it is published', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  model.device.write(model.params['layers.1.feedForward.up_proj']!, Float32Array.of(Number.NaN), 5);
  await using trainer = await createTrainer(model, usual());
  await expect(collect(trainer, {})).rejects.toThrow(
    "train: at step 1 the loss is NaN and the gradient's norm NaN, expected finite numbers; parameter layers.1.feedForward.up_proj is the first that is not.",
  );
});

test.each([
  [{ optimiser: 1 }, "train: 'optimiser' is not known, expected batches, optimizer, adapter, schedule"],
  [{ clip: 0 }, 'clip is 0, expected a number above 0.'],
  [{ accumulate: 1.5 }, 'accumulate is 1.5, expected a whole number at least 1.'],
  [{ recompute: 'all' }, 'recompute is "all", expected "none" or "layers".'],
])('the option %o is refused', async (options, message) => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  await expect(createTrainer(model, { ...usual(), ...(options as Partial<TrainerOptions>) })).rejects.toThrow(message);
});

test.each([
  [{ tokens: Int32Array.of(1, 2, 16), rows: 1, context: 2 }, 'batch: token 2 of row 0 has id 16'],
  [{ tokens: Int32Array.of(1, 2, 3), rows: 1, context: 3 }, 'batch: 3 tokens, expected 1 rows of 3 + 1.'],
])('the batch %o is refused', async (batch, message) => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  await using trainer = await createTrainer(model, usual({ batches: { ...someBatches(), next: () => batch } }));
  await expect(collect(trainer, {})).rejects.toThrow(message);
  await expect(trainer.evaluate([batch])).rejects.toThrow(message);
});

test('two calls do not train at once', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  await using trainer = await createTrainer(model, usual());
  const first = trainer.train({ until: 3 });
  await first.next();
  await expect(collect(trainer, {})).rejects.toThrow('train: another call is training.');
  await first.return();
  expect(await collect(trainer, { until: 3 })).toHaveLength(2);
});
