import type { GenerateOptions, Model } from '@tessera/assembler';
import type { Program } from '@tessera/tensor-core';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { draftModel } from './sources/draft-model.ts';
import { promptLookup } from './sources/prompt-lookup.ts';
import { speculative } from './speculative.ts';
import { modelOf, randomSource, stacks } from './stacks.test-support.ts';

const prompt = [3, 1, 4, 1, 5, 9, 2, 6];

/** A CPU that says that it works beside the host, as a GPU does. Counts runs of programs and numbers read. */
class BesideDevice extends CpuDevice {
  override readonly onHost: boolean = false;
  runs = 0;
  readNumbers = 0;

  override async compile(...call: Parameters<CpuDevice['compile']>): Promise<Program> {
    const program = await super.compile(...call);
    const run: Program['run'] = (inputs) => {
      this.runs++;
      return program.run(inputs);
    };
    return { ...program, run };
  }

  override async read(...call: Parameters<CpuDevice['read']>): ReturnType<CpuDevice['read']> {
    const made = await super.read(...call);
    this.readNumbers += made.length;
    return made;
  }
}

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
      for (const draft of [promptLookup(), randomSource, draftModel(model), draftModel(smaller)])
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
