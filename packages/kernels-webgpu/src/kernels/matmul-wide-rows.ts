import type { Shader } from '../codegen/shader.ts';
import { leastSubgroup, listed, scaled, sumOfLanes, sumsOfSubgroup } from './few-rows.ts';
import type { MatmulPlan, Operand } from './matmul-plan.ts';

/** How products of few rows are cut. */
interface RowsForm {
  readonly threads: number;
  /** Columns of each product that are computed at once. */
  readonly columns: number;
  /** True: all lanes of a workgroup share the inner axis of these columns. False: each subgroup has columns of its own. */
  readonly together: boolean;
  /** Elements of a load, and loads of a column. */
  readonly perLoad: number;
  readonly loads: number;
  /** Sums of each lane: of products, then of the squares of each row where there is a norm. */
  readonly sums: number;
}

/**
 * Few rows by sixteen bytes a load. The lanes of a workgroup share the inner axis, so that few columns have many loads under way; of one product
 * two columns share what is read of the rows. Where the inner axis is too short for all lanes, each subgroup has columns of its own.
 */
export function wideRows(plan: MatmulPlan, perLoad: number): Shader {
  const { M, N, K, bs, norm, capabilities } = plan;
  const subgroups = capabilities.features.has('subgroups');
  const threads = subgroups ? 128 : 64;
  const loads = K / perLoad;
  const together = !subgroups || loads >= threads;
  const columns = bs.length === 1 && (together || (M === 1 && N >= 8192)) ? 2 : 1;
  const form: RowsForm = { threads, columns, together, perLoad, loads, sums: bs.length * M * columns + (norm ? M : 0) };
  if (!together) return bySubgroups(plan, form);
  return subgroups ? byWorkgroups(plan, form) : withoutSubgroups(plan, form);
}

/** The width of a subgroup is only known on the device: as many workgroups as 32 lanes need; the loop takes any other. */
function bySubgroups(plan: MatmulPlan, form: RowsForm): Shader {
  const { M, bs } = plan;
  const { threads, columns, sums } = form;
  const each = M * columns;
  const units = unitsOf(plan, form);
  const ending = listed(
    each,
    (r) =>
      `{ ${written(
        plan,
        form,
        `${r}u`,
        bs.map((_, p) => scaled(plan, `sum${p * each + r}`, `sum${bs.length * each + Math.floor(r / columns)}`)),
      )} }`,
  );
  return plan.shader('rows by subgroups', typesOf(plan), {
    workgroup: threads,
    workgroups: Math.ceil(units / (threads / 32)),
    subgroups: true,
    body: `let stride = count * (${threads}u / width);
  for (var unit = number * (${threads}u / width) + lane / width; unit < ${units}u; unit += stride) {
  ${accumulated(plan, form, { first: 'own', reach: 'width' })}
  ${listed(sums, (r) => `sum${r} = subgroupAdd(sum${r});`)}
  if (own == 0u) { ${ending} }
  }`,
  });
}

function byWorkgroups(plan: MatmulPlan, form: RowsForm): Shader {
  const { M, bs, norm } = plan;
  const { threads, columns, sums } = form;
  const each = M * columns;
  const most = threads / leastSubgroup;
  const wholes = [
    ...bs.map((_, p) => ({ name: `whole${p}`, place: `part[(${p * each}u + lane) * ${most}u` })),
    ...(norm ? [{ name: 'square', place: `part[(${bs.length * each}u + lane / ${columns}u) * ${most}u` }] : []),
  ];
  return plan.shader('rows by workgroups', typesOf(plan), {
    workgroup: threads,
    workgroups: unitsOf(plan, form),
    subgroups: true,
    shared: { part: `array<f32, ${most * sums}>` },
    body: `let unit = number;
  ${accumulated(plan, form, { first: 'lane', reach: `${threads}u` })}
  ${sumsOfSubgroup(plan, sums, (number, sum) => `part[${number} * ${most}u + lane / width] = ${sum};`)}
  workgroupBarrier();
  if (lane < ${each}u) {
    ${wholes.map(({ name, place }) => `var ${name} = ${place}];`).join(' ')}
    for (var s = 1u; s < ${threads}u / width; s++) { ${wholes.map(({ name, place }) => `${name} += ${place} + s];`).join(' ')} }
    ${written(
      plan,
      form,
      'lane',
      bs.map((_, p) => scaled(plan, `whole${p}`, 'square')),
    )}
  }`,
  });
}

function withoutSubgroups(plan: MatmulPlan, form: RowsForm): Shader {
  const { M, bs } = plan;
  const { threads, columns, sums } = form;
  const each = M * columns;
  const square = `part[(${bs.length * each}u + lane / ${columns}u) * ${threads}u]`;
  return plan.shader('rows by 16 bytes', typesOf(plan), {
    workgroup: threads,
    workgroups: unitsOf(plan, form),
    shared: { part: `array<f32, ${threads * sums}>` },
    body: `let unit = number;
  ${accumulated(plan, form, { first: 'lane', reach: `${threads}u` })}
  ${listed(sums, (r) => `part[${r * threads}u + lane] = sum${r};`)}
  workgroupBarrier();
  ${sumOfLanes(sums, threads)}
  if (lane < ${each}u) { ${written(
    plan,
    form,
    'lane',
    bs.map((_, p) => scaled(plan, `part[(${p * each}u + lane) * ${threads}u]`, square)),
  )} }`,
  });
}

