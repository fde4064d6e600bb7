import type { Model, ModelSpecInput } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { contextualMemory, memoryMosaics } from '@tessera/mixers-memory-mosaic';
import { norms } from '@tessera/norms';
import type { MixerUse } from '@tessera/plugin';
import { createTrainer } from '@tessera/training';
import type { Trainer } from '@tessera/training';
import type { RunResult } from './experiment.ts';
import type { SecondCopyTask } from './second-copy-task.ts';
import { secondCopyBatch, secondCopyBatches, targetsTold } from './second-copy-task.ts';
import { spreadSvg } from './spread-svg.ts';
import type { Study, StudyCall } from './study.ts';
import { tableOf } from './table.ts';

/** Sizes of a {@link secondCopyStudy}. */
export interface SecondCopySizes {
  readonly task: SecondCopyTask;
  readonly width: number;
  /** Of a batch. */
  readonly rows: number;
  readonly steps: number;
}

/** Sizes at which the study says something. */
export const secondCopySizes: SecondCopySizes = {
  task: { vocabSize: 256, shortest: 16, longest: 32 },
  width: 64,
  rows: 64,
  steps: 4000,
};

const heads = 4;
const mosaic: MixerUse = contextualMemory({ heads });
const attention: MixerUse = softmaxAttention({ heads, rotary: { theta: 10_000 } });

/** Stacks of nothing but these layers. */
const stacks: Readonly<Record<string, readonly MixerUse[]>> = {
  'mosaic, one layer': [mosaic],
  'attention, one layer': [attention],
  'attention, two layers': [attention, attention],
};

/**
 * Random sequences that come twice: models of one kind of layer and nothing else learn to tell the second copy. A layer of attention finds where a token was
 * before, and not what came after it, which takes a second layer; a memory of pairs does it in one.
 * @see Zhang et al. 2024, arXiv:2405.06394, section 4; Olsson et al. 2022, arXiv:2209.11895.
 */
export function secondCopyStudy(sizes: SecondCopySizes = secondCopySizes): Study {
  const { task } = sizes;
  const results: RunResult[] = [];
  return {
    name: 'second-copy',
    async run(call) {
      for (const seed of call.seeds)
        for (const [mixer, layers] of Object.entries(stacks)) {
          call.signal.throwIfAborted();
          const result = await trained(mixer, layers, seed, sizes, call);
          results.push(result);
          call.progress(
            `${mixer}, seed ${seed}: accuracy ${result.measured['accuracy']!.toFixed(4)}, ${result.seconds.toFixed(1)} s`,
          );
        }
    },
    finding: () => ({
      text: `${task.vocabSize} tokens, ${task.shortest} to ${task.longest} of them and the same again. A guess among the tokens of the first copy is right once in ${task.shortest} to ${task.longest}.\n\n${tableOf(results)}`,
      data: { task, results },
      pictures: {
        ...(results.length > 0 && {
          '': spreadSvg(results, 'accuracy', {
            title: 'The second copy of a random sequence: tokens told right',
            higherIsBetter: true,
          }),
        }),
      },
    }),
  };
}

async function trained(
  mixer: string,
  layers: readonly MixerUse[],
  seed: number,
  { task, width, rows, steps }: SecondCopySizes,
  { device, signal, progress }: StudyCall,
): Promise<RunResult> {
  const norm = { type: '@tessera/norms:rms' };
  const spec: ModelSpecInput = {
    vocabSize: task.vocabSize,
    dModel: width,
    maxPositions: 2 * task.longest,
    layers: layers.map((layer) => ({ mixerNorm: norm, mixer: layer })),
    finalNorm: norm,
  };
  await using model: Model = await createAssembler({ plugins: [softmax, memoryMosaics, norms] }).assemble(spec, {
    device,
    seed,
  });
  await using trainer = await createTrainer(model, {
    batches: secondCopyBatches(task, rows, seed + 1),
    optimizer: { kind: 'adamw', learningRate: 0.003, weightDecay: 0.01 },
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
  return {
    mixer,
    seed,
    width,
    parameters: model.memory.parameters,
    steps,
    tokens: trainer.progress.tokens,
    seconds,
    lastLoss,
    measured: { accuracy: await accuracyOf(trainer, task) },
  };
}

/** Of the second copy of 512 rows that no training sees. */
async function accuracyOf(trainer: Trainer, task: SecondCopyTask): Promise<number> {
  const batch = secondCopyBatch(task, 512, [0x7e57, 2]);
  const { tokens, rows, context } = batch;
  const model = trainer.view();
  const row = (index: number): number[] => [...tokens.subarray(index * (context + 1), (index + 1) * (context + 1) - 1)];
  const { logits } = await model.forward(Array.from({ length: rows }, (_, index) => row(index)));
  return targetsTold(batch, logits);
}
