import type { Dense } from './array.reference.ts';
import { dense } from './array.reference.ts';

/** The rows of the last axis, each changed as a whole. */
function byRow({ shape, data }: Dense, change: (row: Float64Array) => number[]): Dense {
  const n = shape.at(-1)!;
  const rows = Array.from({ length: n === 0 ? 0 : data.length / n }, (_, r) => change(data.slice(r * n, r * n + n)));
  return dense(shape, (place) => rows.flat()[place]!);
}

/** x / √(mean x² + ε) · (w + offset) */
export function rmsNormReference(x: Dense, w: Dense, eps: number, offset: number): Dense {
  return byRow(x, (row) => {
    const square = row.reduce((sum, value) => sum + value * value, 0) / row.length;
    return Array.from(row, (value, i) => (value / Math.sqrt(square + eps)) * (w.data[i]! + offset));
  });
}

/** (x − μ) / √(σ² + ε) · w + b */
export function layerNormReference(x: Dense, w: Dense, b: Dense, eps: number): Dense {
  return byRow(x, (row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return Array.from(row, (value, i) => ((value - mean) / Math.sqrt(variance + eps)) * w.data[i]! + b.data[i]!);
  });
}

/** x / √(Σ x² + ε) */
export function l2NormalizeReference(x: Dense, eps: number): Dense {
  return byRow(x, (row) => {
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) + eps);
    return Array.from(row, (value) => value / length);
  });
}
