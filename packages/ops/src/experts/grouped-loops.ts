import type { CpuKernel, HostView } from '@tessera/tensor-core';
import { unpackHalf } from '@tessera/tensor-core';

/** Attributes of {@link groupedLinearOp}. */
export interface GroupedLinearAttributes {
  /** Weights are `[E, in, out]` rather than `[E, out, in]`. */
  readonly transposed: boolean;
}

/** Element types that weights of experts are kept in. */
export const weightTypes: readonly ['f32', 'f16', 'bf16'] = ['f32', 'f16', 'bf16'];

/** Plain loops, an expert's weights row by row, widened once for all of its rows of x. */
export function linearLoops(dtype: (typeof weightTypes)[number]): CpuKernel<GroupedLinearAttributes> {
  return {
    backend: 'cpu',
    name: `loops over weights in ${dtype}`,
    packed: [1],
    when: ({ inputs }) => inputs[1]!.dtype === dtype,
    run({ inputs, outputs: [y], attributes: { transposed } }) {
      const [x, weight, offsets] = inputs as readonly [HostView, HostView, HostView];
      const [E, rows, columns] = weight.shape as [number, number, number];
      const [N, K] = transposed ? [columns, rows] : [rows, columns];
      const line = new Float64Array(columns);
      const sums = new Float64Array((x.shape[0] ?? 0) * (transposed ? N : 0));
      for (let e = 0; e < E; e++) {
        const [start, stop] = [offsets.data[offsets.offset + e]!, offsets.data[offsets.offset + e + 1]!];
        if (start === stop) continue;
        for (let r = 0; r < rows; r++) {
          const from = weight.offset + (e * rows + r) * columns;
          if (dtype === 'f32') for (let c = 0; c < columns; c++) line[c] = weight.data[from + c]!;
          else unpackHalf(dtype, weight.data as Uint16Array, from, line, 0, columns);
          for (let p = start; p < stop; p++) {
            if (transposed) {
              const factor = x.data[x.offset + p * K + r]!;
              for (let c = 0; c < columns; c++) sums[p * N + c]! += factor * line[c]!;
            } else {
              let total = 0;
              for (let c = 0; c < columns; c++) total += x.data[x.offset + p * K + c]! * line[c]!;
              y!.data[p * N + r] = total;
            }
          }
        }
      }
      if (transposed) y!.data.set(sums);
      else if (K === 0) y!.data.fill(0);
    },
  };
}

/** Plain loops, a row of each matrix at a time. */
export const outerLoops: CpuKernel<Record<never, never>> = {
  backend: 'cpu',
  name: 'loops',
  run({ inputs, outputs: [y] }) {
    const [a, b, offsets] = inputs as readonly [HostView, HostView, HostView];
    const [E, N, K] = y!.shape as [number, number, number];
    const line = new Float64Array(K);
    for (let e = 0; e < E; e++)
      for (let n = 0; n < N; n++) {
        line.fill(0);
        for (let p = offsets.data[offsets.offset + e]!; p < offsets.data[offsets.offset + e + 1]!; p++) {
          const factor = a.data[a.offset + p * N + n]!;
          for (let k = 0; k < K; k++) line[k]! += factor * b.data[b.offset + p * K + k]!;
        }
        y!.data.set(line, (e * N + n) * K);
      }
  },
};
