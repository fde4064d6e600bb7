import type { GenerateOptions, GenerateResult, Model } from '@tessera/assembler';
import { sinkCache } from '@tessera/streaming-sinks';
import type { Tokenizer } from '@tessera/text';
import { softmaxAttention } from '@tessera/attention-softmax';
import { afterAll, describe, expect, test } from 'vitest';
import { expectPrefill, openRounds, rowsOf } from './rounds.test-support.ts';
import { draftModel } from './sources/draft-model.ts';
import type { DraftSource } from './sources/draft-source.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { V, allKinds, assembler, modelOf, randomSource, randomTrees, sourceOf, stacks } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];
const held: Model[] = [];
const hold = async (model: Promise<Model>): Promise<Model> => {
  held.push(await model);
  return model;
};
afterAll(() => Promise.all(held.map((model) => model.dispose())));

/** Ids as letters. */
function letters(alphabet: string): Tokenizer {
  const letter = (id: number): string => alphabet[id]!;
  return {
    vocabSize: alphabet.length,
    idToToken: letter,
    openTextStream: () => ({ push: letter, flush: () => '' }),
  } as unknown as Tokenizer;
}

/** A Memory Mosaic that reads letters. */
function lettersModel(seed: number, alphabet = 'abcdefghijklmnopqrstuvwx', vocabSize = V): Promise<Model> {
  const config = { model_type: 'memory_mosaics_nano', vocab_size: vocabSize, n_embd: 12, n_head: 2, n_layer: 1, block_size: 96, pmem_size: 5 }; // prettier-ignore
  return hold(
    assembler.assemblePublished(config, {
      device: 'cpu',
      seed,
      text: { tokenizer: letters(alphabet), chatTemplate: undefined },
    }),
  );
}

/** Proposes what a plain generation gave, so that rounds are long. */
function repeating({ tokenIds }: GenerateResult): DraftSource {
  return sourceOf('its own text', (text, most) => ({ tokens: tokenIds.slice(text.length, text.length + most) }));
}

const sampled: GenerateOptions = { maxNewTokens: 40, temperature: 1, seed: 5 };

