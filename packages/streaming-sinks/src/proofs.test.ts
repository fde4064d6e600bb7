import { groupedLatentAttention, groupedTiedAttention, multiHeadLatentAttention } from '@tessera/attention-latent';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { MixerUse } from '@tessera/plugin';
import { contiguousCache } from '@tessera/plugin';
import { CpuDevice, read } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { LayerStream, distance, drawnStream, keptAt } from './layer-stream.test-support.ts';
import { sinkCache } from './sink-cache.ts';

const rotary = { theta: 50 };
const latent = { heads: 4, headDim: 4, latentDim: 8, rotaryDim: 4, rotary };
const uses: readonly (readonly [string, MixerUse])[] = [
  [
    'grouped heads',
    softmaxAttention({ heads: 4, kvHeads: 2, headDim: 4, rotary: { ...rotary, attentionFactor: 1.3 } }),
  ],
  ['a part rotated, interleaved', softmaxAttention({ heads: 2, rotary: { ...rotary, dims: 2, order: 'interleaved' } })],
  ['no positions, logits of sinks', softmaxAttention({ heads: 2, sinkLogits: 'learned', qkNorm: { over: 'head' } })],
  ['MLA', multiHeadLatentAttention(latent)],
  ['GLA', groupedLatentAttention({ ...latent, latentHeads: 2 })],
  ['GLA, materialised', groupedLatentAttention({ ...latent, latentHeads: 2, absorbUpTo: 0 })],
  ['GTA in pages of 4', groupedTiedAttention({ heads: 4, kvHeads: 2, headDim: 4, rotaryDim: 2, rotary, pageSize: 4 })],
];
const tokens = drawnStream(8);
const single = (T: number): number[] => Array.from({ length: T }, () => 1);
/** Rounding of f32 in sums of some dozens of terms. */
const close = 5e-6;

/** The output at each token, from the kept tokens alone. */
async function afresh(stream: LayerStream, T: number, sinks: number, window: number): Promise<Float64Array[]> {
  const y: Float64Array[] = [];
  for (let t = 0; t < T; t++) y.push(await stream.afresh(tokens, keptAt(t, sinks, window)));
  return y;
}

describe.each(uses)('%s', (_, use) => {
  test('streaming sinks 10.1: without sinks and with a window of all, and with any sinks and a window of the rest, it is full causal attention', async () => {
    const T = 11;
    const full = await afresh(new LayerStream(use, undefined), T, 0, T);
    for (const sinks of [0, 1, 4, 11, 20]) {
      const stream = new LayerStream(use, sinkCache({ sinks, window: Math.max(1, T - sinks) }), { chunk: T });
      expect(distance(await stream.through(tokens, single(T)), full)).toBeLessThan(close);
    }
  });

  test('streaming sinks 10.2: before the first eviction it equals the ordinary cache bit for bit', async () => {
    const policy = sinkCache({ sinks: 3, window: 7 });
    const slots = (): number => policy.slots({ capacity: 1, chunk: 5 });
    const plain = new LayerStream(use, { ...contiguousCache, slots }, { chunk: 5 });
    const stream = new LayerStream(use, policy, { chunk: 5 });
    const sizes = [5, 1, 1, 3];
    expect(distance(await stream.through(tokens, sizes), await plain.through(tokens, sizes))).toBe(0);
    // The next token is the first for which something is evicted.
    expect(distance(await stream.step(tokens), await plain.step(tokens))).toBeGreaterThan(1e-4);
  });

  test.each([
    [4, 5],
    [1, 3],
    [0, 6],
    [3, 1],
    [2, 7],
  ])(
    'streaming sinks 10.3: step by step with %i sinks and a window of %i equals dense attention over the kept tokens at positions 0 … m − 1',
    async (sinks, window) => {
      const T = sinks + 4 * window + 3;
      const stream = new LayerStream(use, sinkCache({ sinks, window }));
      const steps = await stream.through(tokens, single(T));
      expect(distance(steps, await afresh(stream, T, sinks, window))).toBeLessThan(close);
    },
  );

  test('streaming sinks 10.4: a prompt in two parts, band and sinks, equals steps, whatever the chunks', async () => {
    const T = 41;
    const policy = sinkCache({ sinks: 3, window: 6 });
    const steps = await new LayerStream(use, policy).through(tokens, single(T));
    for (const sizes of [[T], [20, 1, 1, 19], [2, 2, 34, 3], [7, 7, 7, 7, 7, 6]]) {
      const stream = new LayerStream(use, policy, { chunk: 41 });
      expect(distance(await stream.through(tokens, sizes), steps)).toBeLessThan(close);
    }
  });
});

