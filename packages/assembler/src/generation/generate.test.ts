import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Model } from '../model/model.ts';
import { assembler, llamaDirectory } from '../test-models.test-data.ts';
import type { GenerateOptions, StreamEvent } from './options.ts';

const { greedy } = JSON.parse(readFileSync(join(llamaDirectory, 'meta.json'), 'utf8')) as {
  greedy: { prompt: string; ids: number[]; text: string };
};
const continued = greedy.text.slice(greedy.prompt.length);
const promptLength = 3;

let model: Model;
beforeAll(async () => {
  model = await assembler.load(llamaDirectory, { device: 'cpu' });
});
afterAll(() => model.dispose());

async function collect(
  options: GenerateOptions,
): Promise<{ pieces: string[]; end: Extract<StreamEvent, { type: 'end' }> }> {
  const pieces: string[] = [];
  for await (const event of model.stream(greedy.prompt, options)) {
    pieces.push(event.text);
    if (event.type === 'end') return { pieces, end: event };
  }
  throw new Error('the stream has no end');
}

test('greedy text is that of the reference, and the pieces of the stream are the text', async () => {
  const count = greedy.ids.length - promptLength;
  const { pieces, end } = await collect({ maxNewTokens: count });
  const { result } = end;
  expect(result.tokenIds).toEqual(greedy.ids);
  expect(result.newTokenIds).toEqual(greedy.ids.slice(promptLength));
  expect(result.text).toBe(continued);
  expect(pieces.join('')).toBe(continued);
  expect(result.finishReason).toBe('length');
  expect(result).not.toHaveProperty('stoppedBy');
  expect(result).not.toHaveProperty('logprobs');
  expect(result.usage).toEqual({
    promptTokens: promptLength,
    cachedTokens: 0,
    completionTokens: count,
    draftTokens: 0,
    acceptedDraftTokens: 0,
  });
  for (const value of Object.values(result.timings)) expect(value).toBeGreaterThan(0);
});

test('token ids as a prompt are taken as they are', async () => {
  const { newTokenIds } = await model.generate(greedy.ids.slice(0, 10), { maxNewTokens: 4 });
  expect(newTokenIds).toEqual(greedy.ids.slice(10, 14));
});

describe('generation stops', () => {
  test.each(["at'st t", '.', ' wilt be so', "that's"])(
    'before the text %j, wherever tokens begin and end',
    async (stop) => {
      const { pieces, end } = await collect({ maxNewTokens: 40, stop: ['never said', stop] });
      const expected = continued.slice(0, continued.indexOf(stop));
      expect(end.result).toMatchObject({ text: expected, finishReason: 'stop', stoppedBy: stop });
      expect(pieces.join('')).toBe(expected);
    },
  );

  test('not at a stop text that is only begun', async () => {
    const { pieces, end } = await collect({ maxNewTokens: 3, stop: 'O, that lo!' });
    expect(end.result).toMatchObject({ text: 'O, that', finishReason: 'length' });
    expect(pieces.slice(0, -1).join('')).toBe(''); // held back, since it might have become the stop text
    expect(end.text).toBe('O, that');
  });

  test('at a stop id, which is the last of the new ids and no part of the text', async () => {
    const dot = greedy.ids[10]!;
    const { result } = (await collect({ maxNewTokens: 40, stopTokenIds: [dot] })).end;
    expect(result).toMatchObject({
      finishReason: 'stop',
      stoppedBy: dot,
      text: continued.slice(0, continued.indexOf('.')),
    });
    expect(result.newTokenIds).toEqual(greedy.ids.slice(promptLength, 11));
  });

  test('at the number of new tokens, 0 and 1 included', async () => {
    expect((await collect({ maxNewTokens: 0 })).end.result).toMatchObject({
      text: '',
      newTokenIds: [],
      finishReason: 'length',
    });
    expect((await collect({ maxNewTokens: 1 })).end.result.newTokenIds).toEqual(greedy.ids.slice(3, 4));
  });

  test('at no stop id before the least number of new tokens', async () => {
    const first = greedy.ids[promptLength]!;
    const { result } = (await collect({ maxNewTokens: 8, minNewTokens: 5, stopTokenIds: [first] })).end;
    expect(result.newTokenIds.length).toBeGreaterThanOrEqual(5);
    expect(result.newTokenIds.slice(0, 5)).not.toContain(first);
  });
});

test('the same seed gives the same tokens, another seed others', async () => {
  const of = async (seed: number): Promise<readonly number[]> =>
    (await collect({ maxNewTokens: 12, temperature: 1, seed })).end.result.newTokenIds;
  const first = await of(1);
  expect(await of(1)).toEqual(first);
  expect(await of(2)).not.toEqual(first);
});

test('log-probabilities: those of the chosen token and of the likeliest ones, of all together at most 1', async () => {
  const { end } = await collect({ maxNewTokens: 5, logprobs: 4 });
  const { logprobs, newTokenIds, text } = end.result;
  expect(logprobs!.map(({ tokenId }) => tokenId)).toEqual(newTokenIds);
  expect(logprobs!.map((token) => token.text).join('')).toBe(text);
  for (const { top, ...chosen } of logprobs!) {
    expect(top).toHaveLength(4);
    expect(top[0]).toEqual(chosen); // greedy
    expect(top.map(({ logprob }) => logprob)).toEqual(top.map(({ logprob }) => logprob).toSorted((a, b) => b - a));
    const total = top.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThanOrEqual(1 + 1e-9);
  }
  const loss = await model.lossOf([greedy.ids.slice(0, promptLength + 5)]);
  logprobs!.forEach(({ logprob }, index) => expect(logprob).toBeCloseTo(-loss[promptLength - 1 + index]!, 3));
});

test('log-probabilities are those of the model, whatever the options do to the choice', async () => {
  const { end } = await collect({ maxNewTokens: 2, logprobs: 0, logitBias: { 5: 1000 } });
  expect(end.result.newTokenIds).toEqual([5, 5]);
  for (const { top, logprob } of end.result.logprobs!) {
    expect(top).toEqual([]);
    expect(logprob).toBeLessThan(-1);
  }
});

test.each<[string, GenerateOptions]>([
  ['repetitionPenalty', { repetitionPenalty: 1.5 }],
  ['presencePenalty', { presencePenalty: 2 }],
  ['frequencyPenalty', { frequencyPenalty: 2 }],
  ['noRepeatNgramSize', { noRepeatNgramSize: 2 }],
  ['suppressTokenIds', { suppressTokenIds: [12] }],
  ['logitsProcessors', { logitsProcessors: [({ logits }) => logits.map((value, id) => (id % 2 ? value : -Infinity))] }],
])('%s changes the text', async (_, options) => {
  const { text } = (await collect({ maxNewTokens: 19, ...options })).end.result;
  expect(text).not.toBe(continued.slice(0, text.length));
});
