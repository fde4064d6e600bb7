import type { GpuCapabilities, KernelCall, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { sizeOf } from '@tessera/tensor-core';

const mostPerAxis = 65_535;
/** Values that an invocation keeps between the statistics and the result; of longer rows the rest is read twice. */
const mostKept = 8;

/**
 * Norms along the last axis: a workgroup a row, the statistics summed in f32.
 * @param result - WGSL of the result from `v`, the normalised value, and the parameters `p0[i]`, `p1[i]`…; of four elements at once
 * where rows divide so
 */
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
    source(call, capabilities) {
      const n = call.inputs[0]!.shape.at(-1)!;
      const four = n % 4 === 0;
      const units = four ? n / 4 : n;
      const type = four ? 'vec4f' : 'f32';
      const threads = units <= 64 ? 64 : 256;
      const kept = Math.min(mostKept, Math.ceil(units / threads));
      const each = (code: (j: number) => string): string =>
        Array.from({ length: kept }, (_, j) => code(j)).join('\n  ');
      const added = (v: string): string => (four ? `dot(${v}, vec4f(1.0))` : v);
      const squared = (v: string): string => (four ? `dot(${v}, ${v})` : `${v} * ${v}`);
      /** Adds up a function of all elements of the row. */
      const gather = (term: (v: string) => string, moved: (v: string) => string): string => `own_sum = 0.0;
  ${each((j) => `if (${at(j)} < ${units}u) { let v = ${moved(`x${j}`)}; own_sum += ${term('v')}; }`)}
  for (var i = lane + ${kept * threads}u; i < ${units}u; i += ${threads}u) { let v = ${moved('x[start + i]')}; own_sum += ${term('v')}; }`;
      const at = (j: number): string => `lane + ${j * threads}u`;
      const centred = (v: string): string => (statistics === 'mean square' ? v : `${v} - mu`);
      const write = (i: string, v: string): string =>
        `{ let i = ${i}; let v = (${centred(v)}) * scale; y[start + i] = ${result(call.attributes)}; }`;
      const parameters = call.inputs
        .slice(1)
        .map((_, i) => `@group(0) @binding(${i + 1}) var<storage, read> p${i}: array<${type}>;`);
      const { enables, builtins, declarations, total } = summing(threads, capabilities);
      return `${enables}
@group(0) @binding(0) var<storage, read> x: array<${type}>;
${parameters.join('\n')}
@group(0) @binding(${call.inputs.length}) var<storage, read_write> y: array<${type}>;
${declarations}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32${builtins}) {
  let row = min(group.x + group.y * ${mostPerAxis}u, ${rowsOf(call) - 1}u);
  let start = row * ${units}u;
  var own_sum = 0.0;
  ${each((j) => `var x${j} = ${type}(0.0); if (${at(j)} < ${units}u) { x${j} = x[start + ${at(j)}]; }`)}
  ${statistics === 'mean square' ? '' : `${gather(added, (v) => v)}\n  let mu = ${total} / ${n}.0;`}
  ${gather(squared, centred)}
  let scale = inverseSqrt(${total} / ${n}.0 + ${call.attributes.eps}f);
  ${each((j) => `if (${at(j)} < ${units}u) ${write(at(j), `x${j}`)}`)}
  for (var e = lane + ${kept * threads}u; e < ${units}u; e += ${threads}u) ${write('e', 'x[start + e]')}
}`;
    },
  };
}

/** WGSL of the sum of `own_sum` over a workgroup. */
function summing(
  threads: number,
  { features }: GpuCapabilities,
): { enables: string; builtins: string; declarations: string; total: string } {
  if (!features.has('subgroups'))
    return {
      enables: '',
      builtins: '',
      declarations: `var<workgroup> part: array<f32, ${threads}>;
fn total(lane: u32, value: f32) -> f32 {
  part[lane] = value;
  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { part[lane] += part[lane + half]; }
    workgroupBarrier();
  }
  let sum = part[0];
  workgroupBarrier();
  return sum;
}`,
      total: 'total(lane, own_sum)',
    };
  return {
    enables: 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);',
    builtins: ', @builtin(subgroup_size) width: u32, @builtin(subgroup_invocation_id) own: u32',
    declarations: `var<workgroup> part: array<f32, ${threads}>;
fn total(lane: u32, width: u32, own: u32, value: f32) -> f32 {
  let together = subgroupAdd(value);
  if (own == 0u) { part[lane / width] = together; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < ${threads}u / width; i++) { sum += part[i]; }
  workgroupBarrier();
  return sum;
}`,
    total: 'total(lane, width, own, own_sum)',
  };
}
