import { grid, groupNumber } from '../compile/dispatch.ts';
import type { MatmulPlan, Operand } from './matmul.ts';
import type { MatmulShader } from './matmul-rows.ts';

/** Rows and columns of a result that a workgroup of 16 × 16 makes, 4 × 4 for each invocation. */
const tile = 64;
const depth = 16;

/** Products by tiles: a strip of each operand is brought into workgroup memory and used sixteen times over. */
export function tilesShader(plan: MatmulPlan): MatmulShader {
  const { M, N, K, batches, a, b } = plan;
  const [across, down] = [Math.ceil(N / tile), Math.ceil(M / tile)];
  const lastK = Math.max(K, 1) - 1;
  const load = (
    operand: Operand,
    start: string,
    origin: string,
    extent: number,
    along: number,
    other: number,
    into: string,
  ): string => {
    // Neighbouring lanes read neighbouring memory, whichever way an operand lies.
    const place =
      along <= other ? `let k = e % ${depth}u; let r = e / ${depth}u;` : `let r = e % ${tile}u; let k = e / ${tile}u;`;
    const whole = extent % tile === 0 && K % depth === 0;
    const index = whole
      ? `${start} + (${origin} + r) * ${other}u + (k0 + k) * ${along}u`
      : `${start} + min(${origin} + r, ${extent - 1}u) * ${other}u + min(k0 + k, ${lastK}u) * ${along}u`;
    const value = operand.read('i');
    return `{ ${place} let i = ${index}; ${into}[k * ${tile + 4}u + r] = ${whole ? value : `select(0.0, ${value}, ${origin} + r < ${extent}u && k0 + k < ${K}u)`}; }`;
  };
  const four = (array: string, at: string): string =>
    `vec4f(${[0, 1, 2, 3].map((i) => `${array}[${at} + ${i}u]`).join(', ')})`;
  const body = `var<workgroup> left: array<f32, ${(tile + 4) * depth}>;
var<workgroup> right: array<f32, ${(tile + 4) * depth}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = ${groupNumber};
  let batch = min(number / ${across * down}u, ${batches - 1}u);
  let rest = number % ${across * down}u;
  let m0 = (rest / ${across}u) * ${tile}u;
  let n0 = (rest % ${across}u) * ${tile}u;
  let row = (lane / 16u) * 4u;
  let column = (lane % 16u) * 4u;
  ${plan.starts}
  var acc0: vec4f; var acc1: vec4f; var acc2: vec4f; var acc3: vec4f;
  for (var k0 = 0u; k0 < ${K}u; k0 += ${depth}u) {
    for (var e = lane; e < ${tile * depth}u; e += 256u) {
      ${load(a, 'aStart', 'm0', M, a.column, a.row, 'left')}
      ${load(b, 'bStart', 'n0', N, b.row, b.column, 'right')}
    }
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      let x = ${four('left', `k * ${tile + 4}u + row`)};
      let w = ${four('right', `k * ${tile + 4}u + column`)};
      acc0 = fma(vec4f(x.x), w, acc0);
      acc1 = fma(vec4f(x.y), w, acc1);
      acc2 = fma(vec4f(x.z), w, acc2);
      acc3 = fma(vec4f(x.w), w, acc3);
    }
    workgroupBarrier();
  }
  if (number >= ${across * down * batches}u) { return; }
  var sums = array<vec4f, 4>(acc0, acc1, acc2, acc3);
  for (var r = 0u; r < 4u; r++) {
    for (var c = 0u; c < 4u; c++) {
      if (m0 + row + r < ${M}u && n0 + column + c < ${N}u) ${plan.write(`(batch * ${M}u + m0 + row + r) * ${N}u + n0 + column + c`, 'sums[r][c]')}
    }
  }
}`;
  const word = (operand: Operand): string => (operand.dtype === 'f32' ? 'f32' : 'u32');
  return {
    name: 'tiles',
    source: plan.frame({ a: word(a), b: word(b) }, '', body),
    grid: grid(across * down * batches),
  };
}
