import type { GpuCapabilities, KernelPass } from '@tessera/tensor-core';
import type { LinearAttentionSizes } from './linear-attention-call.ts';
import type { QuadRows } from '../quads.wgsl.ts';
import { bindQuads, readQuad, workgroupBytes, writeQuad } from '../quads.wgsl.ts';

/** Lanes among which the rows of a tile are shared. */
const shares = 32;

/** How a workgroup goes through the chunks; V / columns of them do side by side for each head. */
interface Plan {
  /** Columns of the state that it keeps. */
  readonly columns: number;
  /** Vectors of a row of W and Q that are in workgroup memory at a time, and how often that is. */
  readonly depth: number;
  readonly reads: number;
  /** Entries of K, columns of P, that are in workgroup memory at a time, and how often that is. */
  readonly entries: number;
  readonly writes: number;
  /** Rows of the state, rounded up to whole reads. */
  readonly stateRows: number;
  /** Vectors of the memory through which W and Q, then K and P pass. */
  readonly slab: number;
}

function planFor({ K, V }: LinearAttentionSizes, C: number, capabilities: GpuCapabilities): Plan | undefined {
  const keyQuads = Math.ceil(K / 4);
  const depth = Math.min(8, keyQuads);
  const entries = [16, 8].find((count) => C % count === 0 && count * keyQuads <= 512) ?? 4;
  const reads = Math.ceil(keyQuads / depth);
  const slab = Math.max(2 * C * (depth + 1), entries * keyQuads + C * (entries / 4 + 1));
  const stateRows = reads * depth * 4;
  const fits = (columns: number): boolean =>
    16 * (((stateRows + C) * columns) / 4 + slab) <= workgroupBytes(capabilities);
  const columns = [16, 8, 4].find((count) => (count === 4 || count < 2 * V) && fits(count));
  return columns && fits(columns)
    ? { columns, depth, reads, entries, writes: C / entries, stateRows, slab }
    : undefined;
}

/** Whether a device has the workgroup memory for {@link chunkRecurrence}. */
export function chunkRecurrenceFits(sizes: LinearAttentionSizes, C: number, capabilities: GpuCapabilities): boolean {
  return planFor(sizes, C, capabilities) !== undefined;
}

/**
 * The recurrence from chunk to chunk, V′ = U − W S; O = (Q ⊙ e^G) S + P V′; S ← e^{G_C} S + (K ⊙ e^{G_C − G})ᵀ V′, from the results
 * of {@link chunkScores} and {@link chunkWy} and `S [B, H, K, V]` to `o [B, T, H, V]` and the last state, bound in this order.
 *
 * A workgroup takes some columns of a head's state through all chunks. The state lies in workgroup memory and, a share in each
 * lane, in registers. W and Q, then K and P pass through workgroup memory part by part, each fetched while the one before is at work.
 */
export function chunkRecurrence(
  sizes: LinearAttentionSizes,
  C: number,
  capabilities: GpuCapabilities,
): Pick<KernelPass, 'source' | 'grid'> {
  const plan = planFor(sizes, C, capabilities)!;
  return { source: sourceOf(sizes, C, plan), grid: [Math.ceil(sizes.V / plan.columns), sizes.H, sizes.B] };
}

