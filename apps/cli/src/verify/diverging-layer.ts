import type { ForwardResult } from '@tessera/assembler';
import { difference, within } from './difference.ts';
import type { ReferenceTensor } from './golden.ts';

/**
 * Where a model goes wrong first: the number of the layer whose output differs, `embedding` when what enters layer 0
 * differs already, `head` when every hidden state agrees and only the final norm or the output map is left.
 */
export type DivergingLayer = number | 'embedding' | 'head';

/** Finds {@link DivergingLayer} from the hidden states of a reference; undefined when it has none that fit. */
export function divergingLayer(
  taps: ForwardResult['taps'],
  [B, T]: readonly [number, number],
  hidden: ReadonlyMap<number, ReferenceTensor>,
  tolerance: number,
): DivergingLayer | undefined {
  let compared = false;
  for (const [layer, reference] of [...hidden].sort(([a], [b]) => a - b)) {
    const tap = taps.get(layer);
    const part = tap && leadingPart(tap, [B, T, tap.length / (B * T)], reference.shape);
    if (!part) continue;
    compared = true;
    if (!within(difference(part, reference.values), tolerance)) return layer === 0 ? 'embedding' : layer - 1;
  }
  return compared ? 'head' : undefined;
}

/** The first rows and positions of `[B, T, D]`, as many as `shape` has; undefined when it does not fit. */
function leadingPart(
  values: Float32Array,
  [B, T, D]: readonly [number, number, number],
  shape: readonly number[],
): Float32Array | undefined {
  const [rows, positions, width] = shape as readonly [number, number, number];
  if (rows > B || positions > T || width !== D) return undefined;
  const part = new Float32Array(rows * positions * D);
  for (let row = 0; row < rows; row++)
    part.set(values.subarray(row * T * D, (row * T + positions) * D), row * positions * D);
  return part;
}
