import { describe, expect, test } from 'vitest';
import type { Model } from '../model/model.ts';
import { BesideDevice, assembler, hybridSpec, smallSpec, someIds } from '../test-models.test-data.ts';
import type { GenerateOptions } from './options.ts';

const V = smallSpec.vocabSize;
const reason = new Error('no longer wanted');

/** The same model on the host, and on a device that chooses tokens itself. */
async function both(spec = smallSpec): Promise<{ host: Model; beside: Model; device: BesideDevice }> {
  const device = new BesideDevice();
  const host = await assembler.assemble(spec, { device: 'cpu', seed: 1 });
  return { host, beside: await assembler.assemble(spec, { device, seed: 1 }), device };
}

describe('a device that chooses tokens itself gives what the host chooses', () => {
  const cases: [string, GenerateOptions][] = [
    ['greedy', {}],
    ['temperature', { temperature: 1.2, seed: 5 }],
    ['narrowed', { temperature: 0.9, topK: 12, topP: 0.9, minP: 0.02, typicalP: 0.95, seed: 6 }],
    ['penalties', { temperature: 1, repetitionPenalty: 1.4, frequencyPenalty: 0.3, presencePenalty: 0.2, seed: 7 }],
    ['greedy with penalties', { repetitionPenalty: 1.5, frequencyPenalty: 0.5 }],
    ['biases', { temperature: 1, logitBias: { 3: 2, 4: -Infinity }, suppressTokenIds: [5, 6], seed: 8 }],
    ['a least length', { minNewTokens: 9, stopTokenIds: someIds(12, V, 2), temperature: 1, seed: 9 }],
    ['logprobs, which need logits', { temperature: 1, logprobs: 2, seed: 10 }],
    ['ngrams, which need logits', { noRepeatNgramSize: 2 }],
  ];
  test.each(cases)('%s', async (_, options) => {
    const { host, beside } = await both();
    for (const prompt of [[3], someIds(11, V)]) {
      const given = { maxNewTokens: 20, ...options };
      const { timings: _, logprobs: expectedLogprobs, ...expected } = await host.generate(prompt, given);
      const { timings, logprobs, ...result } = await beside.generate(prompt, given);
      expect(result).toEqual(expected);
      // Their last digits depend on the lengths of the steps that read the prompt.
      expect(logprobs?.map(({ tokenId }) => tokenId)).toEqual(expectedLogprobs?.map(({ tokenId }) => tokenId));
      for (const value of Object.values(timings)) expect(value).toBeGreaterThanOrEqual(0);
    }
  });

  test('a hybrid stack, with a prompt that takes steps of every length', async () => {
    const { host, beside } = await both({ ...hybridSpec, maxPositions: 700 });
    const prompt = someIds(590, hybridSpec.vocabSize);
    const options = { maxNewTokens: 5 };
    expect((await beside.generate(prompt, options)).newTokenIds).toEqual(
      (await host.generate(prompt, options)).newTokenIds,
    );
  });

  test('no tokens, one, and all that the context holds', async () => {
    const { host, beside } = await both();
    for (const maxNewTokens of [0, 1, V + 14]) {
      const expected = await host.generate(someIds(10, V), { maxNewTokens });
      expect(await beside.generate(someIds(10, V), { maxNewTokens })).toMatchObject({
        newTokenIds: expected.newTokenIds,
      });
    }
  });
});

describe('one step is under way beside the one that is awaited, and none more', () => {
  test('a token costs one run, and nothing is computed past the last', async () => {
    const { beside, device } = await both();
    await beside.generate([1, 2], { maxNewTokens: 3 });
    const { runs, compiled } = device;
    await beside.generate([1, 2], { maxNewTokens: 30 });
    expect(device.runs - runs).toBe(2 + 30); // the state, the prompt but its last token, and the tokens
    expect(device.compiled).toBe(compiled);
  });

  test.each(['leaving the loop', 'an abort', 'a stop id'])('%s ends it within one step', async (how) => {
    const { beside, device } = await both();
    const before = device.allocatedBytes;
    const prompt = [1, 2];
    const { newTokenIds } = await beside.generate(prompt, { maxNewTokens: 8 });
    const { runs } = device;
    const controller = new AbortController();
    const stopTokenIds = how === 'a stop id' ? [newTokenIds[4]!] : [];
    const last = newTokenIds.indexOf(newTokenIds[4]!); // the id may come earlier
    let tokens = 0;
    const read = async (): Promise<void> => {
      for await (const { type } of beside.stream(prompt, { signal: controller.signal, stopTokenIds })) {
        if (type !== 'token' || ++tokens <= last) continue;
        if (how === 'leaving the loop') break;
        if (how === 'an abort') controller.abort(reason);
      }
    };
    const thrown = await read().catch((error: unknown) => error);
    expect(thrown).toBe(how === 'an abort' ? reason : undefined);
    expect(tokens).toBe(last + 1);
    expect(device.runs - runs - 2).toBeLessThanOrEqual(tokens + 1);
    expect(device.allocatedBytes).toBe(before);
  });

  test('an abort while the prompt is read rejects before the next step', async () => {
    const { beside, device } = await both({ ...smallSpec, maxPositions: 4096 });
    const before = device.allocatedBytes;
    const controller = new AbortController();
    setImmediate(() => controller.abort(reason));
    const answer = beside.generate(someIds(3500, V), { signal: controller.signal });
    await expect(answer).rejects.toBe(reason);
    expect(device.runs).toBeLessThanOrEqual(3);
    expect(device.allocatedBytes).toBe(before);
  });
});

test('what is no number is an error with its step, and frees the session', async () => {
  const { beside, device } = await both();
  const before = device.allocatedBytes;
  const head = beside.params['head.weight']!;
  device.write(head, Float32Array.of(Number.NaN), 7 * smallSpec.dModel);
  const answer = beside.generate([1, 2], { maxNewTokens: 8, temperature: 1 });
  await expect(answer).rejects.toMatchObject({
    code: 'NUMERICAL',
    facts: { step: 0, tokenId: 7, source: 'the model' },
  });
  device.write(head, Float32Array.of(0), 7 * smallSpec.dModel);
  const suppressTokenIds = Array.from({ length: V }, (_, id) => id);
  await expect(beside.generate([1, 2], { suppressTokenIds })).rejects.toThrow(
    'step 0: all 40 logits from the sampling options are −∞, expected one that is finite. Forbid fewer tokens.',
  );
  await expect(beside.generate([1, 2], { suppressTokenIds: [V] })).rejects.toThrow(
    "suppressTokenIds names token 40, expected ids below the vocabulary's size of 40. Remove it.",
  );
  expect(device.allocatedBytes).toBe(before);
});
