import { expect, test } from 'vitest';
import { encodeTexts } from '../tokens/encode-texts.ts';
import { byteEncoder } from '../tokens/text-encoder.ts';
import { stories, storySource, storyTexts } from './stories.ts';
import { storyAt } from './tell-story.ts';

const textOf = (ids: Int32Array): string => new TextDecoder().decode(Uint8Array.from(ids));

function storiesOf(window: Int32Array): string[] {
  const ends = [...window.keys()].filter((i) => window[i] === 256 && i > 0);
  const first = window[0] === 256 ? 1 : 0;
  return [first, ...ends.map((end) => end + 1)].map((begin, i) => textOf(window.subarray(begin, ends[i])));
}

test('stories come in the order of their numbers, from any on', () => {
  const told = stories({ seed: 5, from: 3 });
  expect([told.next().value, told.next().value]).toEqual([storyAt(3, 5).text, storyAt(4, 5).text]);
});

test('a window holds whole stories, the last one cut off, and every other one begins with the end of a text', async () => {
  const source = storySource(byteEncoder, { rows: 3, context: 1500, seed: 2, packing: 'segmented' });
  const { tokens, segments, rows, context } = (await source.next())!;
  expect([rows, context, tokens.length, segments!.length]).toEqual([3, 1500, 3 * 1501, 3 * 1501]);
  const seen = new Set<string>();
  for (let row = 0; row < 3; row++) {
    const window = tokens.subarray(row * 1501, (row + 1) * 1501);
    const told = storiesOf(window);
    expect(window[0] === 256).toBe(row % 2 === 0);
    expect(told.length).toBeGreaterThan(2);
    told.forEach((text, number) => {
      const whole = storyAt(row * 1501 + number, 2).text;
      expect(text).toBe(number < told.length - 1 ? whole : whole.slice(0, text.length));
      seen.add(text);
    });
    // A story has one number, its end included; the end before the first story has that of the first.
    const numbers = segments!.subarray(row * 1501, (row + 1) * 1501);
    let number = 0;
    for (let i = 0; i < window.length; i++) {
      expect(numbers[i]).toBe(number);
      if (i > 0 && window[i] === 256) number++;
    }
  }
  expect(seen.size).toBeGreaterThan(8);
});

test('stories go on from a position as an unbroken run', async () => {
  const make = () => storySource(byteEncoder, { rows: 2, context: 100, seed: 9 });
  const whole = [];
  const unbroken = make();
  for (let i = 0; i < 6; i++) whole.push(await unbroken.next());
  const resumed = make();
  resumed.seek(4);
  expect(await resumed.next()).toEqual(whole[4]);
  expect(resumed.position()).toBe(5);
  expect(await resumed.next()).toEqual(whole[5]);
  expect(resumed.batches).toBe(Infinity);
  expect(whole[0]).not.toHaveProperty('segments');
  expect(resumed.identity).not.toBe(storySource(byteEncoder, { rows: 2, context: 100, seed: 8 }).identity);
});

test('stories are texts, to be measured or to train a tokenizer on', async () => {
  const corpus = await encodeTexts(storyTexts(20, { seed: 1 }), byteEncoder);
  expect(corpus.documents).toBe(20);
  const second = new Int32Array(corpus.documentStart(2) - corpus.documentStart(1));
  corpus.copy(corpus.documentStart(1), second.length, second, 0);
  expect(textOf(second.subarray(0, -1))).toBe(storyAt(1, 1).text);
  expect(() => storyTexts(0)).toThrow('count is 0');
});

test('an encoder without an end of text is refused', () => {
  expect(() => storySource({ vocabSize: 9, encode: () => [] }, { rows: 1, context: 8 })).toThrow(
    'The tokenizer names no end of a text, which stands between stories.',
  );
});