describe.each(uses)('%s', (_, use) => {
  test('rows that are padded on the left keep their own first tokens, whatever the padding holds', async () => {
    const [sinks, window, n] = [2, 4, 13];
    const policy = sinkCache({ sinks, window });
    const rows = [drawnStream(8, 3), drawnStream(8, 4), drawnStream(8, 5)];
    const starts = [0, 5, 12];
    const made = await new LayerStream(use, policy, { chunk: n }).padded(
      rows.map((token, b) => ({ token, start: starts[b]! })),
      n,
    );
    for (const [b, row] of rows.entries()) {
      const alone = new LayerStream(use, policy, { chunk: n });
      const expected = await alone.through(row, single(n - starts[b]! + 1));
      expect(distance(made[b]!, expected)).toBeLessThan(close);
    }
  });
});

describe('the ring', () => {
  const use = uses[0]![1];

  test('streaming sinks 10.6: kept 0, 1, 2, 3, 6, 7, 8 and the newest 9 stand at 0 … 7', async () => {
    const stream = new LayerStream(use, sinkCache({ sinks: 4, window: 4 }));
    await stream.through(tokens, single(9));
    const [y] = await stream.step(tokens);
    expect(keptAt(9, 4, 4)).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
    expect(distance([y!], [await stream.afresh(tokens, [0, 1, 2, 3, 6, 7, 8, 9])])).toBeLessThan(close);
    // At their places in the stream they would give something else.
    const there = new LayerStream(use, sinkCache({ sinks: 4, window: 4, positions: 'stream' }));
    await there.through(tokens, single(9));
    expect(distance(await there.step(tokens), [y!])).toBeGreaterThan(1e-3);
  });

  test.each([3, 5, 7])(
    'streaming sinks 10.6: of %i slots beside 2 that stay it wraps more than three times',
    async (window) => {
      const stream = new LayerStream(use, sinkCache({ sinks: 2, window }));
      for (let t = 0; t < 2 + 4 * window; t++) {
        await stream.step(tokens);
        const held = await read(stream.state['positions']!, new CpuDevice());
        const expected = Array.from({ length: 2 + window }, (_, slot) => (slot <= t && slot < 2 ? slot : -1));
        for (let at = Math.max(2, t - window + 1); at <= t; at++) expected[2 + ((at - 2) % window)] = at;
        expect([...held]).toEqual(expected);
      }
    },
  );

  test('streaming sinks 10.8: takes as many bytes at step 100 000 as at step 10, and nothing has drifted', async () => {
    const stream = new LayerStream(use, sinkCache({ sinks: 4, window: 20 }), { chunk: 100 });
    await stream.through(tokens, single(10));
    const { bytes } = stream;
    await stream.step(tokens, 90);
    for (let chunk = 1; chunk < 1000; chunk++) await stream.step(tokens, 100);
    expect(stream.at).toBe(100_000);
    expect(stream.bytes).toBe(bytes);
    const y = await stream.through(tokens, [1, 5]);
    for (const [i, row] of y.entries())
      expect(distance([row], [await stream.afresh(tokens, keptAt(100_000 + i, 4, 20))])).toBeLessThan(close);
  });

  test('after a thousand million tokens it still is what the kept tokens give afresh', async () => {
    const stream = new LayerStream(use, sinkCache({ sinks: 4, window: 6 }), { chunk: 9 });
    await stream.step(tokens, 4);
    const far = 999_999_990;
    await stream.skipTo(far);
    await stream.step(tokens, 9);
    const [y] = await stream.step(tokens);
    expect(distance([y!], [await stream.afresh(tokens, keptAt(far + 9, 4, 6))])).toBeLessThan(close);
  });

  test('streaming sinks 10.10: is no memory, what was evicted has no influence, a sink has', async () => {
    const outcome = async (changed: number): Promise<Float64Array[]> => {
      const other = drawnStream(8, 77);
      const stream = new LayerStream(use, sinkCache({ sinks: 2, window: 5 }));
      const all = await stream.through((t) => (t === changed ? other(t) : tokens(t)), single(30));
      return all.slice(25);
    };
    const plain = await outcome(-1);
    for (const needle of [2, 10, 20]) expect(distance(await outcome(needle), plain)).toBe(0);
    for (const seen of [0, 1, 21]) expect(distance(await outcome(seen), plain)).toBeGreaterThan(1e-5);
  });
});

