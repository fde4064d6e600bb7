import type { ModelSpecInput } from '@tessera/assembler';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { TextEncoderToIds } from '@tessera/data';
import { encodeByWord, storySource, storyTexts } from '@tessera/data';
import { contextualMemory, persistentMemory } from '@tessera/mixers-memory-mosaic';
import { createTokenizer } from '@tessera/text';
import { trainTokenizer } from '@tessera/tokenizer-training';
import { createTrainer } from '@tessera/training';
import type { RunResult } from './experiment.ts';
import { spreadSvg } from './spread-svg.ts';
import { streamAssembler } from './stream-run.ts';
import type { Study, StudyCall } from './study.ts';
import { tableOf } from './table.ts';

/** Sizes of a {@link oneBlockStudy}. */
export interface OneBlockSizes {
  readonly width: number;
  readonly heads: number;
  readonly vocabSize: number;
  /** Stories of which the tokenizer is made. */
  readonly stories: number;
  readonly rows: number;
  readonly context: number;
  readonly steps: number;
  /** Batches that the loss is measured on. */
  readonly measured: number;
}

/** Sizes at which the study says something. */
export const oneBlockSizes: OneBlockSizes = {
  width: 128,
  heads: 4,
  vocabSize: 1024,
  stories: 20_000,
  rows: 64,
  context: 256,
  steps: 1500,
  measured: 8,
};

/** Stories of this seed are only evaluated on; trainings take the seeds after it. */
const keptSeed = 0;

/**
 * One block of 12 · width² parameters on generated stories: contextual and persistent memory, or attention and a gated feed-forward. A single layer of
 * attention has no way to tell what came after likeness, which one contextual memory is made for.
 * @see Zhang et al. 2024, arXiv:2405.06394, figure 7.
 */
export function oneBlockStudy(sizes: OneBlockSizes = oneBlockSizes): Study {
  const results: RunResult[] = [];
  return {
    name: 'one-block',
    async run(call) {
      const { vocabSize, stories } = sizes;
      const pieces = storyTexts(stories, { seed: 1 }).pieces();
      const { tokenizerJson, tokenizerConfigJson: tokenizerConfig } = await trainTokenizer(pieces, { vocabSize });
      const encoder = encodeByWord(createTokenizer({ tokenizerJson, tokenizerConfig }));
      for (const seed of call.seeds)
        for (const mixer of Object.keys(blocks)) {
          const result = await trained(mixer, seed, encoder, sizes, call);
          results.push(result);
          call.progress(`${mixer}, seed ${seed}: loss ${result.measured['validationLoss']!.toFixed(4)}, ${result.seconds.toFixed(1)} s`);
        }
    },
    finding: () => ({
      text: `One block, width ${sizes.width}, ${sizes.steps} steps of ${sizes.rows} × ${sizes.context} tokens of generated stories; loss in nats a token of stories that no training saw.\n\n${tableOf(results)}`,
      data: { sizes, results },
      pictures: {
        ...(results.length > 0 && {
          '': spreadSvg(results, 'validationLoss', {
            title: 'One block on generated stories, nats a token, at equal parameters',
            higherIsBetter: false,
          }),
        }),
      },
    }),
  }; // prettier-ignore
}

/** Layers of a block. Both come to 12 · width² parameters beside norms and scalars of heads. */
const blocks: Readonly<Record<string, (sizes: OneBlockSizes) => ModelSpecInput['layers']>> = {
  'Memory Mosaic': ({ width, heads }) =>
    [contextualMemory({ heads }), persistentMemory({ heads, slots: 3.5 * width })].map((mixer) => ({
      mixerNorm: { type: '@tessera/norms:layer' },
      mixer,
    })),
  transformer: ({ width, heads }) => [
    {
      mixerNorm: { type: '@tessera/norms:layer' },
      mixer: softmaxAttention({ heads, rotary: { theta: 10_000 } }),
      feedForwardNorm: { type: '@tessera/norms:layer' },
      feedForward: { type: '@tessera/feedforward:gated', config: { hidden: Math.floor((8 * width) / 3) } },
    },
  ],
};

async function trained(
  mixer: string,
  seed: number,
  encoder: TextEncoderToIds,
  sizes: OneBlockSizes,
  { device, signal, progress }: StudyCall,
): Promise<RunResult> {
  const { width, rows, context, steps, measured } = sizes;
  const kept = storySource(encoder, { rows, context, seed: keptSeed });
  const validation = [];
  for (let taken = 0; taken < measured; taken++) validation.push((await kept.next())!);
  const spec: ModelSpecInput = {
    vocabSize: encoder.vocabSize,
    dModel: width,
    maxPositions: context,
    layers: blocks[mixer]!(sizes),
    finalNorm: { type: '@tessera/norms:layer' },
    head: { tied: true },
  };
  await using model = await streamAssembler.assemble(spec, { device, seed });
  await using trainer = await createTrainer(model, {
    batches: storySource(encoder, { rows, context, seed: keptSeed + 1 + seed }),
    optimizer: { kind: 'adamw', learningRate: 0.004, weightDecay: 0.1 },
    schedule: { kind: 'cosine', warmup: Math.min(100, Math.floor(steps / 10)), steps, floor: 0.02 },
    seed,
  });
  const started = performance.now();
  let lastLoss = Number.NaN;
  for await (const { step, loss } of trainer.train({ until: steps, signal })) {
    lastLoss = loss;
    if (step % 250 === 0) progress(`${mixer}, seed ${seed}: step ${step}, loss ${loss.toFixed(4)}`);
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    mixer,
    seed,
    width,
    parameters: model.memory.parameters,
    steps,
    tokens: trainer.progress.tokens,
    seconds,
    lastLoss,
    measured: { validationLoss: (await trainer.evaluate(validation)).loss },
  };
}