describe('speculative 11.8: a text ends where the plain one does', () => {
  const target = lettersModel(3);

  test('at a text that stops, inside a round and across rounds', async () => {
    const model = await target;
    const whole = await model.generate(prompt, sampled);
    expect(whole.text).toHaveLength(40);
    for (const [from, length] of [[0, 1], [3, 2], [5, 3], [6, 4], [11, 2], [20, 5]] as const) {
      const options = { ...sampled, stop: [whole.text.slice(from, from + length), 'never'] };
      const plain = await model.generate(prompt, options);
      expect(plain.finishReason).toBe('stop');
      for (const draft of [repeating(whole), randomSource, draftModel(model, { temperature: 0 })])
        for (const longest of [3, 8]) {
          const made = await model.generate(prompt, { ...options, decoder: speculative({ draft, longest, adaptive: false }) });
          const { text, newTokenIds, finishReason, stoppedBy } = made;
          expect({ text, newTokenIds, finishReason, stoppedBy }).toEqual({
            text: plain.text, newTokenIds: plain.newTokenIds, finishReason: plain.finishReason, stoppedBy: plain.stoppedBy,
          });
        }
    }
  }); // prettier-ignore

  test('at an id that the draft proposes, and goes on where that one was rejected', async () => {
    const model = await target;
    const whole = await model.generate(prompt, sampled);
    const end = [...Array(V).keys()].find((id) => !whole.newTokenIds.includes(id))!;
    const ends = sourceOf('an end', (_, most) => ({ tokens: new Array<number>(most).fill(end) }));
    const options = { ...sampled, stopTokenIds: [end] };
    const made = await model.generate(prompt, { ...options, decoder: speculative({ draft: ends, adaptive: false }) });
    expect(made.newTokenIds).toEqual(whole.newTokenIds);
    expect(made.finishReason).toBe('length');
    expect(made.speculation).toMatchObject({ accepted: 0 });
    // The same with the sampler's own law: an end that was drawn is tested like any token.
    const q = Float32Array.from({ length: V }, (_, id) => Number(id === end));
    const drawn = sourceOf('a drawn end', (_, most) => ({
      tokens: new Array<number>(most).fill(end),
      drawn: { q: new Array<Float32Array>(most).fill(q) },
    }));
    const made2 = await model.generate(prompt, { ...options, decoder: speculative({ draft: drawn, adaptive: false }) });
    expect(made2.newTokenIds.at(-1) === end ? 'stop' : 'length').toBe(made2.finishReason);
    expect(made2.newTokenIds.slice(0, -1)).not.toContain(end);
  });

  test('at a limit, with what was read and dropped leaving no trace', async () => {
    const model = await target;
    const whole = await model.generate(prompt, sampled);
    for (const maxNewTokens of [1, 2, 3, 7, 9]) {
      const decoder = speculative({ draft: repeating(whole), adaptive: false });
      const { newTokenIds, finishReason, usage } = await model.generate(prompt, { ...sampled, maxNewTokens, decoder });
      expect([newTokenIds, finishReason]).toEqual([whole.newTokenIds.slice(0, maxNewTokens), 'length']);
      expect(usage.completionTokens).toBe(maxNewTokens);
    }
  });

  test('where it is aborted, with the prefix of the plain one', async () => {
    const model = await target;
    const whole = await model.generate(prompt, sampled);
    for (const after of [1, 4, 9]) {
      const abort = new AbortController();
      const decoder = speculative({ draft: repeating(whole), adaptive: false });
      let text = '';
      const read = async (): Promise<void> => {
        for await (const event of model.stream(prompt, { ...sampled, decoder, signal: abort.signal })) {
          if (event.type === 'token') text += event.text;
          if (text.length === after) abort.abort(new Error('enough'));
        }
      };
      await expect(read()).rejects.toThrow('enough');
      expect(text).toBe(whole.text.slice(0, after));
    }
  });
});

describe('drafts of nothing, and of fewer tokens than the target has', () => {
  test.each([
    ['γ = 0: a source that never proposes', sourceOf('nothing', () => ({ tokens: [] }))],
    [
      'one that proposes now and then',
      sourceOf('now and then', (text, most) => ({ tokens: text.length % 3 === 0 ? [1, 2].slice(0, most) : [] })),
    ],
    ['trees of one node', sourceOf('a node', (text, most) => ({ tokens: [text.length % V].slice(0, most), parents: [-1].slice(0, most) }), true)],
    [
      'trees whose children are all the same',
      sourceOf('doubles', (_, most) => ({ tokens: most < 1 ? [] : [4, 4, 4], parents: most < 1 ? [] : [-1, -1, -1] }), true),
    ],
  ] as const)('%s: plain decoding', async (_, draft) => {
    const model = await hold(modelOf(allKinds));
    for (const options of [{ maxNewTokens: 14 }, { maxNewTokens: 14, temperature: 1, seed: 2 }]) {
      const plain = await model.generate(prompt, options);
      for (const adaptive of [true, false]) {
        const made = await model.generate(prompt, { ...options, decoder: speculative({ draft, adaptive }) });
        expect(made.newTokenIds).toEqual(plain.newTokenIds);
      }
    }
  }); // prettier-ignore

  test('of a prompt of one token', async () => {
    const model = await hold(modelOf(stacks[5]![1]));
    const plain = await model.generate([7], { maxNewTokens: 12 });
    for (const draft of [promptLookup(), randomSource, draftModel(model)]) {
      const made = await model.generate([7], { maxNewTokens: 12, decoder: speculative({ draft }) });
      expect(made.newTokenIds).toEqual(plain.newTokenIds);
    }
  });

  test('ids that the draft lacks are the target’s alone', async () => {
    const [target, narrow] = [await lettersModel(3), await lettersModel(4, 'abcdefghijklmnopqrstuvwx', 32)];
    const plain = await target.generate(prompt, { ...sampled, temperature: 0, repetitionPenalty: 1.5 });
    // Rows of padding of the draft model are never proposed, whatever their logits are.
    const made = await target.generate(prompt, {
      ...sampled, temperature: 0, repetitionPenalty: 1.5, decoder: speculative({ draft: draftModel(narrow, { temperature: 2 }), adaptive: false }),
    }); // prettier-ignore
    expect(made.newTokenIds).toEqual(plain.newTokenIds);
    // A distribution that is shorter than the target's says 0 of what it lacks.
    const short = sourceOf('few tokens', (_, most) => ({
      tokens: new Array<number>(most).fill(2),
      drawn: { q: new Array<Float32Array>(most).fill(Float32Array.of(0, 0, 1)) },
    }));
    const greedy = await target.generate(prompt, { maxNewTokens: 20 });
    const drafted = await target.generate(prompt, { maxNewTokens: 20, decoder: speculative({ draft: short }) });
    expect(drafted.newTokenIds).toEqual(greedy.newTokenIds);
  });

  test('a draft model of another alphabet is refused with the first id that differs', async () => {
    const [target, other] = [await lettersModel(3), await lettersModel(4, 'abcdefghijklmnopqrstuvxw')];
    await expect(target.generate(prompt, { decoder: speculative({ draft: draftModel(other) }) })).rejects.toThrow(
      `The draft model does not read the target's tokens: id 22 is "x" to it, and "w" to the target. Take a draft model with the same tokenizer.`,
    );
  });
});

