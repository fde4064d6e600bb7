import { expect, test } from 'vitest';
import { encodeTexts } from '../tokens/encode-texts.ts';
import { memoryTexts } from '../text/memory-texts.ts';
import { TokenCorpus } from '../tokens/token-corpus.ts';
import { corpusSource } from './corpus-source.ts';
import { prefetch } from './prefetch.ts';
import type { TokenBatch, TokenSource } from './token-source.ts';

function counting(...lengths: number[]): TokenCorpus {
  const corpus = new TokenCorpus('counting', 60_000);
  for (const length of lengths) {
    corpus.startDocument();
    corpus.append(Array.from({ length }, (_, i) => corpus.length + i));
  }
  return corpus;
}

async function take(source: TokenSource, count: number): Promise<TokenBatch[]> {
  const batches: TokenBatch[] = [];
  for (let i = 0; i < count; i++) batches.push((await source.next())!);
  return batches;
}

const windowsOf = ({ rows, context, tokens }: TokenBatch): number[][] =>
  Array.from({ length: rows }, (_, row) => [...tokens.subarray(row * (context + 1), (row + 1) * (context + 1))]);
const from = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i);

test('a window begins with the last token of the one before', async () => {
  const source = corpusSource(counting(10, 5), { rows: 2, context: 3, seed: null, epochs: 1 });
  expect(source.batches).toBe(2);
  const batches = await take(source, 2);
  expect(batches.flatMap(windowsOf)).toEqual([from(0, 4), from(3, 4), from(6, 4), from(9, 4)]);
  expect(batches[0]).not.toHaveProperty('segments');
  expect(await source.next()).toBeUndefined();
  expect(await source.next()).toBeUndefined();
});

test('segments count the documents of each window', async () => {
  const source = corpusSource(counting(3, 1, 1, 8), { rows: 1, context: 6, packing: 'segmented', seed: null });
  const [first, second] = await take(source, 2);
  expect([...first!.segments!]).toEqual([0, 0, 0, 1, 2, 3, 3]);
  expect([...second!.segments!]).toEqual([0, 0, 0, 0, 0, 0, 0]);
});

test('separate windows never hold two documents', async () => {
  const corpus = counting(7, 2, 9);
  const source = corpusSource(corpus, {
    rows: 2,
    context: 3,
    packing: 'separate',
    seed: null,
    epochs: 1,
    rest: 'short',
  });
  const batches = await take(source, source.batches);
  expect(batches.flatMap(windowsOf)).toEqual([from(0, 4), from(3, 4), from(9, 4), from(12, 4)]);
  const short = corpusSource(corpus, {
    rows: 3,
    context: 3,
    packing: 'separate',
    seed: null,
    epochs: 1,
    rest: 'short',
  });
  expect((await take(short, 2)).map(({ rows, tokens }) => [rows, tokens.length])).toEqual([
    [3, 12],
    [1, 4],
  ]);
});

test('every epoch holds every window once, each in another order', async () => {
  const source = corpusSource(counting(301), { rows: 4, context: 3, seed: 5 });
  const starts = (await take(source, 75)).flatMap(windowsOf).map(([first]) => first! / 3);
  const epochs = [0, 1, 2].map((epoch) => starts.slice(epoch * 100, (epoch + 1) * 100));
  for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).toEqual(from(0, 100));
  expect(epochs[0]).not.toEqual(from(0, 100));
  expect(epochs[0]).not.toEqual(epochs[1]);
  const other = corpusSource(counting(301), { rows: 100, context: 3, seed: 6 });
  expect(windowsOf((await other.next())!).map(([first]) => first! / 3)).not.toEqual(epochs[0]);
});

test('shifted windows begin elsewhere in each epoch and stay inside', async () => {
  const source = corpusSource(counting(64), { rows: 1, context: 8, seed: 1, shiftWindows: true, epochs: 20 });
  expect(source.batches).toBe(20 * 7);
  const windows = (await take(source, source.batches)).flatMap(windowsOf);
  for (const window of windows) expect(window).toEqual(from(window[0]!, 9));
  expect(Math.max(...windows.flat())).toBeLessThan(64);
  const shifts = from(0, 20).map((epoch) => new Set(windows.slice(epoch * 7, epoch * 7 + 7).map(([s]) => s! % 8)));
  for (const shift of shifts) expect(shift.size).toBe(1);
  expect(new Set(shifts.map((shift) => [...shift][0])).size).toBeGreaterThan(3);
});

