import type { ChunkPlan } from './chunk-pass.wgsl.ts';
import { valueRow } from './chunk-pass.wgsl.ts';

/**
 * WGSL of the decays inside a chunk of C entries, for several elements of keys side by side. All of them are products of e^g, none
 * of which is above 1: nothing overflows, a gate of −∞ is a factor 0, and a strong gate does not wipe out the weak ones after it, as
 * it would in differences of sums. Entries are taken by fours, and fours by blocks of four.
 *
 * `alpha` holds e^g of four entries in a vector. {@link decayTable} makes from it, for each element of a key, a table of factors:
 * 1; of each four the product of all; from the end of each four to the end of its block; from the start of its block to the start of
 * each four; of whole blocks between two; from the start of the chunk to each block, and from its end to the end of the chunk.
 */
export interface DecayTable {
  /** Fours of entries. */
  readonly tiles: number;
  /** Blocks of fours. */
  readonly blocks: number;
  /** Factors for an element of a key. */
  readonly slots: number;
  /** WGSL of the number of a factor. */
  readonly slot: {
    readonly one: string;
    all(quad: string): string;
    toBlockEnd(quad: string): string;
    fromBlockStart(quad: string): string;
    /** The product over a block, and over the blocks strictly between two. */
    block(block: string): string;
    between(later: string, earlier: string): string;
    blockFromStart(block: string): string;
    blockToEnd(block: string): string;
    readonly whole: string;
  };
}

/** The layout of the table for chunks of C entries. */
export function decayTable(C: number): DecayTable {
  const tiles = C / 4;
  const blocks = Math.ceil(tiles / 4);
  const pairs = 1 + 3 * tiles;
  const ends = pairs + blocks * blocks;
  return {
    tiles,
    blocks,
    slots: ends + 2 * blocks + 1,
    slot: {
      one: '0u',
      all: (quad) => `(1u + ${quad})`,
      toBlockEnd: (quad) => `(${1 + tiles}u + ${quad})`,
      fromBlockStart: (quad) => `(${1 + 2 * tiles}u + ${quad})`,
      block: (block) => `(${pairs}u + ${block} * ${blocks + 1}u)`,
      between: (later, earlier) => `(${pairs}u + ${later} * ${blocks}u + ${earlier})`,
      blockFromStart: (block) => `(${ends}u + ${block})`,
      blockToEnd: (block) => `(${ends + blocks}u + ${block})`,
      whole: `${ends + 2 * blocks}u`,
    },
  };
}

/** Vectors between the entries of one element of a key and those of the next. */
export function decayStride(C: number): number {
  return C / 4 + 1;
}

/** WGSL of the memory of alpha and table for `depth` elements of keys. */
export function decayMemory(C: number, depth: number): string {
  return `var<workgroup> alpha: array<vec4f, ${depth * decayStride(C)}>;
var<workgroup> factors: array<f32, ${depth * decayTable(C).slots}>;`;
}

/** Bytes of {@link decayMemory}. */
export function decayBytes(C: number, depth: number): number {
  return 16 * depth * decayStride(C) + 4 * depth * decayTable(C).slots;
}

/** WGSL that fills the table from alpha. Needs a barrier before, ends with one. */
export function fillDecays(C: number, depth: number, lanes: number): string {
  const { tiles, blocks, slots, slot } = decayTable(C);
  const each = (count: number, body: string): string =>
    `for (var e = lane; e < ${depth * count}u; e += ${lanes}u) {
      let at = (e / ${count}u) * ${slots}u;
      let i = e % ${count}u;
      ${body}
    }
    workgroupBarrier();`;
  return `${each(
    tiles,
    `let x = alpha[(e / ${tiles}u) * ${decayStride(C)}u + i];
      factors[at + ${slot.all('i')}] = x.x * x.y * x.z * x.w;`,
  )}
    ${each(
      blocks,
      `factors[at] = 1.0;
      var product = 1.0;
      for (var j = i * 4u; j < min(i * 4u + 4u, ${tiles}u); j++) {
        factors[at + ${slot.fromBlockStart('j')}] = product;
        product *= factors[at + ${slot.all('j')}];
      }
      factors[at + ${slot.block('i')}] = product;
      product = 1.0;
      for (var j = min(i * 4u + 4u, ${tiles}u); j > i * 4u; j--) {
        factors[at + ${slot.toBlockEnd('(j - 1u)')}] = product;
        product *= factors[at + ${slot.all('(j - 1u)')}];
      }`,
    )}
    ${each(
      blocks,
      `var product = 1.0;
      for (var j = i; j > 0u; j--) {
        factors[at + ${slot.between('i', '(j - 1u)')}] = product;
        product *= factors[at + ${slot.block('(j - 1u)')}];
      }
      factors[at + ${slot.blockFromStart('i')}] = product;
      if (i == ${blocks - 1}u) { factors[at + ${slot.whole}] = product * factors[at + ${slot.block('i')}]; }
      product = 1.0;
      for (var j = i + 1u; j < ${blocks}u; j++) { product *= factors[at + ${slot.block('j')}]; }
      factors[at + ${slot.blockToEnd('i')}] = product;`,
    )}`;
}

/** WGSL of a log decay as a factor. What empties a state is 0, and minus infinity is never computed with. */
export function factorOf(g: string): string {
  return `exp(max(${g}, -1e4))`;
}

/** WGSL of the products of a vector up to each of its components, from the first on. */
export function upTo(x: string): string {
  return `vec4f(${x}.x, ${x}.x * ${x}.y, ${x}.x * ${x}.y * ${x}.z, ${x}.x * ${x}.y * ${x}.z * ${x}.w)`;
}

/** WGSL of the products of what comes after each component of a vector. */
export function after(x: string): string {
  return `vec4f(${x}.y * ${x}.z * ${x}.w, ${x}.z * ${x}.w, ${x}.w, 1.0)`;
}

/** WGSL of memory with e^{G_r} and e^{G_C − G_r} of each entry, of a head whose keys decay alike, beside that of alpha and table. */
export function headDecayMemory(C: number): string {
  return `${decayMemory(C, 1)}
var<workgroup> toEntry: array<f32, ${C}>;
var<workgroup> toChunkEnd: array<f32, ${C}>;`;
}

/** Bytes of {@link headDecayMemory}. */
export function headDecayBytes(C: number): number {
  return decayBytes(C, 1) + 8 * C;
}

/** WGSL that fills all of that from `g [B, T, H]`. Ends with a barrier. */
export function fillHeadDecays(plan: ChunkPlan, lanes: number): string {
  const { C, T } = plan;
  const { slot } = decayTable(C);
  return `for (var e = lane; e < ${C / 4}u; e += ${lanes}u) {
    var x = vec4f(1.0);
    for (var m = 0u; m < 4u; m++) {
      let r = e * 4u + m;
      if (t0 + r < ${T}u) { x[m] = ${factorOf(`g[${valueRow(plan, 'r')}]`)}; }
    }
    alpha[e] = x;
  }
  workgroupBarrier();
  ${fillDecays(C, 1, lanes)}
  for (var r = lane; r < ${C}u; r += ${lanes}u) {
    let x = alpha[r / 4u];
    let upTo = ${upTo('x')};
    let after = ${after('x')};
    toEntry[r] = upTo[r % 4u] * factors[${slot.blockFromStart('(r / 16u)')}] * factors[${slot.fromBlockStart('(r / 4u)')}];
    toChunkEnd[r] = after[r % 4u] * factors[${slot.toBlockEnd('(r / 4u)')}] * factors[${slot.blockToEnd('(r / 16u)')}];
  }
  workgroupBarrier();`;
}
