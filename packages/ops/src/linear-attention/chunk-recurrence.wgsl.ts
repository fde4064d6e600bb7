import type { GpuCapabilities, KernelPass } from '@tessera/tensor-core';
import { gpuLimit } from '@tessera/tensor-core';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { passOf, valueRow } from './chunk-pass.wgsl.ts';

/** Lanes among which rows are shared. */
const shares = 32;
/** Vectors that a lane fetches ahead at most. */
const mostAhead = 16;

/** How a workgroup goes through the chunks; V / columns of them do side by side for each head. */
interface Plan {
  /** Columns of the state that it keeps. */
  readonly columns: number;
  /** Vectors of a row of A that are in workgroup memory at a time, and how often that is. */
  readonly depth: number;
  readonly reads: number;
  /** Entries of B that are in workgroup memory at a time, and how often that is. */
  readonly entries: number;
  readonly writes: number;
  /** Rows of the state, rounded up to whole reads. */
  readonly stateRows: number;
  /** Vectors of the memory through which A and B pass. */
  readonly slab: number;
}

type Sizes = Pick<ChunkPlan, 'C' | 'K' | 'V'>;

function planFor({ C, K, V }: Sizes, capabilities: GpuCapabilities): Plan | undefined {
  const keyQuads = Math.ceil(K / 4);
  const deepest = Math.min(32, keyQuads);
  for (const columns of [16, 8, 4]) {
    if (columns > 4 && columns >= 2 * V) continue;
    const lanes = shares * (columns / 4);
    for (const depth of [deepest, 16, 8, 4, 2, 1]) {
      if (depth > deepest || C * depth > mostAhead * lanes) continue;
      // Fewer columns read as often from memory, but wait less often than short parts do.
      if (columns > 4 && depth < Math.min(8, deepest)) break;
      const reads = Math.ceil(keyQuads / depth);
      const stateRows = reads * depth * 4;
      const room = Math.floor(
        gpuLimit(capabilities, 'maxComputeWorkgroupStorageSize') / 16 - ((stateRows + C) * columns) / 4,
      );
      const entries = [64, 32, 16, 8, 4].find(
        (count) => C % count === 0 && count * keyQuads <= Math.min(room, mostAhead * lanes),
      );
      const slab = Math.max(C * (depth + 1), (entries ?? 0) * keyQuads);
      if (entries && slab <= room) return { columns, depth, reads, entries, writes: C / entries, stateRows, slab };
    }
  }
  return undefined;
}

/** Whether a device has the workgroup memory for {@link chunkRecurrence}. */
export function chunkRecurrenceFits(sizes: Sizes, capabilities: GpuCapabilities): boolean {
  return planFor(sizes, capabilities) !== undefined;
}

/** Buffers of {@link chunkRecurrence}. */
export interface RecurrenceBuffers {
  /** A, `[N, B, H, C, K]`. */
  readonly reads: Bound['from'];
  /** B, `[N, B, H, C, K]`. */
  readonly writes: Bound['from'];
  /** e^{G_C}, `[N, B, H, K or 1]`; not bound where nothing decays. */
  readonly whole: Bound['from'];
  /** β, `[B, T, H]`. */
  readonly beta: Bound['from'];
  /** The state at the start, `[B, H, K, V]`. */
  readonly first: Bound['from'];
  /** Y, and out: X, `[N, B, H, C, V]`. */
  readonly columns: Bound['from'];
  /** Out: the state before each chunk, in the order in which it goes through them, `[N, B, H, K, V]`; backwards it is added to before. */
  readonly states: Bound['from'];
  /** Out: the state at the end, `[B, H, K, V]`. */
  readonly last: Bound['from'];
}

/**
 * What the delta rule does from chunk to chunk. Forwards, X = Y − A S; S ← e^{G_C} ⊙ S + Bᵀ (β ⊙ X). Backwards, from the last chunk to the
 * first, the same of cotangents: X = Y + A S; S ← e^{G_C} ⊙ S + what lies in `states` − Bᵀ (β ⊙ X).
 *
 * A workgroup takes some columns of a head's state through all chunks. The state lies in workgroup memory and, a share in each
 * lane, in registers. A and B pass through workgroup memory part by part, each fetched while the one before is at work.
 */
