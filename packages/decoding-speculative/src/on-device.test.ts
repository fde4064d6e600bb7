import type { GenerateOptions, Model } from '@tessera/assembler';
import { softmaxAttention } from '@tessera/attention-softmax';
import { sinkCache } from '@tessera/streaming-sinks';
import { describe, expect, test } from 'vitest';
import { BesideDevice } from './beside-device.test-support.ts';
import { createMedusaHeads } from './heads/create-heads.ts';
import { randomHeads } from './heads/heads.test-support.ts';
import { draftModel } from './sources/draft-model.ts';
import { medusaHeads } from './sources/medusa-heads.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { V, allKinds, assembler, modelOf, randomSource, stacks } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];

const options: readonly [string, GenerateOptions][] = [
  ['greedy', {}],
  ['sampled', { temperature: 1.1, topK: 12, topP: 0.95, seed: 7 }],
  ['greedy with penalties', { repetitionPenalty: 1.4, frequencyPenalty: 0.4 }],
  [
    'sampled with penalties and biases',
    { temperature: 1, repetitionPenalty: 1.3, presencePenalty: 0.3, logitBias: { 3: 1, 4: -Infinity }, minNewTokens: 9, stopTokenIds: [1, 2, 5, 6, 7], seed: 9 },
  ],
  ['with logprobs, which the host decides', { logprobs: 1 }],
  ['without repeated ngrams, which the host decides', { noRepeatNgramSize: 2 }],
]; // prettier-ignore

describe.each([stacks[0]!, stacks[4]!, stacks[5]!])(
  'a device that decides about drafts of %s itself gives the plain text',
  (_, mixers) => {
    test.each(options)('%s', async (__, given) => {
      const device = new BesideDevice();
      await using model = await modelOf(mixers, 3, { device });
      await using smaller = await modelOf(stacks[0]![1], 4, { device });
      const wanted = { maxNewTokens: 24, ...given };
      const plain = await model.generate(prompt, wanted);
      using first = await createMedusaHeads(model);
      using second = await randomHeads(model, { ownOutput: true });
      const heads = [first, second].map((each) => medusaHeads(each));
      for (const draft of [promptLookup(), randomSource, draftModel(model), draftModel(smaller), ...heads])
        for (const adaptive of [true, false]) {
          const made = await model.generate(prompt, {
            ...wanted,
            decoder: speculative({ draft, longest: 4, adaptive }),
          });
          expect(made.newTokenIds).toEqual(plain.newTokenIds);
          expect(made.stoppedBy).toEqual(plain.stoppedBy);
        }
      const sure = await model.generate(prompt, {
        ...wanted,
        decoder: speculative({ draft: draftModel(model), longest: 4, adaptive: false }),
      });
      // What was proposed behind the end of a text has not stayed.
      expect(sure.speculation!.acceptance).toBeGreaterThan(sure.finishReason === 'length' ? 0.95 : 0.7);
    });
  },
);

test('a round is one run, and ids are all that is read', async () => {
  const device = new BesideDevice();
  await using model: Model = await modelOf(stacks[5]![1], 3, { device });
  const decoder = speculative({ draft: randomSource, longest: 4, adaptive: false });
  const counted = async (maxNewTokens: number): Promise<{ runs: number; read: number; rounds: number }> => {
    const before = [device.runs, device.readNumbers] as const;
    const { speculation } = await model.generate(prompt, { maxNewTokens, decoder });
    return { runs: device.runs - before[0], read: device.readNumbers - before[1], rounds: speculation!.rounds };
  };
  const [few, many] = [await counted(10), await counted(30)];
  expect(many.runs - few.runs).toBe(many.rounds - few.rounds);
  // Three numbers for each of five tokens, and three.
  expect(many.read - few.read).toBeLessThanOrEqual(18 * (many.rounds - few.rounds));
});

test('with a model that drafts there a round is its run and that of the target, and one reading', async () => {
  const device = new BesideDevice();
  await using model = await modelOf(stacks[5]![1], 3, { device });
  await using smaller = await modelOf(stacks[3]![1], 4, { device });
  const decoder = speculative({ draft: draftModel(smaller), longest: 4, adaptive: false });
  const counted = async (maxNewTokens: number): Promise<Record<'runs' | 'reads' | 'rounds', number>> => {
    const before = { runs: device.runs, reads: device.reads };
    const { speculation } = await model.generate(prompt, { maxNewTokens, decoder });
    return { runs: device.runs - before.runs, reads: device.reads - before.reads, rounds: speculation!.rounds };
  };
  const [few, many] = [await counted(10), await counted(40)];
  expect(many.rounds).toBeGreaterThan(few.rounds);
  expect(many.runs - few.runs).toBe(2 * (many.rounds - few.rounds));
  expect(many.reads - few.reads).toBe(many.rounds - few.rounds);
});

