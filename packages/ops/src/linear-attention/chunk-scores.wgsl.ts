import type { KernelPass } from '@tessera/tensor-core';
import {
  after,
  decayBytes,
  decayMemory,
  decayStride,
  decayTable,
  factorOf,
  fillDecays,
  fillHeadDecays,
  headDecayBytes,
  headDecayMemory,
  upTo,
} from './chunk-decays.wgsl.ts';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, keyRow, valueRow, where } from './chunk-pass.wgsl.ts';
import {
  decayTriangle,
  decayedTriangleProducts,
  triangleOf,
  trianglePlace,
  triangleProducts,
  triangleSlots,
  writeTriangle,
} from './chunk-triangle.wgsl.ts';
import { zeroSums } from './tile-products.wgsl.ts';

/** Elements of keys that are in workgroup memory at a time. */
const depth = 8;

/** Bytes of workgroup memory that {@link chunkScores} takes. */
export function chunkScoresBytes({ C, decay }: Pick<ChunkPlan, 'C' | 'decay'>): number {
  const slab = 16 * depth * decayStride(C);
  if (decay === 'none') return 2 * slab;
  return decay === 'scalar' ? 2 * slab + headDecayBytes(C) : 5 * slab + decayBytes(C, depth);
}

/** Buffers of {@link chunkScores}. Those that are absent from the variant are not bound. */
export interface ScoresBuffers {
  readonly q: Bound['from'];
  readonly k: Bound['from'];
  readonly g: Bound['from'];
  /** Out: Q ⊙ e^G, `[N, B, H, C, K]`. */
  readonly queries: Bound['from'];
  /** Out, of the delta rule: K ⊙ e^G. */
  readonly reads: Bound['from'];
  /** Out: K ⊙ e^{G_C − G}. */
  readonly keys: Bound['from'];
  /** Out: P_rs = Σ_K q_r k_s e^{G_r − G_s} for s ≤ r, then of the delta rule M_rs = Σ_K k_r k_s e^{G_r − G_s} for s < r, `[N, B, H, 1 or 2, C, C]`. */
  readonly scores: Bound['from'];
  /** Out: e^{G_C}, `[N, B, H, K or 1]`. */
  readonly whole: Bound['from'];
}

/**
 * What the entries of a chunk are to each other and to the states around it, a workgroup a chunk: 4 × 4 products of two kinds in a
 * lane. Zeros stand after the last entry.
 */
