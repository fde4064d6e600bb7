import type { Cost } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import { flopsPerPair } from '../model/bounds.ts';
import type { LlamaSizes } from '../model/shape.ts';
import { graphOf } from '../model/shape.ts';
import type { Scale } from '../scale.ts';

/** Sizes of a Llama that is trained, and of its batches. */
export interface TrainingShape extends LlamaSizes {
  readonly name: string;
  /** Rows of a batch. */
  readonly rows: number;
  /** Tokens that predict in each row. */
  readonly context: number;
}

const llama34: TrainingShape = {
  name: '34 M Llama',
  layers: 8,
  width: 512,
  heads: 8,
  kvHeads: 8,
  headDim: 64,
  hidden: 1408,
  vocabSize: 8192,
  maxPositions: 512,
  rows: 16,
  context: 512,
};

/** Of the same form, and small enough for a CPU, with which it is compared. */
export const tinyShape: TrainingShape = {
  name: 'tiny Llama',
  layers: 1,
  width: 16,
  heads: 2,
  kvHeads: 2,
  headDim: 8,
  hidden: 24,
  vocabSize: 32,
  maxPositions: 16,
  rows: 2,
  context: 12,
};

/** The model whose training is timed. */
export function trainingShapeOf(scale: Scale): TrainingShape {
  return scale === 'dry' ? tinyShape : llama34;
}

/** Tokens of a step. */
export function tokensOf({ rows, context }: TrainingShape): number {
  return rows * context;
}

/** Learned numbers. */
export function parametersOf(shape: TrainingShape): number {
  return Object.values(graphOf(shape).params()).reduce((total, { shape: each }) => total + sizeOf(each), 0);
}

/**
 * Compulsory work of a step: six flops a token for each number of a matrix but the embedding, which is only looked up, and
 * attention three times as much as forward, where it sees; weights and both moments of AdamW in f32 read and written once.
 * What is computed again counts once.
 */
export function trainingWork(shape: TrainingShape): Cost {
  const { rows, context: T } = shape;
  const multiplied = Object.entries(graphOf(shape).params()).reduce(
    (total, [path, { shape: each }]) =>
      each.length < 2 || path.startsWith('embedding.') ? total : total + sizeOf(each),
    0,
  );
  return {
    flops: 6 * multiplied * tokensOf(shape) + (3 * flopsPerPair(shape) * rows * T * (T + 1)) / 2,
    bytes: 2 * 3 * 4 * parametersOf(shape),
  };
}