test('with heads a round is their run and that of the target, and one reading; the first one is without', async () => {
  const device = new BesideDevice();
  await using model = await modelOf(stacks[5]![1], 3, { device });
  using heads = await randomHeads(model);
  const decoder = speculative({ draft: medusaHeads(heads), adaptive: false });
  const counted = async (maxNewTokens: number): Promise<Record<'runs' | 'reads' | 'rounds' | 'drafted', number>> => {
    const before = { runs: device.runs, reads: device.reads };
    const { speculation } = await model.generate(prompt, { maxNewTokens, decoder });
    const { rounds, drafted } = speculation!;
    return { runs: device.runs - before.runs, reads: device.reads - before.reads, rounds, drafted };
  };
  const [few, many] = [await counted(10), await counted(40)];
  expect(few.drafted).toBeGreaterThan(0);
  expect(many.runs - few.runs).toBe(2 * (many.rounds - few.rounds));
  expect(many.reads - few.reads).toBe(many.rounds - few.rounds);
});

test('a model that rests is not run, and what it has missed is read by one step before it is tried again', async () => {
  const device = new BesideDevice();
  await using model = await modelOf(stacks[0]![1], 3, { device });
  await using other = await modelOf(stacks[3]![1], 8, { device });
  const before = device.runs;
  const decoder = speculative({ draft: draftModel(other, { cost: 0.2 }) });
  const { speculation, newTokenIds } = await model.generate(prompt, { maxNewTokens: 80, decoder });
  const { rounds, drafted } = speculation!;
  // Beside a run of the target a round: one of the draft model for each try, and one to catch up.
  expect(device.runs - before).toBeLessThan(rounds + 2 * drafted + 4);
  expect(rounds).toBeGreaterThan(3 * drafted);
  expect(newTokenIds).toEqual((await model.generate(prompt, { maxNewTokens: 80 })).newTokenIds);
});

test('a draft model with a shorter context proposes as long as it has room', async () => {
  const device = new BesideDevice();
  await using model = await modelOf(stacks[0]![1], 3, { device });
  await using short = await assembler.assemble(
    { vocabSize: V, dModel: 4, maxPositions: 20, layers: [{ mixer: softmaxAttention({ heads: 1 }) }] },
    { device },
  );
  const plain = await model.generate(prompt, { maxNewTokens: 40 });
  const decoder = speculative({ draft: draftModel(short), adaptive: false, longest: 3 });
  const made = await model.generate(prompt, { maxNewTokens: 40, decoder });
  expect(made.newTokenIds).toEqual(plain.newTokenIds);
  expect(made.speculation!.drafted).toBeGreaterThan(0);
  expect(made.speculation!.drafted).toBeLessThan(3 * 13);
});

test('leaving a text while rounds are under way gives the beginning of the plain text, and all memory back', async () => {
  const device = new BesideDevice();
  await using model = await modelOf(stacks[5]![1], 3, { device });
  await using smaller = await modelOf(stacks[0]![1], 4, { device });
  const plain = await model.generate(prompt, { maxNewTokens: 30 });
  const held = device.allocatedBytes;
  for (const most of [1, 4, 9]) {
    const abort = new AbortController();
    const ids: number[] = [];
    const options = { maxNewTokens: 30, signal: abort.signal, decoder: speculative({ draft: draftModel(smaller) }) };
    const leave = async (): Promise<void> => {
      for await (const event of model.stream(prompt, options)) {
        if (event.type === 'token') ids.push(event.tokenId);
        if (ids.length === most) abort.abort(new Error('enough'));
      }
    };
    await expect(leave()).rejects.toThrow('enough');
    expect(ids).toEqual(plain.newTokenIds.slice(0, most));
    expect(device.allocatedBytes).toBe(held);
  }
});

test('over sinks and a window drafts are taken back on the device far past every eviction', async () => {
  const device = new BesideDevice();
  const cachePolicy = sinkCache({ sinks: 2, window: 12 });
  await using model = await modelOf(allKinds, 3, { device, cachePolicy });
  await using other = await modelOf([softmaxAttention({ heads: 2, rotary: {} })], 4, { device, cachePolicy });
  // More than a ring holds: the window and the longest step.
  const long = Array.from({ length: 560 }, (_, i) => (i * i + 3 * i) % V);
  const options = { maxNewTokens: 24, temperature: 1, seed: 3 };
  const plain = await model.generate(long, options);
  for (const draft of [model, other]) {
    const decoder = speculative({ draft: draftModel(draft), longest: 4, adaptive: false });
    const { newTokenIds, speculation } = await model.generate(long, { ...options, decoder });
    expect(newTokenIds).toEqual(plain.newTokenIds);
    // What a model proposes to itself is what it chooses.
    expect(speculation!.rounds).toBe(draft === model ? 5 : speculation!.rounds);
  }
});
