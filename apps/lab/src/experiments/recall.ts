import { shortConvolution } from '@tessera/attention-linear';
import type { Trainer } from '@tessera/training';
import type { RunPlan } from './experiment.ts';
import type { RecallTask } from './recall-task.ts';
import { recallBatch, recallBatches } from './recall-task.ts';

/** 8 pairs among 128 tokens. */
const task: RecallTask = { vocabSize: 256, length: 128, pairs: 8 };

/** Rows of a batch that is measured. */
const rows = 64;

/** How a model is taught. */
export interface RecallTeaching {
  readonly steps?: number | undefined;
  /** Rows of a batch. */
  readonly rows?: number | undefined;
  readonly learningRate?: number | undefined;
}

/** How many of the values that are asked for are told, over 512 rows that no training sees. */
async function accuracyOf(trainer: Trainer): Promise<Readonly<Record<string, number>>> {
  const model = trainer.view();
  let [right, asked] = [0, 0];
  for (let number = 0; number < 8; number++) {
    const { tokens, targets, context } = recallBatch(task, rows, [0x7e57, number]);
    const row = (index: number): number[] => [...tokens.subarray(index * (context + 1), (index + 1) * (context + 1))];
    const inputs = Array.from({ length: rows }, (_, index) => row(index).slice(0, context));
    const { logits, shape } = await model.forward(inputs);
    const V = shape[2] ?? task.vocabSize;
    for (let index = 0; index < rows; index++)
      for (let t = 1; t <= context; t++) {
        const at = index * (context + 1) + t;
        if (targets![at] !== 1) continue;
        const start = (index * context + t - 1) * V;
        let best = 0;
        for (let id = 1; id < V; id++) if (logits[start + id]! > logits[start + best]!) best = id;
        asked++;
        if (best === tokens[at]) right++;
      }
  }
  return { accuracy: right / asked };
}

/**
 * Multi-query associative recall with models of two layers: a gated short convolution, which brings a key and its value together, and then
 * the mixer that is compared. The experiments of the paper put such a convolution before every mixer too.
 */
export function recallPlan(
  mixer: string,
  width: number,
  seed: number,
  { steps = 1500, rows: taught = rows, learningRate = 0.004 }: RecallTeaching = {},
): RunPlan {
  return {
    mixer,
    seed,
    steps,
    learningRate,
    shape: {
      vocabSize: task.vocabSize,
      width,
      layers: 2,
      heads: 2,
      context: task.length,
      first: shortConvolution({}),
    },
    batches: () => recallBatches({ ...task, often: true }, taught, seed + 1),
    measure: accuracyOf,
  };
}
