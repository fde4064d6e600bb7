import type { Shader } from '../codegen/shader.ts';
import { wordOf } from './matmul-plan.ts';
import type { MatmulPlan, Operand } from './matmul-plan.ts';

const lanes = 64;

/**
 * For few rows: reading the right operand is the whole work. Lanes share the inner axis; sixteen bytes a load where the
 * operand lies so, several loads under way at a time.
 */
export function rowsShader(plan: MatmulPlan): Shader {
  const { K, a, bs } = plan;
  const perLoad = bs[0]!.dtype === 'f32' ? 4 : 8;
  const aligned = (operand: Operand, along: number, across: number, unit: number): boolean =>
    along === 1 && across % unit === 0 && operand.offset % unit === 0 && operand.batchAlignment % unit === 0;
  const wide =
    K % perLoad === 0 &&
    a.dtype === 'f32' &&
    aligned(a, a.column, a.row, 4) &&
    bs.every((b) => aligned(b, b.row, b.column, perLoad));
  return wide ? wideRows(plan, perLoad) : plainRows(plan);
}

function plainRows(plan: MatmulPlan): Shader {
  const { M, N, K, batches, a, bs } = plan;
  const columns = bs.length === 1 ? 4 : 2;
  const perMatrix = Math.ceil(N / columns);
  const results = M * columns;
  const sum = (p: number, m: number | string, c: number | string): string =>
    typeof m === 'number' && typeof c === 'number'
      ? `sums[${(p * M + m) * columns + c}]`
      : `sums[(${p * M}u + ${m}) * ${columns}u + ${c}]`;
  const body = `let batch = min(number / ${perMatrix}u, ${batches - 1}u);
  let n = (number % ${perMatrix}u) * ${columns}u;
  ${plan.starts}
  var sums: array<f32, ${bs.length * results}>;
  for (var k = lane; k < ${K}u; k += ${lanes}u) {
    ${list(M, (m) => `let x${m} = ${a.read(`${a.start} + ${m * a.row}u + k * ${a.column}u`)};`)}
    ${bs
      .map((b, p) =>
        list(
          columns,
          (c) =>
            `{ let i = ${b.start} + k * ${b.row}u + min(n + ${c}u, ${N - 1}u) * ${b.column}u; let w = ${b.read('i')}; ${list(M, (m) => `${sum(p, m, c)} += x${m} * w;`)} }`,
        ),
      )
      .join('\n    ')}
  }
  for (var r = 0u; r < ${bs.length * results}u; r++) { part[r * ${lanes}u + lane] = sums[r]; }
  workgroupBarrier();
  ${tree(bs.length * results)}
  if (lane < ${results}u) {
    let column = n + lane % ${columns}u;
    if (column < ${N}u && number < ${perMatrix * batches}u) ${plan.write(
      `(batch * ${M}u + lane / ${columns}u) * ${N}u + column`,
      bs.map((_, p) => `part[(${p * results}u + lane) * ${lanes}u]`),
    )}
  }`;
  return plan.shader(
    'rows',
    { a: wordOf(a), b: wordOf(bs[0]!) },
    {
      workgroup: lanes,
      workgroups: perMatrix * batches,
      shared: { part: `array<f32, ${lanes * bs.length * results}>` },
      body,
    },
  );
}

/** Sums over the workgroup of `results` numbers a lane. */
function tree(results: number): string {
  return `for (var half = ${lanes / 2}u; half > 0u; half = half / 2u) {
    if (lane < half) { for (var r = 0u; r < ${results}u; r++) { part[r * ${lanes}u + lane] += part[r * ${lanes}u + lane + half]; } }
    workgroupBarrier();
  }`;
}

/** Loads that a lane has under way at a time, at most. */
const inFlight = 16;

/** Rounds of equal length where the loads of a lane divide so. */
function unrolled(loads: number, operands: number): number {
  const most = Math.max(1, Math.floor(inFlight / operands));
  const each = Math.ceil(loads / 32);
  for (let unroll = Math.min(most, each); unroll > most / 2; unroll--) if (each % unroll === 0) return unroll;
  return Math.min(most, each);
}

/** Subgroups that together keep a large GPU's memory busy. */
const busy = 512;

/**
 * Columns of each product that a subgroup computes at once. For one row few: the more subgroups, the more weights are under way. For
 * several rows what is read of those for each load of weights is more than the weights, and is shared by columns.
 */
function columnsOf({ M, N, batches, bs }: MatmulPlan): number {
  if (M === 1) return N >= 8192 && bs.length === 1 ? 2 : 1;
  return [4, 2].find((columns) => columns * bs.length <= 4 && N * batches >= columns * busy) ?? 1;
}

