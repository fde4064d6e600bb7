import type { AlignedRows } from '@tessera/plugin';
import { pickRows } from '@tessera/plugin';
import { add, concat, expandDims, mul, reshape, scan, squeeze, transpose } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** What {@link leakyAverage} remembers. */
export interface AverageState {
  /** `[B, D]` */
  readonly average: Tensor;
}

/** averageₜ = keep · averageₜ₋₁ + valueₜ over aligned `values [B, n, D]`; the state is that after the last entry that counts. */
export function leakyAverage(
  keep: number,
  values: Tensor,
  lengths: Tensor,
  rows: AlignedRows,
  { average }: AverageState,
): { y: Tensor; state: AverageState } {
  const { outputs } = scan({
    carry: { average },
    sequences: { value: transpose(values, 0, 1) },
    step: ({ average }, { value }) => {
      const next = add(mul(average, keep), value);
      return { carry: { average: next }, output: { average: next } };
    },
  });
  const averages = transpose(outputs.average, 0, 1);
  const seen = concat([expandDims(average, 1), averages], 1);
  return {
    y: rows.restore(averages),
    state: { average: squeeze(pickRows(seen, reshape(lengths, [lengths.shape[0]!, 1])), 1) },
  };
}
