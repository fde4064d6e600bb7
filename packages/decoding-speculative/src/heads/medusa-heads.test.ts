import type { Model } from '@tessera/assembler';
import { memorySink, memorySource } from '@tessera/checkpoints';
import type { MemorySink } from '@tessera/checkpoints';
import type { Tensor } from '@tessera/tensor-core';
import { read } from '@tessera/tensor-core';
import { batchOf, batchesOf, createTrainer } from '@tessera/training';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { V, modelOf, stacks } from '../stacks.test-support.ts';
import { likeliest } from './candidate-tree.ts';
import { createMedusaHeads } from './create-heads.ts';
import { headAccuracy } from './head-accuracy.ts';
import { loadMedusaHeads } from './load-heads.ts';
import type { MedusaHeads } from './medusa-heads.ts';
import { randomHeads, train } from './heads.test-support.ts';

const rows = [
  [3, 1, 4, 1, 5, 9, 2, 6, 5],
  [2, 7, 1, 8, 2, 8, 1, 8, 2],
  [1, 6, 1, 8, 0, 3, 3, 9, 8],
];

let model: Model;
beforeAll(async () => void (model = await modelOf(stacks[5]![1])));
afterAll(() => model.dispose());

type Logits = (row: number, position: number, head: number) => Float32Array;

/** Logits of heads by plain loops over what the graph says is read last. */
async function plainLogits(heads: MedusaHeads): Promise<Logits> {
  const { dModel: D } = model.spec;
  const { blocks, ownOutput } = heads.config;
  const values = async (tensor: Tensor): Promise<Float32Array> => (await model.device.read(tensor)) as Float32Array;
  const tensors = new Map<string, Float32Array>();
  for (const [name, tensor] of Object.entries(heads.tensors)) tensors.set(name, await values(tensor));
  const output = await values(model.params[model.graph.outputMatrix]!);
  const { taps } = await model.forward(rows, { taps: [model.spec.layers.length] });
  const residual = taps.get(model.spec.layers.length)!;
  const norm = await values(model.params['finalNorm.weight']!);
  return (row, position, head) => {
    const at = (row * rows[0]!.length + position) * D;
    const x = residual.subarray(at, at + D);
    const scale = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / D + 1e-6);
    let h = x.map((value, i) => (value / scale) * norm[i]!);
    for (let block = 0; block < blocks; block++) {
      const W = tensors.get(`heads.${head}.blocks.${block}.weight`)!;
      const b = tensors.get(`heads.${head}.blocks.${block}.bias`)!;
      const before = h;
      h = before.map((value, i) => {
        const made = before.reduce((sum, each, j) => sum + W[i * D + j]! * each, b[i]!);
        return value + made / (1 + Math.exp(-made));
      });
    }
    const U = ownOutput ? tensors.get(`heads.${head}.output.weight`)! : output;
    return Float32Array.from({ length: V }, (_, id) => h.reduce((sum, value, i) => sum + U[id * D + i]! * value, 0));
  };
}

function crossEntropy(logits: Float32Array, id: number): number {
  const most = Math.max(...logits);
  return Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0)) + most - logits[id]!;
}

