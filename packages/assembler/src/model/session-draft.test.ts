import { multiHeadLatentAttention } from '@tessera/attention-latent';
import { deltaNet, gatedDeltaNet, groupedLinearAttention, shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import { contextualMemory, persistentMemory } from '@tessera/mixers-memory-mosaic';
import { afterAll, describe, expect, test } from 'vitest';
import type { MixerInput } from '../model-spec-input.ts';
import { assembler, hybridSpec, largestDifference, someIds } from '../test-models.test-data.ts';
import type { Model } from './model.ts';
import type { Session } from './session.ts';

const V = 24;
const stacks: readonly [string, readonly MixerInput[]][] = [
  ['a growing cache', [softmaxAttention({ heads: 2, rotary: {} })]],
  ['a ring', [softmaxAttention({ heads: 2, window: 4 })]],
  ['latents', [multiHeadLatentAttention({ heads: 2, latentDim: 6, headDim: 4, rotaryDim: 2 })]],
  [
    'matrix states',
    [
      deltaNet({ heads: 2, keyDim: 4, valueDim: 4 }),
      gatedDeltaNet({ keyHeads: 2, valueHeads: 2, keyDim: 4, valueDim: 4 }),
    ],
  ],
  ['a convolution tail', [shortConvolution({})]],
  ['group phases', [groupedLinearAttention({ heads: 2 })]],
  ['pending pairs', [contextualMemory({ heads: 2 }), persistentMemory({ heads: 2, slots: 5 })]],
  [
    'all of them',
    [
      contextualMemory({ heads: 2, window: 6 }),
      softmaxAttention({ heads: 2, window: 4 }),
      gatedDeltaNet({ keyHeads: 2, valueHeads: 2, keyDim: 4, valueDim: 4 }),
      softmaxAttention({ heads: 2 }),
    ],
  ],
];

const prompt = someIds(9, V, 1);
const after = someIds(4, V, 5);
const models: Model[] = [];

async function modelOf(mixers: readonly MixerInput[]): Promise<Model> {
  const layers = mixers.map((mixer) => ({ mixer, mixerNorm: { type: '@tessera/norms:rms' } }));
  const model = await assembler.assemble(
    { vocabSize: V, dModel: 12, maxPositions: 64, layers },
    { device: 'cpu', seed: 3 },
  );
  models.push(model);
  return model;
}
afterAll(() => Promise.all(models.map((model) => model.dispose())));

/** What follows tells states apart. */
async function expectRead(session: Session, texts: readonly (readonly number[])[], model: Model): Promise<void> {
  for (const id of after) {
    const made = await session.feed(texts.map(() => [id]));
    for (const [b, text] of texts.entries()) {
      using fresh = await model.session();
      await fresh.feed([text]);
      let expected = new Float32Array();
      for (const before of after.slice(0, after.indexOf(id) + 1))
        expected = (await fresh.feed([[before]])) as typeof expected;
      expect(largestDifference(made.subarray(b * V, (b + 1) * V), expected)).toBeLessThan(1e-4);
    }
  }
}

describe.each(stacks)('%s', (_, mixers) => {
  test('a draft gives the logits of its texts, and what is kept of it is a prefill', async () => {
    const model = await modelOf(mixers);
    const draft = someIds(6, V, 7);
    const { logits } = await model.forward([[...prompt, ...draft]]);
    for (const kept of [0, 1, 3, 6]) {
      using session = await model.session();
      await session.feed([prompt]);
      const made = await session.readDraft([draft]);
      expect(largestDifference(made, logits.subarray(prompt.length * V))).toBeLessThan(1e-4);
      await session.commitDraft([[...draft.keys()].slice(0, kept)]);
      expect(session.length).toBe(prompt.length + kept);
      await expectRead(session, [[...prompt, ...draft.slice(0, kept)]], model);
    }
  });

  test('several steps are taken back as one, rows of a batch each by its own', async () => {
    const model = await modelOf(mixers);
    const texts = [prompt, someIds(5, V, 2), someIds(12, V, 3)];
    using session = await model.session({ batch: 3 });
    await session.feed(texts);
    const steps = [
      [[1, 2], [3], []],
      [[4], [5], [6]],
      [[], [7, 8], [9]],
    ];
    for (const step of steps) await session.readDraft(step);
    await session.commitDraft([[0, 1, 2], [0, 1], []]);
    await expectRead(session, [[...prompt, 1, 2, 4], [...texts[1]!, 3, 5], texts[2]!], model);
  });

  test('of a tree each path has the logits of its text, and one path stays', async () => {
    const model = await modelOf(mixers);
    const tokens = [1, 2, 3, 4, 5, 6];
    const parents = [-1, 0, 0, 2, 2, 1];
    using session = await model.session();
    await session.feed([prompt]);
    const made = await session.readDraft([tokens], [parents]);
    for (const path of [
      [0, 1, 5],
      [0, 2, 3],
      [0, 2, 4],
    ]) {
      // prettier-ignore
      const text = path.map((node) => tokens[node]!);
      const { logits } = await model.forward([[...prompt, ...text]]);
      for (const [depth, node] of path.entries())
        expect(
          largestDifference(
            made.subarray(node * V, (node + 1) * V),
            logits.subarray((prompt.length + depth) * V, (prompt.length + depth + 1) * V),
          ),
        ).toBeLessThan(1e-4);
    }
    await session.commitDraft([[0, 2, 4]]);
    await expectRead(session, [[...prompt, 1, 3, 5]], model);
  });
});

test('of each token of a draft there is what the output matrix read, after the final norm', async () => {
  await using model = await assembler.assemble(
    { ...hybridSpec, finalNorm: { type: '@tessera/norms:rms' } },
    { device: 'cpu' },
  );
  const { dModel: D, vocabSize, layers } = model.spec;
  using session = await model.session({ batch: 2 });
  await session.feed([prompt, prompt.slice(0, 3)]);
  const { logits, hidden } = await session.readDraftWithHidden([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect([logits.length, hidden.length]).toEqual([6 * vocabSize, 6 * D]);
  const { taps } = await model.forward([[...prompt, 1, 2, 3]], { taps: [layers.length] });
  const last = taps.get(layers.length)!.subarray(prompt.length * D);
  for (const [row, scale] of [0, 1, 2].map((token) => [token, rms(last.subarray(token * D, (token + 1) * D))] as const))
    expect(
      largestDifference(
        hidden.subarray(row * D, (row + 1) * D),
        last.subarray(row * D, (row + 1) * D).map((value) => value / scale),
      ),
    ).toBeLessThan(1e-3);
  await session.commitDraft([[0], [0, 1]]);
  expect(session.length).toBe(prompt.length + 1);
});

function rms(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

test('a draft has to be decided about, and be no longer than a ring has room for', async () => {
  await using model = await assembler.assemble(hybridSpec, { device: 'cpu' });
  using session = await model.session();
  await expect(session.commitDraft([[]])).rejects.toThrow('commitDraft: nothing was read by readDraft.');
  await session.feed([prompt]);
  await expect(session.readDraft([someIds(129, V)])).rejects.toThrow(
    'readDraft: 129 entries that may be taken back, and the session has room for 128 of them. Draft fewer.',
  );
  await session.readDraft([[1, 2]]);
  await expect(session.feed([[3]])).rejects.toThrow('The session has read a draft. Call commitDraft');
  await expect(session.readDraft([[1]], [[-1]])).rejects.toThrow('a tree is read by one call, not after others.');
  await session.commitDraft([[0]]);
  await session.feed([[3]]);
});

test('a disposed session keeps nothing of a draft', async () => {
  await using model = await assembler.assemble(hybridSpec, { device: 'cpu' });
  const before = model.device.allocatedBytes;
  const session = await model.session();
  await session.feed([prompt]);
  await session.readDraft([[1, 2]]);
  await session.readDraft([[1]]);
  await session.commitDraft([[0, 1]]);
  await session.readDraft([[1, 2]]);
  session.dispose();
  expect(model.device.allocatedBytes).toBe(before);
});
