import type { GenerateOptions, Model } from '@tessera/assembler';
import { softmaxAttention } from '@tessera/attention-softmax';
import { sinkCache } from '@tessera/streaming-sinks';
import { afterAll, describe, expect, test } from 'vitest';
import { approximateTypicalAcceptance } from './acceptance/typical-acceptance.ts';
import { draftModel } from './sources/draft-model.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { V, modelOf, randomSource, randomTrees, sourceOf, stacks } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
const held: Model[] = [];
const hold = async (model: Promise<Model>): Promise<Model> => {
  held.push(await model);
  return model;
};
afterAll(() => Promise.all(held.map((model) => model.dispose())));

const smaller = hold(modelOf([softmaxAttention({ heads: 1 })], 3));

/** What the target itself would say: every token stays. */
async function clairvoyant(target: Model, options: GenerateOptions): Promise<DraftSource> {
  const { tokenIds } = await target.generate(prompt, options);
  return sourceOf('clairvoyant', (text, most) => ({ tokens: tokenIds.slice(text.length, text.length + most) }));
}

describe.each(stacks)('speculative 11.4: greedy texts of a stack of %s are those of plain decoding', (name, mixers) => {
  const options = { maxNewTokens: 30 };
  const target = hold(modelOf(mixers));

  test.each<[string, (target: Model) => DraftSource | Promise<DraftSource>]>([
    ['a smaller model', async () => draftModel(await smaller)],
    ['a draft model that draws', async () => draftModel(await smaller, { temperature: 1 })],
    ['itself', (model) => draftModel(model)],
    ['a look-up', () => promptLookup()],
    ['random tokens', () => randomSource],
    ['random trees', () => randomTrees],
    ['its own text', (model) => clairvoyant(model, options)],
  ])('by %s', async (source, sourceFor) => {
    const model = await target;
    const plain = await model.generate(prompt, options);
    for (const adaptive of [true, false]) {
      const decoder = speculative({ draft: await sourceFor(model), longest: 5, adaptive });
      const made = await model.generate(prompt, { ...options, decoder });
      expect(made.newTokenIds).toEqual(plain.newTokenIds);
      const { rounds, drafted, accepted, acceptance, tokensPerRound } = made.speculation!;
      expect(made.usage).toMatchObject({ draftTokens: drafted, acceptedDraftTokens: accepted });
      expect(rounds + accepted).toBe(30); // each round gives one token beside those that stay
      expect(tokensPerRound).toBe(30 / rounds);
      expect(acceptance).toBe(drafted === 0 ? 0 : accepted / drafted);
      const right = source === 'itself' || source === 'its own text';
      expect(accepted).toBeGreaterThanOrEqual(right ? drafted : 0);
      expect(rounds).toBeLessThanOrEqual(right && !adaptive ? 5 : 30);
    }
  });

  test(`of ${name} with penalties, a least length and suppressed tokens`, async () => {
    const model = await target;
    const given = {
      maxNewTokens: 20, repetitionPenalty: 1.3, frequencyPenalty: 0.4, minNewTokens: 8, stopTokenIds: [1, 2, 3, 4, 5, 6],
      suppressTokenIds: [7], noRepeatNgramSize: 3,
    } satisfies GenerateOptions; // prettier-ignore
    const plain = await model.generate(prompt, given);
    for (const draft of [draftModel(model), promptLookup(), randomSource]) {
      const { newTokenIds, finishReason, stoppedBy } = await model.generate(prompt, {
        ...given,
        decoder: speculative({ draft }),
      });
      expect({ newTokenIds, finishReason, stoppedBy }).toEqual({
        newTokenIds: plain.newTokenIds,
        finishReason: plain.finishReason,
        stoppedBy: plain.stoppedBy,
      });
    }
  });
});

describe('speculative 11.8: texts end where plain ones do', () => {
  const target = hold(modelOf(stacks[0]![1]));

  test('at an id inside a round', async () => {
    const model = await target;
    const { newTokenIds } = await model.generate(prompt, { maxNewTokens: 30 });
    for (const place of [0, 1, 4, 7]) {
      const options = { maxNewTokens: 30, stopTokenIds: [newTokenIds[place]!] };
      const plain = await model.generate(prompt, options);
      const decoder = speculative({ draft: await clairvoyant(model, { maxNewTokens: 30 }), adaptive: false });
      const made = await model.generate(prompt, { ...options, decoder });
      expect(made.newTokenIds).toEqual(plain.newTokenIds);
      expect(made.stoppedBy).toBe(plain.stoppedBy);
    }
  });

  test('at a limit inside a round, and at the end of the context', async () => {
    const model = await target;
    const whole = { maxNewTokens: 96 - prompt.length };
    const { newTokenIds } = await model.generate(prompt, whole);
    const draft = await clairvoyant(model, whole);
    for (const maxNewTokens of [0, 1, 2, 5, whole.maxNewTokens]) {
      const decoder = speculative({ draft, adaptive: false });
      const made = await model.generate(prompt, { maxNewTokens, decoder });
      expect(made.newTokenIds).toEqual(newTokenIds.slice(0, maxNewTokens));
    }
    const trees = await model.generate(prompt, { ...whole, decoder: speculative({ draft: randomTrees }) });
    expect(trees.newTokenIds).toEqual(newTokenIds);
  });

  test('when it is aborted inside a round', async () => {
    const model = await target;
    const { newTokenIds } = await model.generate(prompt, { maxNewTokens: 30 });
    const abort = new AbortController();
    const decoder = speculative({ draft: await clairvoyant(model, { maxNewTokens: 30 }), adaptive: false });
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      for await (const event of model.stream(prompt, { maxNewTokens: 30, decoder, signal: abort.signal })) {
        if (event.type === 'token') seen.push(event.tokenId);
        if (seen.length === 4) abort.abort(new Error('enough'));
      }
    };
    await expect(read()).rejects.toThrow('enough');
    expect(seen).toEqual(newTokenIds.slice(0, 4));
  });
});

