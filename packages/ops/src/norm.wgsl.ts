import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';

const mostPerAxis = 65_535;

/** Norms along the last axis: a workgroup a row, the statistics summed in f32 through workgroup memory. */
export function normKernel<A extends { readonly eps: number }>(
  name: string,
  statistics: 'mean square' | 'mean and variance',
  result: (attributes: A) => string,
): WebGpuDispatchKernel<A> {
  const rowsOf = ({ inputs }: KernelCall<A>): number => sizeOf(inputs[0]!.shape.slice(0, -1));
  return {
    backend: 'webgpu',
    name,
    when: (_, call) =>
      call.inputs.every(({ dtype }) => dtype === 'f32') && rowsOf(call) > 0 && call.inputs[0]!.shape.at(-1)! > 0,
    grid: (call) => {
      const rows = rowsOf(call);
      return rows <= mostPerAxis ? [rows, 1, 1] : [mostPerAxis, Math.ceil(rows / mostPerAxis), 1];
    },
    source(call) {
      const n = call.inputs[0]!.shape.at(-1)!;
      const threads = n <= 512 ? 64 : 256;
      const parameters = call.inputs
        .slice(1)
        .map((_, i) => `@group(0) @binding(${i + 1}) var<storage, read> p${i}: array<f32>;`);
      return `@group(0) @binding(0) var<storage, read> x: array<f32>;
${parameters.join('\n')}
@group(0) @binding(${call.inputs.length}) var<storage, read_write> y: array<f32>;
var<workgroup> part: array<f32, ${threads}>;
fn total(lane: u32, own: f32) -> f32 {
  part[lane] = own;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { part[lane] += part[lane + half]; }
    workgroupBarrier();
  }
  let sum = part[0];
  workgroupBarrier();
  return sum;
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = min(group.x + group.y * ${mostPerAxis}u, ${rowsOf(call) - 1}u);
  let start = row * ${n}u;
  var own = 0.0;
  ${
    statistics === 'mean square'
      ? `for (var i = lane; i < ${n}u; i += ${threads}u) { let v = x[start + i]; own += v * v; }
  let mu = 0.0;`
      : `for (var i = lane; i < ${n}u; i += ${threads}u) { own += x[start + i]; }
  let mu = total(lane, own) / ${n}.0;
  own = 0.0;
  for (var i = lane; i < ${n}u; i += ${threads}u) { let v = x[start + i] - mu; own += v * v; }`
  }
  let scale = inverseSqrt(total(lane, own) / ${n}.0 + ${call.attributes.eps}f);
  for (var i = lane; i < ${n}u; i += ${threads}u) {
    let v = (x[start + i] - mu) * scale;
    y[start + i] = ${result(call.attributes)};
  }
}`;
    },
  };
}
