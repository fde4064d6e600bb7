import type { Op, Tensor } from '@tessera/tensor-core';
import { apply1 } from '@tessera/tensor-core';

/** Op: hands one element on. A dispatch that costs what a dispatch costs. */
const noOp: Op = {
  id: '@tessera/lab:no-op',
  infer: ([x]) => [x!],
  kernels: [
    {
      backend: 'webgpu',
      name: 'one invocation',
      source: () => `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1)
fn main() { y[0] = x[0]; }`,
      grid: () => [1, 1, 1],
    },
  ],
};

/** A tensor of one element through so many dispatches, each after the last. */
export function throughNoOps(x: Tensor, count: number): Tensor {
  let y = x;
  for (let i = 0; i < count; i++) y = apply1(noOp, [y], {});
  return y;
}