function sourceOf({ B, T, H, K, V }: LinearAttentionSizes, C: number, plan: Plan): string {
  const { columns, depth, reads, entries, writes, stateRows, slab } = plan;
  const keyQuads = Math.ceil(K / 4);
  const quads = columns / 4;
  const lanes = shares * quads;
  const group = entries / 4;
  const scoresAt = entries * keyQuads;
  const readCount = 2 * C * depth;
  const writeCount = scoresAt + C * group;
  const rows = (name: string, binding: number, width: number, aligned = width % 4 === 0): QuadRows => ({
    name,
    binding,
    width,
    aligned,
  });
  const WU = rows('WU', 4, K + V, K % 4 === 0 && V % 4 === 0);
  const list = (length: number, line: (i: number) => string): string =>
    Array.from({ length }, (_, i) => line(i)).join('\n      ');
  // What a lane has: entries of the chunk, quads of rows of the state, vectors of a part that it fetches.
  const entry = (line: (i: number) => string): string => list(Math.ceil(C / shares), line);
  const own = (line: (i: number) => string): string => list(Math.ceil(keyQuads / shares), line);
  const fetched = (count: number, line: (i: number) => string): string => list(Math.ceil(count / lanes), line);
  const four = [0, 1, 2, 3];
  const parts = ['x', 'y', 'z', 'w'];
  const fetch = (count: number, from: string): string =>
    fetched(count, (i) => `next${i} = ${from}min(lane + ${i * lanes}u, ${count - 1}u));`);
  const keep = (count: number, place: (e: string) => string): string =>
    fetched(count, (i) => `{ let e = lane + ${i * lanes}u; if (e < ${count}u) { slab[${place('e')}] = next${i}; } }`);
  return `${bindQuads(rows('queries', 0, K))}
${bindQuads(rows('keys', 1, K))}
${bindQuads(rows('scores', 2, C))}
@group(0) @binding(3) var<storage, read> decay: array<f32>;
${bindQuads(WU)}
${bindQuads(rows('before', 5, V))}
${bindQuads(rows('o', 6, V), 'read_write')}
${bindQuads(rows('after', 7, V), 'read_write')}
${readQuad('query', rows('queries', 0, K))}
${readQuad('key', rows('keys', 1, K))}
${readQuad('score', rows('scores', 2, C))}
${readQuad('wAt', WU, K)}
${readQuad('uAt', WU)}
${readQuad('stateBefore', rows('before', 5, V))}
${writeQuad('keepOutput', rows('o', 6, V))}
${writeQuad('keepState', rows('after', 7, V))}
var<workgroup> S: array<vec4f, ${stateRows * quads}>;
var<workgroup> written: array<vec4f, ${C * quads}>;
var<workgroup> slab: array<vec4f, ${slab}>;
// Part of W, then of Q.
fn toRead(chunk: u32, part: u32, e: u32) -> vec4f {
  let row = chunk * ${C}u + (e / ${depth}u) % ${C}u;
  let column = (part * ${depth}u + e % ${depth}u) * 4u;
  if (e < ${C * depth}u) { return wAt(row, column); }
  return query(row, column);
}
// Part of K, then of P.
fn toWrite(chunk: u32, part: u32, e: u32) -> vec4f {
  if (e < ${scoresAt}u) { return key(chunk * ${C}u + part * ${entries}u + e / ${keyQuads}u, (e % ${keyQuads}u) * 4u); }
  let rest = e - ${scoresAt}u;
  return score(chunk * ${C}u + rest / ${group}u, part * ${entries}u + (rest % ${group}u) * 4u);
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let h = group.y;
  let b = group.z;
  let quad = lane % ${quads}u;
  let share = lane / ${quads}u;
  let column = group.x * ${columns}u + quad * 4u;
  let state = (b * ${H}u + h) * ${K}u;
  for (var i = lane + ${keyQuads * 4 * quads}u; i < ${stateRows * quads}u; i += ${lanes}u) { S[i] = vec4f(0.0); }
  ${own((i) => `let keys${i} = share + ${i * shares}u; let near${i} = min(keys${i}, ${keyQuads - 1}u);`)}
  ${own((i) => four.map((n) => `var s${i}${n} = vec4f(0.0); if (near${i} * 4u + ${n}u < ${K}u) { s${i}${n} = stateBefore(state + near${i} * 4u + ${n}u, column); }`).join('\n  '))}
  ${own((i) => `if (keys${i} < ${keyQuads}u) { ${four.map((n) => `S[(keys${i} * 4u + ${n}u) * ${quads}u + quad] = s${i}${n};`).join(' ')} }`)}
  ${entry((i) => `let row${i} = min(share + ${i * shares}u, ${C - 1}u);`)}
  ${fetched(Math.max(readCount, writeCount), (i) => `var next${i} = vec4f(0.0);`)}
  ${fetch(readCount, `toRead(b * ${H}u + h, 0u, `)}
  for (var n = 0u; n < ${Math.ceil(T / C)}u; n++) {
    let chunk = (n * ${B}u + b) * ${H}u + h;
    let kept = decay[chunk];
    ${entry((i) => `let u${i} = uAt(chunk * ${C}u + row${i}, ${K}u + column); var w${i} = vec4f(0.0); var o${i} = vec4f(0.0);`)}
    for (var part = 0u; part < ${reads}u; part++) {
      workgroupBarrier();
      ${keep(readCount, (e) => `(${e} / ${depth}u) * ${depth + 1}u + ${e} % ${depth}u`)}
      workgroupBarrier();
      if (part + 1u < ${reads}u) {
        ${fetch(readCount, 'toRead(chunk, part + 1u, ')}
      } else {
        ${fetch(writeCount, 'toWrite(chunk, 0u, ')}
      }
      for (var d = 0u; d < ${depth}u; d++) {
        let place = (part * ${depth}u + d) * ${4 * quads}u + quad;
        ${four.map((n) => `let x${n} = S[place + ${n * quads}u];`).join(' ')}
        ${entry(
          (
            i,
          ) => `let a${i} = slab[row${i} * ${depth + 1}u + d]; let q${i} = slab[(${C}u + row${i}) * ${depth + 1}u + d];
        w${i} += ${four.map((n) => `a${i}.${parts[n]} * x${n}`).join(' + ')};
        o${i} += ${four.map((n) => `q${i}.${parts[n]} * x${n}`).join(' + ')};`,
        )}
      }
    }
    ${entry((i) => `if (share + ${i * shares}u < ${C}u) { written[row${i} * ${quads}u + quad] = u${i} - w${i}; }`)}
    ${own((i) => four.map((n) => `s${i}${n} *= kept;`).join(' '))}
    for (var part = 0u; part < ${writes}u; part++) {
      workgroupBarrier();
      ${keep(writeCount, (e) => `select(${scoresAt}u + ((${e} - ${scoresAt}u) / ${group}u) * ${group + 1}u + (${e} - ${scoresAt}u) % ${group}u, ${e}, ${e} < ${scoresAt}u)`)}
      workgroupBarrier();
      if (part + 1u < ${writes}u) {
        ${fetch(writeCount, 'toWrite(chunk, part + 1u, ')}
      } else if (n + 1u < ${Math.ceil(T / C)}u) {
        ${fetch(readCount, `toRead(chunk + ${B * H}u, 0u, `)}
      }
      for (var d = 0u; d < ${group}u; d++) {
        ${entry((i) => `let p${i} = slab[${scoresAt}u + row${i} * ${group + 1}u + d];`)}
        ${four
          .map(
            (m) => `{
          let x = written[(part * ${entries}u + d * 4u + ${m}u) * ${quads}u + quad];
          ${entry((i) => `o${i} += p${i}.${parts[m]} * x;`)}
          ${own((i) => `let k${i} = slab[(d * 4u + ${m}u) * ${keyQuads}u + near${i}]; ${four.map((n) => `s${i}${n} += k${i}.${parts[n]} * x;`).join(' ')}`)}
        }`,
          )
          .join('\n        ')}
      }
    }
    ${own((i) => `if (keys${i} < ${keyQuads}u) { ${four.map((n) => `S[(keys${i} * 4u + ${n}u) * ${quads}u + quad] = s${i}${n};`).join(' ')} }`)}
    ${entry((i) => `if (share + ${i * shares}u < ${C}u && n * ${C}u + row${i} < ${T}u) { keepOutput((b * ${T}u + n * ${C}u + row${i}) * ${H}u + h, column, o${i}); }`)}
  }
  ${own((i) => four.map((n) => `if (keys${i} < ${keyQuads}u && keys${i} * 4u + ${n}u < ${K}u) { keepState(state + keys${i} * 4u + ${n}u, column, s${i}${n}); }`).join('\n  '))}
}`;
}
