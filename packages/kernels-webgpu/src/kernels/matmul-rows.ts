import type { Shader } from '../codegen/shader.ts';
import { listed, scaled, sumOfLanes } from './few-rows.ts';
import { wordOf } from './matmul-plan.ts';
import type { MatmulPlan, Operand } from './matmul-plan.ts';
import { wideRows } from './matmul-wide-rows.ts';

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
  const { M, N, K, batches, a, bs, norm } = plan;
  const columns = bs.length === 1 ? 4 : 2;
  const perMatrix = Math.ceil(N / columns);
  const results = M * columns;
  const sum = (p: number, m: number | string, c: number | string): string =>
    typeof m === 'number' && typeof c === 'number'
      ? `sums[${(p * M + m) * columns + c}]`
      : `sums[(${p * M}u + ${m}) * ${columns}u + ${c}]`;
  const squares = bs.length * results;
  const all = squares + (norm ? M : 0);
  const row = (m: number): string => {
    const read = a.read(`${a.start} + ${m * a.row}u + k * ${a.column}u`);
    return norm
      ? `let r${m} = ${read}; sums[${squares + m}] += r${m} * r${m}; let x${m} = r${m} * factor;`
      : `let x${m} = ${read};`;
  };
  const square = `part[(${squares}u + lane / ${columns}u) * ${lanes}u]`;
  const body = `let batch = min(number / ${perMatrix}u, ${batches - 1}u);
  let n = (number % ${perMatrix}u) * ${columns}u;
  ${plan.starts}
  var sums: array<f32, ${all}>;
  for (var k = lane; k < ${K}u; k += ${lanes}u) {
    ${norm ? `let factor = ${norm.element('k')};` : ''}
    ${listed(M, row)}
    ${bs
      .map((b, p) =>
        listed(
          columns,
          (c) =>
            `{ let i = ${b.start} + k * ${b.row}u + min(n + ${c}u, ${N - 1}u) * ${b.column}u; let w = ${b.read('i')}; ${listed(M, (m) => `${sum(p, m, c)} += x${m} * w;`)} }`,
        ),
      )
      .join('\n    ')}
  }
  for (var r = 0u; r < ${all}u; r++) { part[r * ${lanes}u + lane] = sums[r]; }
  workgroupBarrier();
  ${sumOfLanes(all, lanes)}
  if (lane < ${results}u) {
    let column = n + lane % ${columns}u;
    if (column < ${N}u && number < ${perMatrix * batches}u) ${plan.write(
      `(batch * ${M}u + lane / ${columns}u) * ${N}u + column`,
      bs.map((_, p) => scaled(plan, `part[(${p * results}u + lane) * ${lanes}u]`, square)),
    )}
  }`;
  return plan.shader(
    'rows',
    { a: wordOf(a), b: wordOf(bs[0]!) },
    {
      workgroup: lanes,
      workgroups: perMatrix * batches,
      shared: { part: `array<f32, ${lanes * all}>` },
      body,
    },
  );
}
