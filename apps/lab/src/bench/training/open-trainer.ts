import { Model, estimateMemory } from '@tessera/assembler';
import type { Device } from '@tessera/tensor-core';
import { disposeTree } from '@tessera/tensor-core';
import type { BatchSource, Trainer, TrainingBatch } from '@tessera/training';
import { createTrainer } from '@tessera/training';
import { graphOf } from '../model/shape.ts';
import { uploadWeights } from '../model/weights.ts';
import type { TrainingShape } from './training-shape.ts';
import type { TrainingVariant } from './training-variant.ts';

/** A trainer of random weights on one batch of random tokens, again and again. */
export async function openTrainer(
  shape: TrainingShape,
  { optimizer, recompute }: TrainingVariant,
  device: Device,
): Promise<Trainer> {
  const graph = graphOf(shape);
  const params = uploadWeights(graph, 'f32', device);
  try {
    const model = new Model({
      graph,
      device,
      ownsDevice: false,
      params,
      estimate: estimateMemory(graph, 'f32', shape.maxPositions),
      loadMs: 0,
    });
    return await createTrainer(model, { batches: oneBatch(shape), optimizer, recompute });
  } finally {
    // A trainer has weights of its own.
    disposeTree(params);
  }
}

function oneBatch({ rows, context, vocabSize }: TrainingShape): BatchSource {
  let state = 4711;
  const tokens = Int32Array.from({ length: rows * (context + 1) }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state % vocabSize;
  });
  const batch: TrainingBatch = { tokens, rows, context };
  let position = 0;
  return {
    next() {
      position++;
      return batch;
    },
    position: () => position,
    seek: (to) => void (position = to),
  };
}
