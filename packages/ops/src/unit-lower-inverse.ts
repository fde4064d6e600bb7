import type { CpuKernel, Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  apply1,
  broadcastTo,
  cast,
  equal,
  expandDims,
  greater,
  iota,
  matmul,
  neg,
  permute,
  scan,
  showShape,
  sub,
  transpose,
  where,
  zeros,
  reshape,
} from '@tessera/tensor-core';
import { unitLowerInverseKernel } from './unit-lower-inverse.wgsl.ts';

const kernel: CpuKernel<Record<never, never>> = {
  backend: 'cpu',
  name: 'forward substitution',
  run({ inputs: [L], outputs: [A] }) {
    const C = L!.shape.at(-1)!;
    const matrices = C === 0 ? 0 : A!.data.length / (C * C);
    for (let matrix = 0; matrix < matrices; matrix++) {
      const to = matrix * C * C;
      const from = L!.offset + to;
      for (let r = 0; r < C; r++)
        for (let c = 0; c < C; c++) {
          let value = r === c ? 1 : 0;
          if (c < r) for (let s = c; s < r; s++) value -= L!.data[from + r * C + s]! * A!.data[to + s * C + c]!;
          A!.data[to + r * C + c] = value;
        }
    }
  },
};

/** Op: (I + L)⁻¹ for strictly lower triangular L. */
export const unitLowerInverseOp: Op<Record<never, never>> = {
  id: '@tessera/ops:unit-lower-inverse',
  infer([L]) {
    if (L!.shape.length < 2 || L!.shape.at(-1) !== L!.shape.at(-2))
      throw new ShapeError(`unitLowerInverse: ${showShape(L!.shape)} is not square.`);
    return [{ shape: L!.shape, dtype: 'f32' }];
  },
  definition([L]) {
    const C = L!.shape.at(-1)!;
    const batch = L!.shape.slice(0, -2);
    const rank = batch.length;
    const order = [rank, ...batch.map((_, axis) => axis), rank + 1];
    const { carry } = scan({
      carry: { A: zeros(L!.shape) },
      sequences: { row: permute(L!, order), r: iota([C]) }, // row r of L: [batch…, C]
      step: ({ A }, { row, r }) => {
        const unit = cast(equal(iota([C]), r), 'f32');
        const solved = sub(unit, reshape(matmul(expandDims(row, rank), A), [...batch, C]));
        const here = equal(iota([C, C], 0), r);
        return { carry: { A: where(here, broadcastTo(expandDims(solved, rank), A.shape), A) }, output: {} };
      },
    });
    return [carry.A];
  },
  kernels: [kernel, unitLowerInverseKernel],
  // dL = −Aᵀ dA Aᵀ below the diagonal: two products in place of a loop the other way.
  gradient({ outputs: [A], cotangents: [c] }) {
    const C = A!.shape.at(-1)!;
    const turned = transpose(A!);
    const below = greater(iota([C, C], 0), iota([C, C], 1));
    return [c && where(below, neg(matmul(matmul(turned, c), turned)), 0)];
  },
};

/** (I + L)⁻¹ for strictly lower triangular `L […, C, C]`, by forward substitution: exact where products of powers would cancel. */
export function unitLowerInverse(L: Tensor): Tensor {
  return apply1(unitLowerInverseOp, [L], {});
}