describe.each([[{ heads: 3 }], [{ heads: 2, blocks: 2, ownOutput: true }]])('heads %j', (options) => {
  test('at first say what the model says of the next token', async () => {
    using heads = await createMedusaHeads(model, options);
    const { logits } = await model.forward([rows[0]!]);
    const made = await plainLogits(heads);
    for (let head = 0; head < options.heads; head++)
      for (const [id, value] of made(0, 4, head).entries()) expect(value).toBeCloseTo(logits[4 * V + id]!, 4);
  });

  test('give h + SiLU(h W + b) to their output matrix, and later tokens count less in their loss', async () => {
    using heads = await randomHeads(model, options);
    const logitsOf = await plainLogits(heads);
    const still = { kind: 'sgd', learningRate: 0 } as const;
    await using trainer = await createTrainer(model, { adapter: heads, batches: batchesOf(rows, 1), optimizer: still });
    const ones = new Array<number>(9).fill(1);
    // The last two tokens of the second row are another document; of the third row two tokens are not learned.
    const segments = [ones, [0, 0, 0, 0, 0, 0, 0, 1, 1], ones];
    const targets = [ones, ones, [1, 1, 1, 0, 0, 1, 1, 1, 1]];
    for (const [row, tokens] of rows.entries()) {
      const made = Array.from({ length: options.heads }, (_, head) => {
        const counted = Array.from({ length: 7 - head }, (__, t) => t).filter(
          (t) => segments[row]![t] === segments[row]![t + 2 + head] && targets[row]![t + 2 + head] === 1,
        );
        const losses = counted.map((t) => crossEntropy(logitsOf(row, t, head), tokens[t + 2 + head]!));
        const hits = counted.filter((t) => likeliest(logitsOf(row, t, head), 1)[0] === tokens[t + 2 + head]);
        return {
          loss: (0.8 ** head * losses.reduce((a, b) => a + b, 0)) / losses.length,
          accuracy: hits.length / counted.length,
        };
      });
      const given = [segments, targets].map((beside) => Int32Array.from(beside[row]!));
      const batch = { ...batchOf([tokens]), segments: given[0], targets: given[1] };
      const { loss } = await trainer.evaluate([batch]);
      expect(loss).toBeCloseTo(
        made.reduce((sum, head) => sum + head.loss, 0),
        4,
      );
      const accuracy = await headAccuracy(heads, [batch]);
      expect(accuracy).toEqual(made.map((head) => expect.closeTo(head.accuracy, 6)));
    }
  });

  test('learn on a model that stays as it is, and are the same when they were saved and loaded', async () => {
    using heads = await createMedusaHeads(model, options);
    // A text whose next tokens follow from the last one.
    const texts = [0, 1, 2, 3].map((from) => Array.from({ length: 13 }, (_, t) => [3, 1, 4, 9][(from + t) % 4]!));
    const before = await model.forward([texts[0]!]);
    const bytes = model.device.allocatedBytes;
    const { first, last } = await train(heads, texts, 80);
    expect(last).toBeLessThan(0.5 * first);
    expect(model.device.allocatedBytes).toBe(bytes);
    expect((await model.forward([texts[0]!])).logits).toEqual(before.logits);
    const accuracy = await headAccuracy(heads, [batchOf(texts)]);
    for (const each of accuracy) expect(each).toBeGreaterThan(0.9);

    for (const [dtype, places] of [
      ['fp32', 6],
      ['bf16', 1],
    ] as const) {
      const sink = memorySink();
      await heads.save(sink, { dtype });
      using loaded = await loadMedusaHeads(model, memorySource(sink.files));
      expect(loaded.config).toEqual(heads.config);
      for (const [name, tensor] of Object.entries(heads.tensors)) {
        const [wanted, made] = await Promise.all([read(tensor), read(loaded.tensors[name]!)]);
        made.forEach((value, index) => expect(value).toBeCloseTo(wanted[index]!, places));
      }
    }
  });
});

describe('are refused', () => {
  async function files(change: (config: Record<string, unknown>) => unknown = () => undefined): Promise<MemorySink> {
    using heads = await createMedusaHeads(model);
    const sink = memorySink();
    await heads.save(sink);
    const config = JSON.parse(new TextDecoder().decode(sink.files.get('config.json'))) as Record<string, unknown>;
    await sink.write('config.json', [new TextEncoder().encode(JSON.stringify(change(config) ?? config))]);
    return sink;
  }

  test.each<[string, (config: Record<string, unknown>) => unknown, string]>([
    ['another model', ({ model: facts, ...c }) => ({ ...c, model: { ...(facts as object), dModel: 16 } }), 'the heads belong to a model with dModel = 16, and this one has 12'],
    ['another vocabulary', ({ model: facts, ...c }) => ({ ...c, model: { ...(facts as object), vocabSize: 9 } }), 'the heads belong to a model with vocabSize = 9, and this one has 24'],
    ['something else', () => ({ model_type: 'llama' }), 'kind is undefined, expected "tessera-medusa-heads"'],
    ['a number that is none', (c) => ({ ...c, heads: 0 }), 'heads is 0, expected a whole number from 1'],
    ['more heads than there are tensors', (c) => ({ ...c, heads: 4 }), 'heads.3.blocks.0.weight is missing, expected [12, 12]'],
    ['fewer', (c) => ({ ...c, heads: 2 }), 'heads.2.blocks.0.bias belongs to no head'],
  ])('%s', async (_, change, message) => {
    const before = model.device.allocatedBytes;
    const { files: given } = await files(change);
    await expect(loadMedusaHeads(model, memorySource(given))).rejects.toThrow(message);
    expect(model.device.allocatedBytes).toBe(before);
  }); // prettier-ignore

  test('a directory without them, options that are none, and heads that are gone', async () => {
    await expect(loadMedusaHeads(model, memorySource(new Map()))).rejects.toThrow('there is no config.json');
    await expect(createMedusaHeads(model, { heads: 0 })).rejects.toThrow('heads is 0, expected a whole number from 1');
    const heads = await createMedusaHeads(model);
    await expect(heads.save(memorySink(), { dtype: 'q4' as 'fp32' })).rejects.toThrow("heads: dtype is 'q4'");
    await expect(heads.take({})).rejects.toThrow('heads: heads.0.blocks.0.weight is missing');
    heads.dispose();
    heads.dispose();
    await expect(heads.save(memorySink())).rejects.toThrow('The heads were disposed.');
  });

  test('rows that are too short for the last of them', async () => {
    using heads = await createMedusaHeads(model);
    await expect(headAccuracy(heads, [batchOf([[1, 2, 3, 4]])])).rejects.toThrow(
      'rows have 3 positions, and 3 heads look 4 tokens ahead',
    );
  });
});