describe.each(uses)('%s: drafts', (_, use) => {
  test('that are rejected, or accepted in part, after evictions leave a stream as if they had never been', async () => {
    const policy = sinkCache({ sinks: 2, window: 5 });
    const drafted = drawnStream(8, 5);
    const plain = new LayerStream(use, policy, { chunk: 6 });
    const other = new LayerStream(use, policy, { chunk: 6 });
    await plain.through(tokens, single(23));
    await other.through(tokens, single(19));
    for (const accepted of [0, 3, 0, 1]) {
      const from = other.at;
      await other.draft((t) => (t < from + accepted ? tokens(t) : drafted(t)), 6, accepted);
    }
    expect(other.at).toBe(23);
    expect(distance(await other.through(tokens, [1, 4]), await plain.through(tokens, [1, 4]))).toBeLessThan(close);
  });

  test('that are larger than the ring has room for are refused before anything runs', async () => {
    const stream = new LayerStream(use, sinkCache({ sinks: 2, window: 5 }), { chunk: 2 });
    const room = Number(
      /room for (\d+)/.exec(String(await stream.step(tokens, 40).catch((error: unknown) => error)))?.[1],
    );
    expect(room).toBeGreaterThanOrEqual(2);
    await stream.step(tokens, room);
    await expect(stream.step(tokens, room + 1)).rejects.toThrow(
      `streaming: a step of ${room + 1} tokens does not fit the ring, which was made with room for ${room} beside what is kept. Open the session with a chunk of at least ${room + 1}.`,
    );
  });
});

describe('block streaming', () => {
  const use = uses[0]![1];

  test('by single tokens is exact streaming', async () => {
    const exact = new LayerStream(use, sinkCache({ sinks: 3, window: 6 }));
    const blocks = new LayerStream(use, sinkCache({ sinks: 3, window: 6, chunks: 'block' }));
    expect(distance(await blocks.through(tokens, single(30)), await exact.through(tokens, single(30)))).toBeLessThan(
      close,
    );
  });

  test('evicts once before a chunk, and keeps the sinks alone before one that is longer than the window', async () => {
    const [sinks, window] = [2, 6];
    const stream = new LayerStream(use, sinkCache({ sinks, window, chunks: 'block' }), { chunk: 9 });
    let before: number[] = [];
    for (const size of [1, 4, 5, 2, 9, 3, 6, 1]) {
      const first = stream.at;
      const y = await stream.step(tokens, size);
      const rolling = before.filter((t) => t >= sinks);
      const keep = before.length + size <= sinks + window ? rolling.length : Math.max(0, window - size);
      const kept = [...before.filter((t) => t < sinks), ...(keep === 0 ? [] : rolling.slice(-keep))];
      for (let i = 0; i < size; i++) {
        const seen = [...kept, ...Array.from({ length: i + 1 }, (_, j) => first + j)];
        expect(distance([y[i]!], [await stream.afresh(tokens, seen)])).toBeLessThan(close);
      }
      before = [...kept, ...Array.from({ length: size }, (_, j) => first + j)];
    }
  });
});