/** Columns that are computed at once, of all matrices. */
function unitsOf({ N, batches }: MatmulPlan, { columns }: RowsForm): number {
  return Math.ceil(N / columns) * batches;
}

function typesOf({ bs }: MatmulPlan): { a: string; b: string } {
  return { a: 'vec4f', b: bs[0]!.dtype === 'f32' ? 'vec4f' : 'vec4u' };
}

/** Code that sums what a lane has of `unit`, from load `first` on, every `reach`-th of them: `sum…` of product p, row m, column c. */
function accumulated(
  plan: MatmulPlan,
  { threads, together, columns, perLoad, loads, sums }: RowsForm,
  { first, reach }: { readonly first: string; readonly reach: string },
): string {
  const { M, N, batches, bs, a, norm } = plan;
  const { dtype } = bs[0]!;
  const unroll = unrolled(Math.ceil(loads / (together ? threads : 32)), bs.length * columns, M);
  const sum = (p: number, m: number, c: number): string => `sum${(p * M + m) * columns + c}`;
  const square = (m: number): string => `sum${bs.length * M * columns + m}`;
  const each = (code: (p: number, c: number) => string): string =>
    bs.map((_, p) => listed(columns, (c) => code(p, c))).join(' ');
  const fetch = (u: number): string =>
    each(
      (p, c) =>
        `let w${u}_${p}_${c} = ${bs[p]!.name}[(${bs[p]!.start} + min(n + ${c}u, ${N - 1}u) * ${bs[p]!.column}u) / ${perLoad}u + i${u}];`,
    );
  /** Four elements of row m: those of a load, or the second four of it. */
  const four = (name: string, m: number, index: string): string => {
    const read = `a[(${a.start} + ${m * a.row}u) / 4u + ${index}]`;
    return norm
      ? `let r${name} = ${read}; ${square(m)} += dot(r${name}, r${name}); let ${name} = r${name} * f${name[0]};`
      : `let ${name} = ${read};`;
  };
  const fours = perLoad === 4 ? ['x'] : ['x', 'y'];
  const index = (u: number, i: number): string => `i${u} * ${perLoad / 4}u${i === 0 ? '' : ` + ${i}u`}`;
  const use = (u: number): string => `{
        ${norm ? fours.map((name, i) => `let f${name} = ${norm.element(index(u, i))};`).join(' ') : ''}
        ${listed(M, (m) => fours.map((name, i) => four(`${name}${m}`, m, index(u, i))).join(' '))}
        ${each((p, c) => `{ ${halves(dtype, `w${u}_${p}_${c}`)} ${listed(M, (m) => `${sum(p, m, c)} += ${perLoad === 4 ? `dot(x${m}, w${u}_${p}_${c})` : `dot(x${m}, low) + dot(y${m}, high)`};`)} }`)}
      }`;
  const indices = (count: number): string => listed(count, (u) => `let i${u} = k + ${u}u * ${reach};`);
  const perMatrix = Math.ceil(N / columns);
  // Whole rounds read without asking; what is left, one load at a time.
  return `let batch = min(unit / ${perMatrix}u, ${batches - 1}u);
  let n = (unit % ${perMatrix}u) * ${columns}u;
  ${plan.starts}
  ${listed(sums, (r) => `var sum${r} = 0.0;`)}
  var k = ${first};
  for (; k + ${unroll - 1}u * ${reach} < ${loads}u; k += ${reach} * ${unroll}u) {
      ${indices(unroll)}
      ${listed(unroll, fetch)}
      ${listed(unroll, use)}
  }
  for (; k < ${loads}u; k += ${reach}) {
      ${indices(1)}
      ${fetch(0)}
      ${use(0)}
  }`;
}

/** Loads that a lane has under way at a time, at most: with several rows it holds sums of each, too, and more lanes fit the device without. */
const inFlight = { oneRow: 16, rows: 2 } as const;

/** Loads of a round, for a lane that has so many of each operand: rounds of equal length where they divide so. */
function unrolled(loads: number, operands: number, M: number): number {
  const most = Math.max(1, Math.floor((M === 1 ? inFlight.oneRow : inFlight.rows) / operands));
  for (let unroll = Math.min(most, loads); unroll > most / 2; unroll--) if (loads % unroll === 0) return unroll;
  return Math.min(most, loads);
}

/** Code that writes one result of `unit` of those that products have each. */
function written(plan: MatmulPlan, form: RowsForm, result: string, sums: readonly string[]): string {
  const { M, N } = plan;
  const { columns } = form;
  const column = `n + ${result} % ${columns}u`;
  return `if (${column} < ${N}u && unit < ${unitsOf(plan, form)}u) ${plan.write(`(batch * ${M}u + ${result} / ${columns}u) * ${N}u + ${column}`, sums)}`;
}

/** Eight 16-bit floats of one load as two vectors. */
function halves(dtype: Operand['dtype'], w: string): string {
  if (dtype === 'f32') return '';
  if (dtype === 'f16')
    return `let low = vec4f(unpack2x16float(${w}.x), unpack2x16float(${w}.y)); let high = vec4f(unpack2x16float(${w}.z), unpack2x16float(${w}.w));`;
  const pair = (word: string): string => `bitcast<f32>(${word} << 16u), bitcast<f32>(${word} & 0xffff0000u)`;
  return `let low = vec4f(${pair(`${w}.x`)}, ${pair(`${w}.y`)}); let high = vec4f(${pair(`${w}.z`)}, ${pair(`${w}.w`)});`;
}
