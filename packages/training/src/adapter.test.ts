import { add, asTensor, fromHost, mean, mul, square, sub } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { Adapter } from './adapter.ts';
import { batchOf, batchesOf } from './batch-source.ts';
import { createTrainer } from './create-trainer.ts';
import { assembler, rowsOf, spec } from './test-models.test-data.ts';

test('an adapter may learn something else than the next token, from what the model computes', async () => {
  await using model = await assembler.assemble(spec, { device: 'cpu' });
  using x = model.device.upload(Float32Array.of(1), { shape: [1], dtype: 'f32' });
  const adapter: Adapter = {
    tensors: { x },
    settings: { kind: 'a number' },
    apply: (weights) => weights,
    // (x − 3)², and what follows from the tokens with no weight.
    loss({ graph, weights, trained, batch: { tokens } }) {
      const [B, T] = tokens.shape as [number, number];
      const lengths = fromHost(new Int32Array(B).fill(T), [B]);
      const starts = fromHost(new Int32Array(B), [B]);
      const { hidden, links } = graph.hidden(weights, { tokens, starts, lengths });
      const losses = square(sub(trained['x']!, 3));
      const loss = add(mean(losses), mul(mean(hidden), 0));
      return { loss, count: asTensor(1), objective: loss, losses, links };
    },
    save: () => Promise.reject(new Error('Nobody asks for it.')),
  };
  const rows = rowsOf(8, 11);
  const optimizer = { kind: 'sgd', learningRate: 0.25, momentum: 0 } as const;
  await using trainer = await createTrainer(model, { adapter, batches: batchesOf(rows, 4), optimizer, clip: false });
  const losses: number[] = [];
  for await (const { loss } of trainer.train({ until: 4 })) losses.push(loss);
  expect(losses).toEqual([4, 1, 0.25, 0.0625]);
  expect((await trainer.evaluate([batchOf(rows.slice(0, 2))])).loss).toBe(1 / 64);
  // The model is what it was.
  await using view = trainer.view();
  expect(view.params).toEqual(model.params);
});
