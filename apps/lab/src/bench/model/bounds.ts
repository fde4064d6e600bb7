import type { Cost } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';
import type { LlamaSizes, ModelShape } from './shape.ts';
import { stateBytesPerPosition } from './steps.ts';
import type { PlacedModel, Room } from './steps.ts';
import { weightBytesRead, weightsPerToken } from './weights.ts';

/** Dot products and weighted sums of one query over one key in all layers. */
export function flopsPerPair({ layers, heads, headDim }: LlamaSizes): number {
  return 4 * layers * heads * headDim;
}

function headSize({ params }: PlacedModel): number {
  return sizeOf(params['head.weight']!.shape);
}

/** Compulsory work of one decode step: every weight and what the sequence remembers, read once. */
export function decodeWork(model: PlacedModel, room: Room, shape: ModelShape): Cost {
  const { context } = shape;
  return {
    bytes: weightBytesRead(model.params) + stateBytesPerPosition(model, room) * context,
    flops: 2 * (weightsPerToken(model.params) + headSize(model)) + flopsPerPair(shape) * context,
  };
}

/** Compulsory work of reading a prompt whose last token alone has logits. Attention is counted where it sees. */
export function prefillWork(model: PlacedModel, room: Room, shape: ModelShape): Cost {
  const { prompt: T } = shape;
  return {
    bytes: weightBytesRead(model.params) + stateBytesPerPosition(model, room) * T,
    flops: 2 * (weightsPerToken(model.params) * T + headSize(model)) + (flopsPerPair(shape) * T * (T + 1)) / 2,
  };
}
