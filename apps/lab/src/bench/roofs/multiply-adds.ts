import type { Op } from '@tessera/tensor-core';
import { apply1, fromHost } from '@tessera/tensor-core';
import type { KernelCase } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';

const lanes = 256;
/** Vectors of four that are computed side by side: more chains than a multiplier has stages. */
const vectors = 4;
/** Steps of every chain in one turn of the loop. */
const unrolled = 8;

/**
 * Op: chains of multiply-adds x ← x · m + c in registers. m and c are data, so that no compiler knows that they are 1 and the
 * result can be said exactly: the start and the number of steps.
 */
function chainsOp(half: boolean): Op<{ readonly workgroups: number }> {
  const [scalar, vector] = half ? ['f16', 'vec4h'] : ['f32', 'vec4f'];
  const chains = Array.from({ length: vectors }, (_, v) => `v${v}`);
  const turn = Array.from({ length: unrolled }, () => chains.map((v) => `${v} = fma(${v}, m, c);`).join(' '));
  return {
    id: `@tessera/lab:multiply-adds-${scalar!}`,
    infer: (_, { workgroups }) => [{ shape: [workgroups * lanes], dtype: 'f32' }],
    kernels: [
      {
        backend: 'webgpu',
        name: 'chains in registers',
        source: () => `${half ? 'enable f16;' : ''}
@group(0) @binding(0) var<storage, read> factors: array<f32>;
@group(0) @binding(1) var<storage, read> turns: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = ${vector!}(${scalar!}(factors[0]));
  let c = ${vector!}(${scalar!}(factors[1]));
  let start = f32(lane % 8u);
  ${chains.map((v, i) => `var ${v} = ${vector!}(vec4f(start, start + 1.0, start + 2.0, start + 3.0) + ${i}.0);`).join('\n  ')}
  for (var i = 0u; i < turns[0]; i++) {
    ${turn.join('\n    ')}
  }
  y[group.x * ${lanes}u + lane] = ${chains.map((v) => `dot(vec4f(${v}), vec4f(1.0))`).join(' + ')};
}`,
        grid: ({ attributes: { workgroups } }) => [workgroups, 1, 1],
      },
    ],
  };
}

const ops = { f32: chainsOp(false), f16: chainsOp(true) };

/** The peak of multiply-adds, by loops that touch registers only. In f16 a chain must end below 2048 to be exact. */
export function multiplyAddCase(dtype: 'f32' | 'f16', workgroups: number, turns: number): KernelCase {
  const chains = 4 * vectors;
  const steps = turns * unrolled;
  const size = workgroups * lanes;
  return {
    group: 'roofs',
    shape: 'multiply-adds in registers',
    dtype,
    ...(dtype === 'f16' && { needs: 'shader-f16' }),
    inputs: [],
    build: () =>
      apply1(ops[dtype], [fromHost(Float32Array.of(1, 1), [2]), fromHost(Uint32Array.of(turns), [1])], { workgroups }),
    units: 1,
    work: { bytes: 4 * size, flops: 2 * size * chains * steps },
    check: () =>
      somePlaces(size, 1024).map((index) => {
        const start = (index % lanes) % 8;
        let value = 0;
        for (let v = 0; v < vectors; v++) for (let i = 0; i < 4; i++) value += start + i + v + steps;
        return { index, value };
      }),
    tolerance: 1e-6,
  };
}