describe('over sinks and a window', () => {
  const policy = sinkCache({ sinks: 2, window: 12 });
  const long = [...Array(40).keys()].map((i) => (i * i + 3 * i) % V);

  test('texts are those of a plain stream in a stack of every kind of memory, far past every eviction', async () => {
    const model = await hold(modelOf(allKinds, 3, { cachePolicy: policy }));
    const other = await hold(modelOf([softmaxAttention({ heads: 2, rotary: {} })], 4, { cachePolicy: policy }));
    for (const options of [{ maxNewTokens: 60 }, { maxNewTokens: 60, temperature: 1, seed: 3 }]) {
      const plain = await model.generate(long, options);
      for (const draft of [promptLookup(), randomSource, draftModel(other, { temperature: 0 })]) {
        const decoder = speculative({ draft, longest: 4, adaptive: false });
        expect((await model.generate(long, { ...options, decoder })).newTokenIds).toEqual(plain.newTokenIds);
      }
    }
  });

  test('only tokens that stay evict: after each round the stream is that of the text alone', async () => {
    const model = await hold(modelOf(allKinds, 3, { cachePolicy: policy }));
    for (const source of [randomSource, randomTrees, draftModel(model, { temperature: 0.5 })])
      for (let last = 1; last <= 3; last++) {
        // One row has evicted nothing yet, one is about to, one has long since.
        const rows = rowsOf([long.slice(0, 4), long.slice(0, 13), long], [40, 40, 40]);
        const { session, rounds } = await openRounds(model, source, rows);
        for (let round = 0; round < last; round++) await rounds.round();
        await expectPrefill(model, session, rows);
        session.dispose();
      }
  });

  test('a tree that the window has no room for is refused before anything is read, with the place and the mend', async () => {
    const model = await hold(
      modelOf([softmaxAttention({ heads: 2 })], 3, { cachePolicy: sinkCache({ sinks: 2, window: 5 }) }),
    );
    await expect(
      model.generate(prompt, { decoder: speculative({ draft: randomTrees, longest: 7 }) }),
    ).rejects.toThrow(/layers\.0\.mixer.*a tree of 8 drafted tokens is larger than the window of 5.*Draft at most 5 tokens/s);
    await expect(
      model.generate(prompt, { decoder: speculative({ draft: promptLookup(), longest: 128 }) }),
    ).rejects.toThrow('do not fit the 128 entries that may be taken back. Set longest to 127 or less.');
  }); // prettier-ignore
});
