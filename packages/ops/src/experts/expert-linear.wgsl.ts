import type { KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { mostPerAxis } from './folded-grid.wgsl.ts';
import { bindNumbers } from './weights.wgsl.ts';

type Call = KernelCall<Record<never, never>>;

const lanes = 64;
/** Results of a workgroup. */
const columns = 4;

/** A workgroup for four results of a row: its lanes share the sums. */
export const expertLinearKernel: WebGpuDispatchKernel<Record<never, never>> = {
  backend: 'webgpu',
  name: 'rows of the chosen matrices',
  when(_, { inputs, outputs }: Call) {
    const [P, N] = outputs[0]!.shape as [number, number];
    return P > 0 && N > 0 && inputs[0]!.shape[1]! > 0 && P <= mostPerAxis;
  },
  grid({ outputs }: Call) {
    const [P, N] = outputs[0]!.shape as [number, number];
    return [Math.ceil(N / columns), P, 1];
  },
  source({ inputs, outputs }: Call) {
    const [rows, K] = inputs[0]!.shape as [number, number];
    const [P, N] = outputs[0]!.shape as [number, number];
    const aligned = K % 4 === 0;
    const each = (code: (c: number) => string): string => Array.from({ length: columns }, (_, c) => code(c)).join('\n    '); // prettier-ignore
    return `${bindNumbers({ name: 'x', binding: 0, dtype: 'f32', aligned })}
${bindNumbers({ name: 'weight', binding: 1, dtype: inputs[1]!.dtype, aligned })}
@group(0) @binding(2) var<storage, read> experts: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
var<workgroup> part: array<vec4f, ${lanes}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let p = group.y;
  let n0 = group.x * ${columns}u;
  let first = (p / ${P / rows}u) * ${K}u;
  let base = min(u32(experts[p]), ${inputs[1]!.shape[0]! - 1}u) * ${N * K}u;
  var sum = vec4f(0.0);
  for (var k = 4u * lane; k < ${K}u; k += ${4 * lanes}u) {
    let inside = ${aligned ? 'vec4<bool>(true)' : `vec4u(k) + vec4u(0u, 1u, 2u, 3u) < vec4u(${K}u)`};
    let own = select(vec4f(0.0), x_four(first + k), inside);
    ${each((c) => `{ let w = select(vec4f(0.0), weight_four(base + min(n0 + ${c}u, ${N - 1}u) * ${K}u + k), inside); sum[${c}] += dot(own, w); }`)}
  }
  part[lane] = sum;
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { part[lane] += part[lane + half]; }
    workgroupBarrier();
  }
  if (lane < ${columns}u && n0 + lane < ${N}u) { y[p * ${N}u + n0 + lane] = part[0][lane]; }
}`;
  },
};