export function chunkScores(plan: ChunkPlan, from: ScoresBuffers): KernelPass {
  const { C, T, K, decay, delta } = plan;
  const { lanes } = triangleOf(C);
  const tiles = C / 4;
  const stride = decayStride(C);
  const { slots, slot } = decayTable(C);
  const perKey = decay === 'vector';
  const width = perKey ? K : 1;
  const parts = delta ? 2 : 1;
  const slab = (name: string): string => `var<workgroup> ${name}: array<vec4f, ${depth * stride}>;`;
  const valid = `t0 + r < ${T}u`;
  // Four elements of an entry, from vectors of four entries.
  const entry = (memory: string): string =>
    `vec4f(${[0, 1, 2, 3].map((m) => `${memory}[(d + ${m}u) * ${stride}u + r / 4u][r % 4u]`).join(', ')})`;
  const factor = (...names: string[]): string =>
    `vec4f(${[0, 1, 2, 3].map((m) => names.map((name) => `factors[(d + ${m}u) * ${slots}u + ${name}]`).join(' * ')).join(', ')})`;
  const fromStart = [slot.blockFromStart('(r / 16u)'), slot.fromBlockStart('(r / 4u)')];
  const toEnd = [slot.toBlockEnd('(r / 4u)'), slot.blockToEnd('(r / 16u)')];
  const written = perKey
    ? {
        queries: `${entry('queryFrom')} * ${factor(...fromStart)}`,
        reads: `${entry('keyFrom')} * ${factor(...fromStart)}`,
        keys: `${entry('keyTo')} * ${factor(...toEnd)}`,
      }
    : decay === 'scalar'
      ? {
          queries: `${entry('query')} * toEntry[r]`,
          reads: `${entry('key')} * toEntry[r]`,
          keys: `${entry('key')} * toChunkEnd[r]`,
        }
      : { queries: entry('query'), reads: entry('key'), keys: entry('key') };
  const body = `${trianglePlace(C)}
  ${decay === 'none' ? '' : triangleSlots(C)}
  ${
    decay === 'scalar'
      ? `${fillHeadDecays(plan, lanes)}
  if (lane == 0u) { whole[chunk] = factors[${slot.whole}]; }`
      : ''
  }
  ${zeroSums('p', ...(delta ? ['m'] : []))}
  for (var k0 = 0u; k0 < ${K}u; k0 += ${depth}u) {
    for (var e = lane; e < ${(C * depth) / 4}u; e += ${lanes}u) {
      let r = e / ${depth / 4}u;
      let d = (e % ${depth / 4}u) * 4u;
      let row = ${keyRow(plan, 'r')};
      let x = ${where(valid, `read_q(row, k0 + d)`)};
      let y = ${where(valid, `read_k(row, k0 + d)`)};
      ${perKey ? `let z = ${where(valid, `read_g(${valueRow(plan, 'r')}, k0 + d)`)};` : ''}
      let place = d * ${stride}u + r / 4u;
      ${four((m) => `query[place + ${m * stride}u][r % 4u] = x[${m}]; key[place + ${m * stride}u][r % 4u] = y[${m}];${perKey ? ` alpha[place + ${m * stride}u][r % 4u] = ${factorOf(`z[${m}]`)};` : ''}`)}
    }
    workgroupBarrier();
    ${
      perKey
        ? `for (var e = lane; e < ${depth * tiles}u; e += ${lanes}u) {
      let place = (e / ${tiles}u) * ${stride}u + e % ${tiles}u;
      let x = alpha[place];
      let upTo = ${upTo('x')};
      queryFrom[place] = query[place] * upTo;
      keyFrom[place] = key[place] * upTo;
      keyTo[place] = key[place] * ${after('x')};
    }
    ${fillDecays(C, depth, lanes)}
    if (lane < ${depth}u && k0 + lane < ${K}u) { whole[chunk * ${width}u + k0 + lane] = factors[lane * ${slots}u + ${slot.whole}]; }`
        : ''
    }
    for (var e = lane; e < ${(C * depth) / 4}u; e += ${lanes}u) {
      let r = e / ${depth / 4}u;
      let d = (e % ${depth / 4}u) * 4u;
      write_queries(chunk * ${C}u + r, k0 + d, ${written.queries});
      ${delta ? `write_reads(chunk * ${C}u + r, k0 + d, ${written.reads});` : ''}
      write_keys(chunk * ${C}u + r, k0 + d, ${written.keys});
    }
    if (live) {
      ${
        perKey
          ? decayedTriangleProducts(
              C,
              depth,
              { left: { p: 'queryFrom', ...(delta && { m: 'keyFrom' }) }, right: 'keyTo' },
              { left: { p: 'query', ...(delta && { m: 'key' }) }, right: 'key' },
            )
          : triangleProducts(C, depth, { p: 'query', ...(delta && { m: 'key' }) }, 'key')
      }
    }
    workgroupBarrier();
  }
  if (live) {
    ${decay === 'scalar' ? decayTriangle(C, 'p', ...(delta ? ['m'] : [])) : ''}
    ${writeTriangle(C, { name: 'p', buffer: 'scores', part: 0, parts, strictly: false })}
    ${delta ? writeTriangle(C, { name: 'm', buffer: 'scores', part: 1, parts, strictly: true }) : ''}
  }`;
  return chunkPass(plan, {
    bound: [
      { name: 'q', from: from.q, width: K },
      { name: 'k', from: from.k, width: K },
      ...(decay === 'none' ? [] : [{ name: 'g', from: from.g, ...(perKey && { width: K }) }]),
      { name: 'queries', from: from.queries, width: K },
      ...(delta ? [{ name: 'reads', from: from.reads, width: K }] : []),
      { name: 'keys', from: from.keys, width: K },
      { name: 'scores', from: from.scores, width: C },
      ...(decay === 'none' ? [] : [{ name: 'whole', from: from.whole }]),
    ],
    lanes,
    declarations: `${decay === 'none' ? '' : perKey ? decayMemory(C, depth) : headDecayMemory(C)}
${['query', 'key', ...(perKey ? ['queryFrom', 'keyFrom', 'keyTo'] : [])].map(slab).join('\n')}`,
    body,
  });
}
