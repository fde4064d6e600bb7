import { layerNorm, rmsNorm, softmax } from '@tessera/ops';
import type { HostArray, Tensor, TensorType } from '@tessera/tensor-core';
import { numbersOf } from '../filler.ts';
import type { KernelCase } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';

const eps = 1e-5;

interface RowOp {
  readonly name: string;
  /** Vectors of a row's length that it takes. */
  readonly weights: number;
  readonly flopsPerElement: number;
  apply(x: Tensor, weights: readonly Tensor[]): Tensor;
  /** One row in float64. */
  reference(x: Float64Array, weights: readonly HostArray[]): Float64Array;
}

const mean = (x: Float64Array): number => x.reduce((sum, value) => sum + value, 0) / x.length;

const rms: RowOp = {
  name: 'RMS norm',
  weights: 1,
  flopsPerElement: 4,
  apply: (x, [w]) => rmsNorm(x, w!, { eps }),
  reference: (x, [w]) => {
    const scale = 1 / Math.sqrt(mean(x.map((value) => value ** 2)) + eps);
    return x.map((value, i) => value * scale * w![i]!);
  },
};

const layer: RowOp = {
  name: 'layer norm',
  weights: 2,
  flopsPerElement: 6,
  apply: (x, [w, b]) => layerNorm(x, w!, b!, { eps }),
  reference: (x, [w, b]) => {
    const mu = mean(x);
    const scale = 1 / Math.sqrt(mean(x.map((value) => (value - mu) ** 2)) + eps);
    return x.map((value, i) => (value - mu) * scale * w![i]! + b![i]!);
  },
};

const soft: RowOp = {
  name: 'softmax',
  weights: 0,
  flopsPerElement: 4,
  apply: (x) => softmax(x),
  reference: (x) => {
    const e = x.map((value) => Math.exp(value));
    const total = e.reduce((sum, value) => sum + value, 0);
    return e.map((value) => value / total);
  },
};

/** Rows of a matrix, each for itself; in a run `units` times, each after the last. */
function rowsCase(op: RowOp, rows: number, width: number, units: number): KernelCase {
  const x: TensorType = { shape: [rows, width], dtype: 'f32' };
  const weight: TensorType = { shape: [width], dtype: 'f32' };
  return {
    group: 'norms',
    shape: `${op.name} ${rows}×${width}`,
    dtype: 'f32',
    inputs: [x, ...Array.from({ length: op.weights }, () => weight)],
    build: ([first, ...weights]) => {
      let y = first!;
      for (let i = 0; i < units; i++) y = op.apply(y, weights);
      return y;
    },
    units,
    work: { bytes: 4 * (2 * rows + op.weights) * width, flops: op.flopsPerElement * rows * width },
    check: ([values, ...weights]) =>
      somePlaces(rows, 4).flatMap((row) => {
        let y = numbersOf(values!, x, row * width, width);
        for (let i = 0; i < units; i++) y = op.reference(y, weights) as typeof y;
        return Array.from(y, (value, i) => ({ index: row * width + i, value }));
      }),
    tolerance: 1e-4,
  };
}

/** Statistics of rows and what is made of them: one row, as in a decode step, and more than any cache holds. */
export function normCases(scale: Scale): KernelCase[] {
  if (scale === 'dry') return [rms, layer, soft].map((op) => rowsCase(op, 3, 24, 2));
  const large = [rms, layer, soft].map((op) => rowsCase(op, 16_384, 4096, 1));
  if (scale === 'quick') return [rowsCase(rms, 1, 2048, 32), large[0]!];
  return [
    rowsCase(rms, 1, 2048, 32),
    rowsCase(rms, 1, 4096, 32),
    rowsCase(rms, 2048, 2048, 8),
    ...large,
    rowsCase(rms, 16_384, 4097, 1),
    rowsCase(soft, 1, 32_000, 8),
  ];
}