test.each([
  ['plain', (source: TokenSource) => source],
  ['prefetched', (source: TokenSource) => prefetch(source, { batches: 3 })],
])('a %s source goes on from a position as an unbroken run', async (_, wrap) => {
  const make = () => wrap(corpusSource(counting(500), { rows: 4, context: 7, seed: 2, packing: 'segmented' }));
  const whole = await take(make(), 40);
  const broken = make();
  await take(broken, 13);
  expect(broken.position()).toBe(13);
  const resumed = make();
  expect(resumed.identity).toBe(broken.identity);
  resumed.seek(broken.position());
  expect(await take(resumed, 27)).toEqual(whole.slice(13));
  const pending = resumed.next(); // sought while a batch is on its way
  resumed.seek(2);
  await pending;
  resumed.seek(2);
  expect(await take(resumed, 3)).toEqual(whole.slice(2, 5));
});

test('batches are prepared ahead, no more than asked for', async () => {
  const source = corpusSource(counting(500), { rows: 1, context: 7, epochs: 1 });
  let prepared = 0;
  let held = 0;
  const counted: TokenSource = {
    ...source,
    next() {
      prepared++;
      return source.next();
    },
  };
  const ahead = prefetch(counted, { batches: 3 });
  for (let taken = 1; taken <= 20; taken++) {
    await ahead.next();
    await new Promise((resolve) => setTimeout(resolve, 10));
    held = Math.max(held, prepared - taken);
  }
  expect(held).toBe(3);
  let count = 20;
  while ((await ahead.next()) !== undefined) count++;
  expect(count).toBe(source.batches);
  expect(await ahead.next()).toBeUndefined();
});

test('an error of a source comes through, and asking again tries again', async () => {
  const source = corpusSource(counting(50), { rows: 1, context: 7, seed: null });
  let fail = true;
  const flaky: TokenSource = {
    ...source,
    async next() {
      if (fail) throw new Error('not yet');
      return source.next();
    },
  };
  const ahead = prefetch(flaky);
  await expect(ahead.next()).rejects.toThrow('not yet');
  fail = false;
  expect(windowsOf((await ahead.next())!)).toEqual([from(0, 8)]);
  const reason = new Error('enough');
  const controller = new AbortController();
  const pending = ahead.next({ signal: controller.signal });
  controller.abort(reason);
  await expect(pending).rejects.toBe(reason);
  expect(windowsOf((await ahead.next())!)).toEqual([from(7, 8)]);
});

test('options that cannot be honoured are refused', async () => {
  const corpus = counting(20);
  expect(() => corpusSource(corpus, { rows: 8, context: 4, epochs: 1 })).toThrow(
    'counting: 20 tokens in 1 documents give 4 windows of 5 tokens (joined), expected at least 8. Use more text',
  );
  expect(() => corpusSource(corpus, { rows: 0, context: 4 })).toThrow('rows is 0, expected a whole number from 1 on.');
  expect(() => corpusSource(corpus, { rows: 1, context: 4, seed: 1.5 })).toThrow('seed is 1.5');
  expect(() => corpusSource(corpus, { rows: 1, context: 4, seed: null, shiftWindows: true })).toThrow('needs a seed');
  expect(() => corpusSource(corpus, { rows: 1, context: 4, epochs: 1 }).seek(5)).toThrow(
    'counting: cannot go to batch 5, expected a whole number from 0 to 4.',
  );
});

test('the order of a seed is the same on every machine', async () => {
  const corpus = await encodeTexts(memoryTexts(['abcdefghijklmnopqrstuvwxyz']), {
    vocabSize: 256,
    eosId: 0,
    encode: (text) => new TextEncoder().encode(text),
  });
  const source = corpusSource(corpus, { rows: 13, context: 2, seed: 42 });
  const order = windowsOf((await source.next())!)
    .map(([first]) => String.fromCharCode(first!))
    .join('');
  expect(order).toBe('ioaskeycumgqw');
});