export function chunkRecurrence(
  plan: ChunkPlan,
  direction: 'forwards' | 'backwards',
  from: RecurrenceBuffers,
): KernelPass {
  const { B, T, H, K, V, C, N, decay, capabilities } = plan;
  const { columns, depth, reads, entries, writes, stateRows, slab } = planFor(plan, capabilities)!;
  const back = direction === 'backwards';
  const keyQuads = Math.ceil(K / 4);
  const quads = columns / 4;
  const lanes = shares * quads;
  const readCount = C * depth;
  const writeCount = entries * keyQuads;
  const list = (length: number, line: (i: number) => string): string =>
    Array.from({ length }, (_, i) => line(i)).join('\n      ');
  // What a lane has: entries of the chunk, quads of rows of the state, vectors of a part that it fetches.
  const entry = (line: (i: number) => string): string => list(Math.ceil(C / shares), line);
  const own = (line: (i: number) => string): string => list(Math.ceil(keyQuads / shares), line);
  const fetched = (count: number, line: (i: number) => string): string => list(Math.ceil(count / lanes), line);
  const fours = [0, 1, 2, 3];
  const parts = ['x', 'y', 'z', 'w'];
  const fetch = (count: number, call: string): string =>
    fetched(count, (i) => `next${i} = ${call}min(lane + ${i * lanes}u, ${count - 1}u));`);
  const keep = (count: number, place: string): string =>
    fetched(count, (i) => `{ let e = lane + ${i * lanes}u; if (e < ${count}u) { slab[${place}] = next${i}; } }`);
  const kept = (i: number, n: number): string =>
    decay === 'none' ? '1.0' : decay === 'scalar' ? 'kept' : `kept${i}.${parts[n]}`;
  const each = (line: (i: number, n: number) => string): string =>
    own((i) => `if (keys${i} < ${keyQuads}u) { ${fours.map((n) => line(i, n)).join(' ')} }`);
  const body = `let h = group.y;
  let b = group.z;
  let quad = lane % ${quads}u;
  let share = lane / ${quads}u;
  let column = group.x * ${columns}u + quad * 4u;
  let state = (b * ${H}u + h) * ${K}u;
  for (var i = lane; i < ${stateRows * quads}u; i += ${lanes}u) { S[i] = vec4f(0.0); }
  workgroupBarrier();
  ${own((i) => `let keys${i} = share + ${i * shares}u; let near${i} = min(keys${i}, ${keyQuads - 1}u);`)}
  ${own((i) => fours.map((n) => `var s${i}${n} = vec4f(0.0); if (keys${i} * 4u + ${n}u < ${K}u) { s${i}${n} = read_first(state + keys${i} * 4u + ${n}u, column); }`).join('\n  '))}
  ${each((i, n) => `S[(keys${i} * 4u + ${n}u) * ${quads}u + quad] = s${i}${n};`)}
  ${entry((i) => `let row${i} = min(share + ${i * shares}u, ${C - 1}u);`)}
  ${fetched(Math.max(readCount, writeCount), (i) => `var next${i} = vec4f(0.0);`)}
  ${fetch(readCount, `toRead((${back ? N - 1 : 0}u * ${B}u + b) * ${H}u + h, 0u, `)}
  for (var turn = 0u; turn < ${N}u; turn++) {
    let n = ${back ? `${N - 1}u - turn` : 'turn'};
    let t0 = n * ${C}u;
    let chunk = (n * ${B}u + b) * ${H}u + h;
    ${decay === 'scalar' ? 'let kept = whole[chunk];' : ''}
    ${decay === 'vector' ? own((i) => `let kept${i} = read_whole(chunk, near${i} * 4u);`) : ''}
    ${own((i) =>
      fours
        .map(
          (n) =>
            `${back ? `var more${i}${n} = vec4f(0.0); ` : ''}if (keys${i} * 4u + ${n}u < ${K}u) { ${back ? `more${i}${n} = read_states(chunk * ${K}u + keys${i} * 4u + ${n}u, column); ` : ''}write_states(chunk * ${K}u + keys${i} * 4u + ${n}u, column, s${i}${n}); }`,
        )
        .join('\n    '),
    )}
    ${entry((i) => `let y${i} = read_columns(chunk * ${C}u + row${i}, column); var x${i} = vec4f(0.0); var strength${i} = 0.0; if (t0 + row${i} < ${T}u) { strength${i} = beta[${valueRow(plan, `row${i}`)}]; }`)}
    for (var part = 0u; part < ${reads}u; part++) {
      workgroupBarrier();
      ${keep(readCount, `(e / ${depth}u) * ${depth + 1}u + e % ${depth}u`)}
      workgroupBarrier();
      if (part + 1u < ${reads}u) {
        ${fetch(readCount, 'toRead(chunk, part + 1u, ')}
      } else {
        ${fetch(writeCount, 'toWrite(chunk, 0u, ')}
      }
      for (var d = 0u; d < ${depth}u; d++) {
        let place = (part * ${depth}u + d) * ${4 * quads}u + quad;
        ${fours.map((n) => `let z${n} = S[place + ${n * quads}u];`).join(' ')}
        ${entry((i) => `{ let a = slab[row${i} * ${depth + 1}u + d]; ${fours.map((n) => `x${i} = fma(vec4f(a.${parts[n]}), z${n}, x${i});`).join(' ')} }`)}
      }
    }
    ${entry((i) => `x${i} = y${i} ${back ? '+' : '-'} x${i};`)}
    ${entry((i) => `if (share + ${i * shares}u < ${C}u) { written[row${i} * ${quads}u + quad] = ${back ? '-' : ''}strength${i} * x${i}; write_columns(chunk * ${C}u + row${i}, column, x${i}); }`)}
    ${own((i) => fours.map((n) => `s${i}${n} = s${i}${n} * ${kept(i, n)}${back ? ` + more${i}${n}` : ''};`).join(' '))}
    for (var part = 0u; part < ${writes}u; part++) {
      workgroupBarrier();
      ${keep(writeCount, 'e')}
      workgroupBarrier();
      if (part + 1u < ${writes}u) {
        ${fetch(writeCount, 'toWrite(chunk, part + 1u, ')}
      } else if (turn + 1u < ${N}u) {
        ${fetch(readCount, `toRead(chunk ${back ? '-' : '+'} ${B * H}u, 0u, `)}
      }
      for (var d = 0u; d < ${entries}u; d++) {
        let z = written[(part * ${entries}u + d) * ${quads}u + quad];
        ${own((i) => `{ let k = slab[d * ${keyQuads}u + near${i}]; ${fours.map((n) => `s${i}${n} = fma(vec4f(k.${parts[n]}), z, s${i}${n});`).join(' ')} }`)}
      }
    }
    ${each((i, n) => `S[(keys${i} * 4u + ${n}u) * ${quads}u + quad] = s${i}${n};`)}
  }
  ${own((i) => fours.map((n) => `if (keys${i} * 4u + ${n}u < ${K}u) { write_last(state + keys${i} * 4u + ${n}u, column, s${i}${n}); }`).join('\n  '))}`;
  return passOf(
    {
      bound: [
        { name: 'reads', from: from.reads, width: K },
        { name: 'writes', from: from.writes, width: K },
        ...(decay === 'none' ? [] : [{ name: 'whole', from: from.whole, ...(decay === 'vector' && { width: K }) }]),
        { name: 'beta', from: from.beta },
        { name: 'first', from: from.first, width: V },
        { name: 'columns', from: from.columns, width: V },
        { name: 'states', from: from.states, width: V },
        { name: 'last', from: from.last, width: V },
      ],
      lanes,
      declarations: `var<workgroup> S: array<vec4f, ${stateRows * quads}>;
var<workgroup> written: array<vec4f, ${C * quads}>;
var<workgroup> slab: array<vec4f, ${slab}>;
fn toRead(chunk: u32, part: u32, e: u32) -> vec4f { return read_reads(chunk * ${C}u + e / ${depth}u, (part * ${depth}u + e % ${depth}u) * 4u); }
fn toWrite(chunk: u32, part: u32, e: u32) -> vec4f { return read_writes(chunk * ${C}u + part * ${entries}u + e / ${keyQuads}u, (e % ${keyQuads}u) * 4u); }`,
      body,
    },
    [Math.ceil(V / columns), H, B],
  );
}
