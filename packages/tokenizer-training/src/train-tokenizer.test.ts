import { readFile } from 'node:fs/promises';
import { createTokenizer } from '@tessera/text';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { train } from '../examples/train.ts';
import { trainTokenizer } from './train-tokenizer.ts';
import type { TrainTokenizerOptions, TrainTokenizerProgress } from './train-tokenizer.ts';

const mergesOf = async (texts: string[], options: TrainTokenizerOptions): Promise<string[]> =>
  (await trainTokenizer(texts, options)).merges.map((pair) => pair.join(' '));

test('merges of a small corpus are those computed by hand', async () => {
  // Words: low ×2, " low" ×3, " lower" ×2, " newest" ×4. Pairs: (l o) and (o w) 7, (w e) 2 + 4 = 6, (Ġ l) 5.
  const text = 'low low low low lower lower newest newest newest newest';
  const merges = await mergesOf([text, 'low'], { vocabSize: 1000 });
  expect(merges).toEqual([
    'l o', // 7, and l is before o
    'lo w', // 7
    'Ġ low', // 5; (w e) has only 4 left, of newest
    'e s', // 4, as all pairs of newest; e is the smallest left, and s before w
    'e w',
    'n ew', // n is now the smallest left
    'Ġ new', // a byte, before all merges
    'es t', // merged before new was
    'Ġnew est',
    'e r', // 2
    'Ġlow er',
  ]);
});

