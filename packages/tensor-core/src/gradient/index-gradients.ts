import type { GradientCall } from '../op.ts';
import { equal, where } from '../primitives/elementwise.ts';
import { cumsum, gather, iota, scatterAdd, scatterSet, zeros } from '../primitives/index-ops.ts';
import type { GatherAttributes, ScatterAttributes } from '../primitives/index-ops.ts';
import { broadcastTo, reshape } from '../primitives/view.ts';
import type { Tensor } from '../tensor.ts';

type Gradient = readonly (Tensor | undefined)[];

/** Gradient of reading rows: they are summed where they came from. */
export function gatherGradient({ inputs, cotangents, attributes }: GradientCall<GatherAttributes>): Gradient {
  const [table, index] = inputs as [Tensor, Tensor];
  return [scatterAdd(zeros(table.shape), index, cotangents[0]!, attributes), undefined];
}

/** Gradient of writing rows. Of several set to one place only the one that stayed has any. */
export function scatterGradient({ inputs, cotangents, attributes }: GradientCall<ScatterAttributes>): Gradient {
  const [base, index, updates] = inputs as [Tensor, Tensor, Tensor];
  const { mode, batchDims } = attributes;
  const dy = cotangents[0]!;
  const read = gather(dy, index, { batchDims });
  if (mode === 'add') return [dy, undefined, read];
  const number = reshape(iota([index.size]), index.shape);
  const places = base.shape.slice(0, batchDims + 1);
  const stayed = gather(scatterSet(zeros(places, 'i32'), index, number, { batchDims }), index, { batchDims });
  const own = reshape(equal(stayed, number), [...index.shape, ...base.shape.slice(batchDims + 1).map(() => 1)]);
  return [
    scatterSet(dy, index, zeros(updates.shape), { batchDims }),
    undefined,
    where(broadcastTo(own, read.shape), read, 0),
  ];
}

/** Gradient of running sums: sums that run the other way. */
export function cumsumGradient({
  cotangents,
  attributes,
}: GradientCall<{ axis: number; reverse: boolean; exclusive: boolean }>): Gradient {
  const { axis, reverse, exclusive } = attributes;
  return [cumsum(cotangents[0]!, axis, { reverse: !reverse, exclusive })];
}

/** Gradient of sorting: every element's goes back to where it stood. */
export function sortGradient({ inputs, outputs, cotangents }: GradientCall<object>): Gradient {
  const dy = cotangents[0];
  if (!dy) return [undefined];
  const [x] = inputs as [Tensor];
  return [scatterSet(zeros(x.shape), outputs[1]!, dy, { batchDims: x.rank - 1 })];
}