describe('a seed', () => {
  const options = { maxNewTokens: 30, temperature: 1.1, topK: 12, topP: 0.95, seed: 7 };
  const target = hold(modelOf(stacks[5]![1]));

  test('gives the same text again, and with drafts that were not drawn that of plain decoding', async () => {
    const model = await target;
    const plain = await model.generate(prompt, options);
    for (const draft of [promptLookup(), randomSource, draftModel(model, { temperature: 0 })]) {
      const made = await model.generate(prompt, { ...options, decoder: speculative({ draft }) });
      expect(made.newTokenIds).toEqual(plain.newTokenIds);
    }
    const drawn = { ...options, decoder: speculative({ draft: draftModel(await smaller) }) };
    const { newTokenIds } = await model.generate(prompt, drawn);
    expect((await model.generate(prompt, drawn)).newTokenIds).toEqual(newTokenIds);
    expect((await model.generate(prompt, { ...drawn, seed: 8 })).newTokenIds).not.toEqual(newTokenIds);
  });

  test('of a draft that is the target accepts all that it draws', async () => {
    const model = await target;
    const { speculation } = await model.generate(prompt, {
      ...options,
      decoder: speculative({ draft: draftModel(model), adaptive: false }),
    });
    // The pass that verifies rounds otherwise than steps do: a token on the border may go.
    expect(speculation!.acceptance).toBeGreaterThan(0.95);
  });

  test('logprobs are those of plain decoding', async () => {
    const model = await target;
    const given = { ...options, logprobs: 2 };
    const plain = await model.generate(prompt, given);
    const made = await model.generate(prompt, { ...given, decoder: speculative({ draft: randomSource }) });
    for (const [place, { tokenId, logprob, top }] of plain.logprobs!.entries()) {
      expect(made.logprobs![place]).toMatchObject({ tokenId, logprob: expect.closeTo(logprob, 4) });
      expect(made.logprobs![place]!.top.map((other) => other.tokenId)).toEqual(top.map((other) => other.tokenId));
    }
  });
});

test('typical acceptance takes tokens that a greedy target would not', async () => {
  const model = await hold(modelOf(stacks[0]![1]));
  const options = { maxNewTokens: 30, temperature: 1, seed: 1 };
  const exact = await model.generate(prompt, { ...options, decoder: speculative({ draft: randomSource }) });
  const decoder = speculative({ draft: randomSource, accept: approximateTypicalAcceptance, adaptive: false });
  const typical = await model.generate(prompt, { ...options, decoder });
  expect(typical.newTokenIds).not.toEqual(exact.newTokenIds);
});

describe('over a window with sinks', () => {
  test('texts go on past the context as plain ones do', async () => {
    const model = await hold(
      modelOf([softmaxAttention({ heads: 2, rotary: {} })], 3, { cachePolicy: sinkCache({ sinks: 2, window: 12 }) }),
    );
    const options = { maxNewTokens: 150 };
    const { newTokenIds } = await model.generate(prompt, options);
    for (const draft of [promptLookup(), randomSource, draftModel(model)]) {
      const made = await model.generate(prompt, { ...options, decoder: speculative({ draft, longest: 4 }) });
      expect(made.newTokenIds).toEqual(newTokenIds);
    }
  });
});

describe('is refused', () => {
  const target = hold(modelOf(stacks[0]![1]));

  test('before anything is read when the draft does not fit', async () => {
    const model = await target;
    await expect(
      model.generate(prompt, { decoder: speculative({ draft: promptLookup(), longest: 128 }) }),
    ).rejects.toThrow('speculative: a draft of 128 tokens and the one before it do not fit the 128 entries');
    expect(() => speculative({ draft: promptLookup(), longest: 0 })).toThrow('longest is 0, expected a whole number');
    expect(() => promptLookup({ longestMatch: 0.5 })).toThrow('longestMatch is 0.5, expected a whole number');
  });

  test('when a source proposes what does not exist', async () => {
    const model = await target;
    const draft = sourceOf('broken', () => ({ tokens: [V] }));
    await expect(model.generate(prompt, { decoder: speculative({ draft }) })).rejects.toThrow(
      'draft of broken: token 0 has id 24, and the target has ids 0 to 23.',
    );
  });
});
