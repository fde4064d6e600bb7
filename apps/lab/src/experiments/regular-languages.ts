import type { ModelSpecInput } from '@tessera/assembler';
import { softmaxAttention } from '@tessera/attention-softmax';
import { contextualMemory, persistentMemory } from '@tessera/mixers-memory-mosaic';
import { createTrainer } from '@tessera/training';
import type { RunResult } from './experiment.ts';
import type { RegularLanguageTask } from './regular-language-task.ts';
import { heldRows, regularLanguageBatches, validShare } from './regular-language-task.ts';
import { spreadSvg } from './spread-svg.ts';
import { streamAssembler } from './stream-run.ts';
import type { Study, StudyCall } from './study.ts';
import { tableOf } from './table.ts';

/** Sizes of a {@link regularLanguagesStudy}. */
export interface RegularLanguagesSizes {
  readonly task: RegularLanguageTask;
  /** Automata to learn with. */
  readonly automata: number;
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
  readonly rows: number;
  readonly steps: number;
  /** Rows to measure with, each of an automaton of its own. */
  readonly measured: number;
}

/** Sizes at which the study says something. */
export const regularLanguagesSizes: RegularLanguagesSizes = {
  task: { symbols: 18, states: [4, 12], edges: [1, 4], word: [1, 50], context: 512 },
  automata: 1000,
  width: 128,
  heads: 4,
  blocks: 2,
  rows: 32,
  steps: 3000,
  measured: 128,
};

/**
 * Languages of random automata, learned in context: a row is words of one automaton, and what may come next is to be told for automata that no training
 * saw.
 * @see Akyürek et al. 2024, arXiv:2401.12973; Zhang et al. 2024, arXiv:2405.06394, figure 8.
 */
export function regularLanguagesStudy(sizes: RegularLanguagesSizes = regularLanguagesSizes): Study {
  const results: RunResult[] = [];
  const { task, automata, blocks } = sizes;
  return {
    name: 'regular-languages',
    async run(call) {
      for (const seed of call.seeds)
        for (const mixer of Object.keys(stacks)) {
          const result = await trained(mixer, seed, sizes, call);
          results.push(result);
          call.progress(
            `${mixer}, seed ${seed}: ${result.measured['valid']!.toFixed(4)} valid, ${result.seconds.toFixed(1)} s`,
          );
        }
    },
    finding: () => ({
      text: `${automata} automata of ${task.states.join(' to ')} states to learn with, others to measure with; ${blocks} blocks, rows of ${task.context} tokens. Share of symbols inside of words that the automaton allows.\n\n${tableOf(results)}`,
      data: { sizes, results },
      pictures: {
        ...(results.length > 0 && {
          '': spreadSvg(results, 'valid', {
            title: 'Regular languages learned in context: symbols that may come',
            higherIsBetter: true,
          }),
        }),
      },
    }),
  };
}

/** Blocks of 12 · width² parameters each. */
const stacks: Readonly<Record<string, (sizes: RegularLanguagesSizes) => ModelSpecInput['layers']>> = {
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
  sizes: RegularLanguagesSizes,
  { device, signal, progress }: StudyCall,
): Promise<RunResult> {
  const { task, automata, width, blocks, rows, steps, measured } = sizes;
  const spec: ModelSpecInput = {
    vocabSize: task.symbols + 1,
    dModel: width,
    maxPositions: task.context,
    layers: Array.from({ length: blocks }, () => stacks[mixer]!(sizes)).flat(),
    finalNorm: { type: '@tessera/norms:layer' },
  };
  await using model = await streamAssembler.assemble(spec, { device, seed });
  await using trainer = await createTrainer(model, {
    batches: regularLanguageBatches(task, { rows, automata, seed: seed + 1 }),
    optimizer: { kind: 'adamw', learningRate: 0.002, weightDecay: 0.1 },
    schedule: { kind: 'cosine', warmup: Math.min(100, Math.floor(steps / 10)), steps, floor: 0.02 },
    seed,
  });
  const started = performance.now();
  let lastLoss = Number.NaN;
  for await (const { step, loss } of trainer.train({ until: steps, signal })) {
    lastLoss = loss;
    if (step % 500 === 0) progress(`${mixer}, seed ${seed}: step ${step}, loss ${loss.toFixed(4)}`);
  }
  const seconds = (performance.now() - started) / 1000;
  const held = heldRows(task, measured);
  const { logits } = await trainer.view().forward(held.map(({ tokens }) => tokens.slice(0, -1)));
  const { parameters } = model.memory;
  const { tokens } = trainer.progress;
  return { mixer, seed, width, parameters, steps, tokens, seconds, lastLoss, measured: { valid: validShare(held, logits) } };
} // prettier-ignore
