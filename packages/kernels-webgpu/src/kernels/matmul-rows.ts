import { grid, groupNumber } from '../compile/dispatch.ts';
import type { MatmulPlan, Operand } from './matmul.ts';

/** A way to compute a product. */
export interface MatmulShader {
  readonly name: string;
  readonly source: string;
  readonly grid: readonly [number, number, number];
}

const lanes = 64;

/**
 * For few rows: reading the right operand is the whole work. Lanes share the inner axis; sixteen bytes a load where the
 * operand lies so, several loads under way at a time.
 */
export function rowsShader(plan: MatmulPlan): MatmulShader {
  const { M, K, a, b } = plan;
  const perLoad = b.dtype === 'f32' ? 4 : 8;
  const aligned = (operand: Operand, along: number, across: number, unit: number): boolean =>
    along === 1 && across % unit === 0 && operand.offset % unit === 0 && operand.batchAlignment % unit === 0;
  const wide =
    K % perLoad === 0 && a.dtype === 'f32' && aligned(a, a.column, a.row, 4) && aligned(b, b.row, b.column, perLoad);
  return wide && M <= 4 ? wideRows(plan, perLoad) : plainRows(plan);
}

function plainRows(plan: MatmulPlan): MatmulShader {
  const { M, N, K, batches, a, b } = plan;
  const columns = 4;
  const perMatrix = Math.ceil(N / columns);
  const results = M * columns;
  const body = `var<workgroup> part: array<f32, ${lanes * results}>;
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = ${groupNumber};
  let batch = min(number / ${perMatrix}u, ${batches - 1}u);
  let n = (number % ${perMatrix}u) * ${columns}u;
  ${plan.starts}
  var sums: array<f32, ${results}>;
  for (var k = lane; k < ${K}u; k += ${lanes}u) {
    ${list(M, (m) => `let x${m} = ${a.read(`aStart + ${m * a.row}u + k * ${a.column}u`)};`)}
    ${list(columns, (c) => `{ let i = bStart + k * ${b.row}u + min(n + ${c}u, ${N - 1}u) * ${b.column}u; let w = ${b.read('i')}; ${list(M, (m) => `sums[${m * columns + c}] += x${m} * w;`)} }`)}
  }
  for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] = sums[r]; }
  workgroupBarrier();
  ${tree(results)}
  if (lane < ${results}u) {
    let column = n + lane % ${columns}u;
    if (column < ${N}u && number < ${perMatrix * batches}u) ${plan.write(`(batch * ${M}u + lane / ${columns}u) * ${N}u + column`, `part[lane * ${lanes}u]`)}
  }
}`;
  const word = (operand: Operand): string => (operand.dtype === 'f32' ? 'f32' : 'u32');
  return { name: 'rows', source: plan.frame({ a: word(a), b: word(b) }, '', body), grid: grid(perMatrix * batches) };
}

/** Sums over the workgroup of `results` numbers a lane. */
function tree(results: number): string {
  return `for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] += part[r * ${lanes}u + lane + half]; } }
    workgroupBarrier();
  }`;
}

/** Sixteen bytes a load. With subgroups each has its own columns and no memory is shared. */
function wideRows(plan: MatmulPlan, perLoad: number): MatmulShader {
  const { M, N, K, batches, b, a } = plan;
  const subgroups = plan.capabilities.features.has('subgroups');
  // Enough rows of weights under way to hide memory, however few columns there are.
  const columns = N >= 16_384 ? 4 : N >= 4096 ? 2 : 1;
  const unroll = 4;
  const threads = subgroups ? 128 : lanes;
  const loads = K / perLoad;
  const perMatrix = Math.ceil(N / columns);
  const results = M * columns;
  const load = (u: number): string => `
      let i${u} = k + ${u}u * width;
      if (i${u} < ${loads}u) {
        ${list(columns, (c) => `let w${c} = b[(bStart + min(n + ${c}u, ${N - 1}u) * ${b.column}u) / ${perLoad}u + i${u}];`)}
        ${list(M, (m) => {
          const x = `(aStart + ${m * a.row}u) / 4u + i${u} * ${perLoad / 4}u`;
          return perLoad === 4 ? `let x${m} = a[${x}];` : `let x${m} = a[${x}]; let y${m} = a[${x} + 1u];`;
        })}
        ${list(columns, (c) => `{ ${halves(b.dtype, c)} ${list(M, (m) => `sums[${m * columns + c}] += ${perLoad === 4 ? `dot(x${m}, w${c})` : `dot(x${m}, low) + dot(y${m}, high)`};`)} }`)}
      }`;
  const inner = `var sums: array<f32, ${results}>;
  for (var k = own; k < ${loads}u; k += width * ${unroll}u) {${list(unroll, load)}
  }`;
  const write = (result: string, sum: string): string => {
    const column = `n + ${result} % ${columns}u`;
    return `if (${column} < ${N}u && number < ${perMatrix * batches}u) ${plan.write(`(batch * ${M}u + ${result} / ${columns}u) * ${N}u + ${column}`, sum)}`;
  };
  const place = `let batch = min(number / ${perMatrix}u, ${batches - 1}u);
  let n = (number % ${perMatrix}u) * ${columns}u;
  ${plan.starts}`;
  const body = subgroups
    ? `@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32, @builtin(subgroup_size) width: u32, @builtin(subgroup_invocation_id) own: u32) {
  let stride = groups.x * groups.y * (${threads}u / width);
  for (var number = (${groupNumber}) * (${threads}u / width) + lane / width; number < ${perMatrix * batches}u; number += stride) {
  ${place}
  ${inner}
  ${list(results, (r) => `let total${r} = subgroupAdd(sums[${r}]);`)}
  if (own == 0u) { ${list(results, (r) => write(`${r}u`, `total${r}`))} }
  }
}`
    : `var<workgroup> part: array<f32, ${lanes * results}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = ${groupNumber};
  let width = ${lanes}u;
  let own = lane;
  ${place}
  ${inner}
  for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] = sums[r]; }
  workgroupBarrier();
  ${tree(results)}
  if (lane < ${results}u) { ${write('lane', `part[lane * ${lanes}u]`)} }
}`;
  // The width of a subgroup is only known on the device: as many workgroups as 32 lanes need; the loop takes any other.
  const groups = subgroups ? Math.ceil((perMatrix * batches) / (threads / 32)) : perMatrix * batches;
  const enables = subgroups ? 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);' : '';
  return {
    name: subgroups ? 'rows by subgroups' : 'rows by 16 bytes',
    source: plan.frame({ a: 'vec4f', b: b.dtype === 'f32' ? 'vec4f' : 'vec4u' }, enables, body),
    grid: grid(groups),
  };
}

/** Eight 16-bit floats of one load as two vectors. */
function halves(dtype: Operand['dtype'], c: number): string {
  if (dtype === 'f32') return '';
  if (dtype === 'f16')
    return `let low = vec4f(unpack2x16float(w${c}.x), unpack2x16float(w${c}.y)); let high = vec4f(unpack2x16float(w${c}.z), unpack2x16float(w${c}.w));`;
  const pair = (word: string): string => `bitcast<f32>(${word} << 16u), bitcast<f32>(${word} & 0xffff0000u)`;
  return `let low = vec4f(${pair(`w${c}.x`)}, ${pair(`w${c}.y`)}); let high = vec4f(${pair(`w${c}.z`)}, ${pair(`w${c}.w`)});`;
}

function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(' ');
}