/** The same by counting all pairs anew for every merge. */
function slowMerges(words: readonly (readonly [string, number])[], count: number, least: number): string[] {
  const characters = createAlphabet();
  const order = new Map(characters.map((character, i) => [character, i]));
  let parts = words.map(([word, n]) => [[...word], n] as [string[], number]);
  const merges: string[] = [];
  for (let step = 0; step < count; step++) {
    const pairs = new Map<string, number>();
    for (const [symbols, n] of parts)
      for (let i = 1; i < symbols.length; i++) {
        const pair = `${symbols[i - 1]} ${symbols[i]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + n);
      }
    const ids = (pair: string): number[] => pair.split(' ').map((token) => order.get(token)!);
    const [best] = [...pairs].toSorted(([a, n], [b, m]) => m - n || ids(a)[0]! - ids(b)[0]! || ids(a)[1]! - ids(b)[1]!);
    if (best === undefined || best[1] < least) break;
    const [left, right] = best[0].split(' ') as [string, string];
    merges.push(best[0]);
    if (!order.has(left + right)) order.set(left + right, order.size);
    parts = parts.map(([symbols, n]) => {
      const merged: string[] = [];
      for (let i = 0; i < symbols.length; i++)
        merged.push(symbols[i] === left && symbols[i + 1] === right ? symbols[i]! + symbols[++i]! : symbols[i]!);
      return [merged, n];
    });
  }
  return merges;
}

const createAlphabet = (): string[] =>
  [...Array.from({ length: 94 }, (_, i) => 0x21 + i), 0x120].map((code) => String.fromCharCode(code));

test('merges equal those of counting anew each time', async () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 9 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(word, { minLength: 1, maxLength: 25 }),
      fc.constantFrom(1, 2, 3),
      async (words, least) => {
        const merges = await mergesOf([words.join(' ')], { vocabSize: 1 + 256 + 30, minFrequency: least });
        const spelled = words.map((text, i) => [i === 0 ? text : `Ġ${text}`, 1] as const);
        expect(merges).toEqual(slowMerges(spelled, 30, least));
      },
    ),
    { seed: 3, numRuns: 300 },
  );
});

test('any text decodes to itself', async () => {
  const { tokenizer } = await train([
    'Café 語 😀, it’s 12 o’clock.\n'.repeat(3),
    'the other day, the other way '.repeat(4),
  ]);
  const unit = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom(' ', '\n', '\u0085', '\uFEFF', '\u00A0', "'s", 'the', '<|endoftext|>', '\0'),
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
      const ids = tokenizer.encode(text);
      expect(tokenizer.decode(ids)).toBe(text);
      expect(ids).not.toContain(0); // the special token is not spelled by text
    }),
    { seed: 4, numRuns: 300 },
  );
});

test('ids are the special tokens, the bytes, then the merges; the first special token ends a text', async () => {
  const specialTokens = ['<|end|>', '<|pad|>'];
  const trained = await trainTokenizer(['abc 1 '.repeat(9)], { vocabSize: 260, specialTokens });
  const vocabulary = (JSON.parse(trained.tokenizerJson) as { model: { vocab: Record<string, number> } }).model.vocab;
  expect(Object.keys(vocabulary)).toHaveLength(260);
  expect([vocabulary['<|end|>'], vocabulary['<|pad|>'], vocabulary['!'], vocabulary['1']]).toEqual([0, 1, 2, 18]);
  expect(vocabulary[trained.merges[1]!.join('')]).toBe(259);
  const { tokenizerJson, tokenizerConfigJson: tokenizerConfig } = trained;
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig });
  expect([tokenizer.vocabSize, tokenizer.eosId, tokenizer.bosId]).toEqual([260, 0, 0]);
  expect(tokenizer.encode('<|pad|>', { parseSpecial: true })).toEqual([1]);
});

test('what a special token is spelled like is not learned from text', async () => {
  const trained = await trainTokenizer(['pad pad pad pad'], { vocabSize: 300, specialTokens: ['pad'] });
  const { merges, tokenizerJson } = trained;
  expect(merges.map((pair) => pair.join(''))).not.toContain('pad');
  expect(createTokenizer({ tokenizerJson }).encode('pad')).not.toContain(0);
});

test('the vocabulary stays smaller where no pair is frequent enough', async () => {
  expect(await trainTokenizer(['ab'], { vocabSize: 300 })).toMatchObject({ vocabSize: 257, merges: [] });
  expect(await mergesOf(['ab ab'], { vocabSize: 300, minFrequency: 2 })).toEqual(['a b']);
});

test('texts may come in pieces, one after the other', async () => {
  const text = 'A line of text.\nAnother line, of other words.\n'.repeat(5);
  async function* pieces() {
    for (const line of text.match(/.*\n/g)!) yield { text: line, end: false };
  }
  const whole = await trainTokenizer([text], { vocabSize: 290 });
  expect((await trainTokenizer(pieces(), { vocabSize: 290 })).tokenizerJson).toBe(whole.tokenizerJson);
});

test('progress is told, other work gets its turn, and an abort ends it', async () => {
  const seen: TrainTokenizerProgress[] = [];
  const words = Array.from({ length: 40_000 }, (_, i) => `w${(i * 7919) % 10_007}x`).join(' ');
  const options = { vocabSize: 800, onProgress: (progress: TrainTokenizerProgress) => seen.push(progress) };
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await trainTokenizer([words, words], options);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
  expect(new Set(seen.map(({ phase }) => phase))).toEqual(new Set(['read', 'merge']));
  expect(seen.at(-1)).toEqual({ phase: 'merge', characters: 2 * words.length, vocabSize: 800 });

  const controller = new AbortController();
  const reason = new Error('enough');
  const aborted = trainTokenizer([words, words], {
    ...options,
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(aborted).rejects.toBe(reason);
  await expect(trainTokenizer(['a'], { vocabSize: 300, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test('options that cannot be honoured are refused', async () => {
  const expectError = async (options: Partial<TrainTokenizerOptions>, message: string, texts = ['a']): Promise<void> =>
    expect(trainTokenizer(texts, { vocabSize: 300, ...options })).rejects.toThrow(message);
  await expectError(
    { vocabSize: 256 },
    'vocabSize is 256, expected a whole number from 257 (256 bytes and 1 special tokens) to 2097151.',
  );
  await expectError({ minFrequency: 0 }, 'minFrequency is 0');
  await expectError({ specialTokens: ['<|a|>', '<|a|>'] }, 'specialTokens[1] is "<|a|>", expected different texts');
  await expectError({ specialTokens: ['!'] }, 'specialTokens[0] is "!"');
  await expectError({}, 'There is no text to train a tokenizer on.', []);
});

test('the README shows the example as it is', async () => {
  const source = await readFile(new URL('../examples/train.ts', import.meta.url), 'utf8');
  const region = /#region \w+\n([\s\S]*?)\n *\/\/ #endregion/.exec(source)?.[1]?.replace(/^ {2}/gm, '');
  expect(await readFile(new URL('../README.md', import.meta.url), 'utf8')).toContain(`\`\`\`ts\n${region}\n\`\`\``);
});
