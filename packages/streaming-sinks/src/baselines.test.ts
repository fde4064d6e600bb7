import { LanguageModelGraph, Registry, createAssembler, resolveSpec } from '@tessera/assembler';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import type { ModelSpec } from '@tessera/plugin';
import { CpuDevice, fromHost, pullBack, read, sizeOf, sum, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { numbers } from './layer-stream.test-support.ts';
import { recomputedLogits } from './recompute.ts';
import { sinkCache } from './sink-cache.ts';
import { withSinkToken } from './sink-token.ts';

const assembler = createAssembler({ plugins: [softmax] });
const one = {
  vocabSize: 9,
  dModel: 8,
  maxPositions: 16,
  layers: [{ mixer: softmaxAttention({ heads: 2, rotary: { theta: 30 } }) }],
};
const ids = Array.from({ length: 40 }, (_, i) => (i * i + 2) % 9);
const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));

test('in one layer a plain window is the last tokens read afresh, and in two it is not', async () => {
  const at = [3, 20, 39];
  const outcome = async (layers: number): Promise<number> => {
    const spec = { ...one, layers: Array.from({ length: layers }, () => one.layers[0]!) };
    await using plain = await assembler.assemble(spec, { device: 'cpu' });
    await using rolling = await assembler.assemble(spec, {
      device: 'cpu',
      cachePolicy: sinkCache({ sinks: 0, window: 6 }),
    });
    const afresh = await recomputedLogits(plain, ids, { window: 6, at });
    using session = await rolling.session();
    const streamed: Float32Array[] = [];
    for (const id of ids) streamed.push(await session.feed([[id]]));
    return Math.max(...at.map((t, i) => furthest(afresh[i]!, streamed[t]!)));
  };
  expect(await outcome(1)).toBeLessThan(1e-5);
  // Keys of a second layer still know of what the first has evicted.
  expect(await outcome(2)).toBeGreaterThan(1e-3);
});

test('heads that put idle weight on the first token lose their way without it, and one sink is enough', async () => {
  // Channel 0 is in the first token alone: its key draws every query, its value is nothing.
  const spec = { ...one, layers: [{ mixer: softmaxAttention({ heads: 1 }) }] };
  const stream = [8, ...Array.from({ length: 220 }, (_, i) => (i * 5 + (i >> 2)) % 8)];
  const open = async (sinks: number | undefined): ReturnType<typeof assembler.assemble> => {
    const cachePolicy = sinks === undefined ? undefined : sinkCache({ sinks, window: 8 - sinks });
    const model = await assembler.assemble({ ...spec, maxPositions: 256 }, { device: 'cpu', cachePolicy });
    const overwrite = (path: string, value: (row: number, column: number) => number): void => {
      const [rows, columns] = model.params[path]!.shape as [number, number];
      model.overwrite(
        path,
        Float32Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns)),
      );
    };
    const drawn = numbers(64, 5);
    const ordinary = (row: number, column: number): number => drawn[row * 8 + column]!;
    // The last channel is 1 in every token, so that every query has the same part; the first marks token 8.
    overwrite('embedding.weight', (id, channel) =>
      channel === 7 ? 1 : channel === 0 ? Number(id === 8) : id === 8 ? 0 : drawn[id * 7 + channel]!,
    );
    overwrite('layers.0.mixer.q_proj', (out, input) =>
      out === 0 && input === 7 ? 12 : out === 0 ? 0 : 0.2 * ordinary(out, input),
    );
    overwrite('layers.0.mixer.k_proj', (out, input) =>
      out === 0 ? Number(input === 0) * 3 : 0.2 * ordinary(out, input),
    );
    overwrite('layers.0.mixer.v_proj', (out, input) => (input === 0 || input === 7 ? 0 : 4 * ordinary(input, out)));
    return model;
  };
  await using whole = await open(undefined);
  const { logits } = await whole.forward([stream]);
  /** How far the stream is from full attention, after the first eviction. */
  const off = async (sinks: number): Promise<number> => {
    await using model = await open(sinks);
    using session = await model.session();
    let most = 0;
    for (const [t, id] of stream.entries()) {
      const made = await session.feed([[id]]);
      if (t >= 8) most = Math.max(most, furthest(made, logits.subarray(t * 9, (t + 1) * 9)));
    }
    return most;
  };
  const size = Math.max(...logits.map(Math.abs));
  expect(await off(0)).toBeGreaterThan(0.3 * size);
  for (const sinks of [1, 2, 4]) expect(await off(sinks)).toBeLessThan(0.05 * size);
});

test('a sink token stands before each sample, and its embedding learns from all of them', async () => {
  expect(withSinkToken([[1, 2], [3]], 8)).toEqual([
    [8, 1, 2],
    [8, 3],
  ]);
  expect(() => withSinkToken([[1]], -1)).toThrow('withSinkToken: the id is -1, expected that of a token.');
  const spec: ModelSpec = {
    ...one,
    layers: [{ mixer: { type: '@tessera/attention-softmax:softmax-attention', config: { heads: 2 } } }],
  };
  const graph = new LanguageModelGraph(resolveSpec(spec, new Registry([softmax])));
  const params = Object.fromEntries(
    Object.entries(graph.params()).map(([path, { shape }], i) => [
      path,
      fromHost(numbers(sizeOf(shape), i + 1), shape),
    ]),
  );
  const whole = (rows: readonly (readonly number[])[]): Tensor =>
    fromHost(Int32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
  const gradientOfSink = async (samples: readonly (readonly number[])[]): Promise<number[]> => {
    const tokens = whole(
      withSinkToken(
        samples.map((row) => row.slice(0, -1)),
        8,
      ),
    );
    const B = samples.length;
    const lengths = fromHost(new Int32Array(B).fill(tokens.shape[1]!), [B]);
    const { loss } = graph.loss(params, { tokens, starts: zeros([B], 'i32'), lengths }, whole(samples));
    const total = sum(loss);
    const [gradient] = pullBack([total], [fromHost(Float64Array.of(1), [])], [params['embedding.weight']!]);
    return Array.from(await read(gradient!, new CpuDevice({ precision: 'f64' }))).slice(8 * 8);
  };
  const samples = [
    [1, 2, 3],
    [4, 4, 1],
    [7, 0, 5],
  ];
  const alone = await Promise.all(samples.map((sample) => gradientOfSink([sample])));
  const summed = alone[0]!.map((_, channel) => alone.reduce((total, row) => total + row[channel]!, 0));
  expect(furthest(await gradientOfSink(samples), summed)).toBeLessThan(1e-12);
  expect(Math.max(...summed.map(Math.abs))).toBeGreaterThan(1e-3);
});