/** Sixteen bytes a load. With subgroups each has its own columns and no memory is shared. */
function wideRows(plan: MatmulPlan, perLoad: number): Shader {
  const { M, N, K, batches, bs, a, capabilities } = plan;
  const { dtype } = bs[0]!;
  const subgroups = capabilities.features.has('subgroups');
  const columns = columnsOf(plan);
  const threads = subgroups ? 128 : lanes;
  const loads = K / perLoad;
  const unroll = unrolled(loads, bs.length * columns);
  const perMatrix = Math.ceil(N / columns);
  const results = M * columns;
  // Sums of product p, row m, column c.
  const sum = (p: number, m: number, c: number): string => `sum${(p * M + m) * columns + c}`;
  const each = (code: (p: number, c: number) => string): string =>
    bs.map((_, p) => list(columns, (c) => code(p, c))).join(' ');
  const fetch = (u: number): string =>
    each(
      (p, c) =>
        `let w${u}_${p}_${c} = ${bs[p]!.name}[(${bs[p]!.start} + min(n + ${c}u, ${N - 1}u) * ${bs[p]!.column}u) / ${perLoad}u + i${u}];`,
    );
  const use = (u: number): string => `{
        ${list(M, (m) => {
          const x = `(${a.start} + ${m * a.row}u) / 4u + i${u} * ${perLoad / 4}u`;
          return perLoad === 4 ? `let x${m} = a[${x}];` : `let x${m} = a[${x}]; let y${m} = a[${x} + 1u];`;
        })}
        ${each((p, c) => `{ ${halves(dtype, `w${u}_${p}_${c}`)} ${list(M, (m) => `${sum(p, m, c)} += ${perLoad === 4 ? `dot(x${m}, w${u}_${p}_${c})` : `dot(x${m}, low) + dot(y${m}, high)`};`)} }`)}
      }`;
  const indices = (count: number): string => list(count, (u) => `let i${u} = k + ${u}u * width;`);
  // Whole rounds read without asking; what is left, one load at a time.
  const inner = `${each((p, c) => list(M, (m) => `var ${sum(p, m, c)} = 0.0;`))}
  var k = own;
  for (; k + ${unroll - 1}u * width < ${loads}u; k += width * ${unroll}u) {
      ${indices(unroll)}
      ${list(unroll, fetch)}
      ${list(unroll, use)}
  }
  for (; k < ${loads}u; k += width) {
      ${indices(1)}
      ${fetch(0)}
      ${use(0)}
  }`;
  const write = (result: string, sums: readonly string[]): string => {
    const column = `n + ${result} % ${columns}u`;
    return `if (${column} < ${N}u && number_ < ${perMatrix * batches}u) ${plan.write(`(batch * ${M}u + ${result} / ${columns}u) * ${N}u + ${column}`, sums)}`;
  };
  const place = `let batch = min(number_ / ${perMatrix}u, ${batches - 1}u);
  let n = (number_ % ${perMatrix}u) * ${columns}u;
  ${plan.starts}`;
  const types = { a: 'vec4f', b: dtype === 'f32' ? 'vec4f' : 'vec4u' };
  if (!subgroups) {
    const all = bs.length * results;
    return plan.shader('rows by 16 bytes', types, {
      workgroup: threads,
      workgroups: perMatrix * batches,
      shared: { part: `array<f32, ${lanes * all}>` },
      body: `let number_ = number;
  let width = ${lanes}u;
  let own = lane;
  ${place}
  ${inner}
  ${list(all, (r) => `part[${r * lanes}u + lane] = sum${r};`)}
  workgroupBarrier();
  ${tree(all)}
  if (lane < ${results}u) { ${write(
    'lane',
    bs.map((_, p) => `part[(${p * results}u + lane) * ${lanes}u]`),
  )} }`,
    });
  }
  const finish = list(
    results,
    (r) =>
      `{ ${write(
        `${r}u`,
        bs.map((_, p) => `sum${p * results + r}`),
      )} }`,
  );
  // The width of a subgroup is only known on the device: as many workgroups as 32 lanes need; the loop takes any other.
  return plan.shader('rows by subgroups', types, {
    workgroup: threads,
    workgroups: Math.ceil((perMatrix * batches) / (threads / 32)),
    subgroups: true,
    body: `let stride = count * (${threads}u / width);
  for (var number_ = number * (${threads}u / width) + lane / width; number_ < ${perMatrix * batches}u; number_ += stride) {
  ${place}
  ${inner}
  ${list(bs.length * results, (r) => `sum${r} = subgroupAdd(sum${r});`)}
  if (own == 0u) { ${finish} }
  }`,
  });
}

/** Eight 16-bit floats of one load as two vectors. */
function halves(dtype: Operand['dtype'], w: string): string {
  if (dtype === 'f32') return '';
  if (dtype === 'f16')
    return `let low = vec4f(unpack2x16float(${w}.x), unpack2x16float(${w}.y)); let high = vec4f(unpack2x16float(${w}.z), unpack2x16float(${w}.w));`;
  const pair = (word: string): string => `bitcast<f32>(${word} << 16u), bitcast<f32>(${word} & 0xffff0000u)`;
  return `let low = vec4f(${pair(`${w}.x`)}, ${pair(`${w}.y`)}); let high = vec4f(${pair(`${w}.z`)}, ${pair(`${w}.w`)});`;
}

function list(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(' ');
}
