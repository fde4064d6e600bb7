import type { KernelPass } from '@tessera/tensor-core';
import { decayTable, factorOf, fillHeadDecays, headDecayBytes, headDecayMemory } from './chunk-decays.wgsl.ts';
import { strengths } from './chunk-outputs.wgsl.ts';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, keyRow, valueRow, where } from './chunk-pass.wgsl.ts';
import type { Factor } from './tile-products.wgsl.ts';
import { tileColumns, tileLanes, tileMemory, tilePlace, tileProducts, zeroSums } from './tile-products.wgsl.ts';

/**
 * Rows for each chunk of what {@link chunkStatesGradient} hands on, each of K numbers: V′ dSᵀ of its entries, of the delta rule (β ⊙ G) Sᵀ, and
 * Σ_V S ⊙ dS.
 */
export function handedRows({ C, delta }: Pick<ChunkPlan, 'C' | 'delta'>): number {
  return (delta ? 2 : 1) * C + 1;
}

/**
 * What queries and keys have to do with the states, as far as it is products of matrices: dO Sᵀ to where dq will be, `[B, T, H, K]`, and the
 * rest to rows for the last pass, `[N, B, H, rows, K]`. No decay is in it yet.
 */
export function chunkStatesGradient(
  plan: ChunkPlan,
  from: Record<'dO' | 'states' | 'dStates' | 'v' | 'missing' | 'dWritten' | 'beta' | 'dq' | 'handed', Bound['from']>,
): KernelPass {
  const { C, T, K, V, delta } = plan;
  const lanes = tileLanes(C);
  const rows = handedRows(plan);
  const { declaration, fill } = strengths(plan, lanes);
  const row = (r: number): string => `ty * 4u + ${r}u`;
  const inputRows = (name: string): Factor => ({
    along: 'd',
    read: (x, d) => where(`t0 + ${x} < ${T}u`, `read_${name}(${valueRow(plan, x)}, ${d})`),
  });
  const strongRows = (name: string): Factor => ({
    along: 'd',
    read: (x, d) => `strength[${x}] * read_${name}(chunk * ${C}u + ${x}, ${d})`,
  });
  const stateColumns = (name: string): Factor => ({
    along: 'd',
    read: (x, d) => where(`k0 + ${x} < ${K}u`, `read_${name}(chunk * ${K}u + k0 + ${x}, ${d})`),
  });
  // Lanes to each of the 64 keys of a tile, for the sums over values.
  const each = Math.max(1, Math.floor(lanes / tileColumns));
  return chunkPass(plan, {
    tiles: Math.ceil(K / tileColumns),
    bound: [
      { name: 'd_o', from: from.dO, width: V },
      { name: 'states', from: from.states, width: V },
      { name: 'd_states', from: from.dStates, width: V },
      ...(delta
        ? [
            { name: 'missing', from: from.missing, width: V },
            { name: 'd_written', from: from.dWritten, width: V },
            { name: 'beta', from: from.beta },
          ]
        : [{ name: 'v', from: from.v, width: V }]),
      { name: 'd_q', from: from.dq, width: K },
      { name: 'handed', from: from.handed, width: K },
    ],
    lanes,
    declarations: `${tileMemory(C, delta ? 2 : 1)}
${delta ? declaration : ''}
var<workgroup> part: array<f32, ${tileColumns * each}>;`,
    body: `let k0 = tile * ${tileColumns}u;
  ${tilePlace}
  ${delta ? fill : ''}
  ${zeroSums('q', 'w', ...(delta ? ['r'] : []))}
  ${tileProducts(C, { left: { q: inputRows('d_o'), ...(delta && { r: strongRows('d_written') }) }, right: stateColumns('states'), depth: V })}
  ${tileProducts(C, { left: { w: delta ? strongRows('missing') : inputRows('v') }, right: stateColumns('d_states'), depth: V })}
  ${four((r) => `if (t0 + ${row(r)} < ${T}u) { write_d_q(${valueRow(plan, row(r))}, k0 + tx * 4u, q${r}); }`)}
  ${four((r) => `write_handed(chunk * ${rows}u + ${row(r)}, k0 + tx * 4u, w${r});`)}
  ${delta ? four((r) => `write_handed(chunk * ${rows}u + ${C}u + ${row(r)}, k0 + tx * 4u, r${r});`) : ''}
  for (var e = lane; e < ${tileColumns * each}u; e += ${lanes}u) {
    var total = 0.0;
    let key = k0 + e / ${each}u;
    if (key < ${K}u) {
      for (var d = (e % ${each}u) * 4u; d < ${V}u; d += ${4 * each}u) {
        total += dot(read_states(chunk * ${K}u + key, d), read_d_states(chunk * ${K}u + key, d));
      }
    }
    part[e] = total;
  }
  workgroupBarrier();
  for (var x = lane; x < ${tileColumns / 4}u; x += ${lanes}u) {
    var totals = vec4f(0.0);
    for (var m = 0u; m < 4u; m++) { for (var j = 0u; j < ${each}u; j++) { totals[m] += part[(x * 4u + m) * ${each}u + j]; } }
    write_handed(chunk * ${rows}u + ${rows - 1}u, k0 + x * 4u, totals);
  }`,
  });
}

/** Bytes of workgroup memory that the two passes take at most. */
export function chunkKeysGradientBytes({ C, decay, delta }: Pick<ChunkPlan, 'C' | 'decay' | 'delta'>): number {
  const states = 16 * 16 * ((delta ? 2 : 1) * (C / 4 + 1) + 17) + 4 * C + 4 * Math.max(64, tileLanes(C));
  const ends =
    decay === 'none'
      ? 0
      : decay === 'vector'
        ? 3 * 16 * tileLanes(C)
        : headDecayBytes(C) + 4 * (tileLanes(C) + 17 * C + 16);
  return Math.max(states, 16 * 4 * 64 + ends);
}

/**
 * Cotangents of queries, keys and log decays, from what the states have to do with them and from the cotangents of the scores, each lane
 * with four entries and four elements. Decays are products between fours of entries, taken in as sums go from four to four, so that
 * each element of a key may have its own.
 */
export function chunkKeysGradient(
  plan: ChunkPlan,
  from: Record<'q' | 'k' | 'g' | 'scores' | 'handed' | 'dq' | 'dk' | 'dg', Bound['from']>,
): KernelPass {
  const { C, T, K, decay, delta } = plan;
  const tiles = C / 4;
  const lanes = tileLanes(C);
  const rows = handedRows(plan);
  const parts = delta ? 2 : 1;
  const perKey = decay === 'vector';
  const scalar = decay === 'scalar';
  const across = Math.ceil(K / tileColumns);
  const row = (r: number): string => `ty * 4u + ${r}u`;
  const score = (part: number, at: string, column: string): string =>
    `read_scores((chunk * ${parts}u + ${part}u) * ${C}u + ${at}, ${column})`;
  const components = ['x', 'y', 'z', 'w'];
  // Decay from one entry of a four to a later one, where keys decay each on its own; else the scores have it.
  const between = (later: number, earlier: number): string =>
    Array.from({ length: later - earlier }, (_, i) => `a${earlier + 1 + i}`).join(' * ');
  const weighed = (later: number, earlier: number, x: string): string =>
    perKey && later > earlier ? `${between(later, earlier)} * ${x}` : x;
  const fromStart = (r: number): string => (perKey ? `start${r}` : scalar ? `toEntry[${row(r)}]` : '1.0');
  const toEnd = (r: number): string => (perKey ? `end${r}` : scalar ? `toChunkEnd[${row(r)}]` : '1.0');
  // Sums that go on from one four of entries to the next, up (from earlier entries) and down (from later ones).
  const up = ['up', ...(delta ? ['upRead'] : [])];
  const body = `${tilePlace}
  ${scalar ? fillHeadDecays(plan, lanes) : ''}
  ${scalar ? `${four((r) => `var gate${r} = 0.0;`, ' ')} var atEnd = 0.0;` : ''}
  for (var k0 = ${scalar ? '0u' : `tile * ${tileColumns}u`}; k0 < ${scalar ? `${across * tileColumns}u` : `(tile + 1u) * ${tileColumns}u`}; k0 += ${tileColumns}u) {
    let column = k0 + tx * 4u;
    ${four((r) => `let q${r} = ${where(`t0 + ${row(r)} < ${T}u`, `read_q(${keyRow(plan, row(r))}, column)`)}; let k${r} = ${where(`t0 + ${row(r)} < ${T}u`, `read_k(${keyRow(plan, row(r))}, column)`)};`)}
    ${
      perKey
        ? `${four((r) => `let log${r} = ${where(`t0 + ${row(r)} < ${T}u`, `read_g(${valueRow(plan, row(r))}, column)`)}; let a${r} = ${factorOf(`log${r}`).replace('-1e4', 'vec4f(-1e4)')};`)}
    let upTo0 = a0; let upTo1 = upTo0 * a1; let upTo2 = upTo1 * a2; let upTo3 = upTo2 * a3;
    let after3 = vec4f(1.0); let after2 = a3; let after1 = a2 * a3; let after0 = a1 * after1;
    workgroupBarrier();
    fours[ty * 16u + tx] = upTo3;
    workgroupBarrier();
    var before = vec4f(1.0);
    for (var j = 0u; j < ty; j++) { before *= fours[j * 16u + tx]; }
    var behind = vec4f(1.0);
    for (var j = ty + 1u; j < ${tiles}u; j++) { behind *= fours[j * 16u + tx]; }
    let whole = before * upTo3 * behind;
    ${four((r) => `let start${r} = before * upTo${r}; let end${r} = after${r} * behind;`)}`
        : ''
    }
    ${zeroSums(...up, 'down')}
    // From earlier entries to later ones, four by four; whoever has the four shows it to all.
    for (var j = 0u; j < ${tiles}u; j++) {
      let shown = (j % 2u) * 128u + tx;
      if (ty == j) { ${four((r) => `show[shown + ${r * 16}u] = k${r}${perKey ? ` * after${r}` : ''};`, ' ')} }
      workgroupBarrier();
      if (ty > j) {
        ${perKey ? `let decay = fours[j * 16u + tx]; ${up.map((name) => four((r) => `${name}${r} *= decay;`, ' ')).join(' ')}` : ''}
        ${four((m) => `let y${m} = show[shown + ${m * 16}u];`, ' ')}
        ${up.map((name, part) => four((r) => `{ let x = ${score(part, row(r), 'j * 4u')}; ${name}${r} += ${components.map((c, m) => `x.${c} * y${m}`).join(' + ')}; }`, '\n        ')).join('\n        ')}
      }
    }
    workgroupBarrier();
    for (var turn = 0u; turn < ${tiles}u; turn++) {
      let j = ${tiles - 1}u - turn;
      let shown = (j % 2u) * 128u + tx;
      if (ty == j) { ${four((r) => `show[shown + ${r * 16}u] = q${r}${perKey ? ` * upTo${r}` : ''};${delta ? ` show[shown + ${64 + r * 16}u] = k${r}${perKey ? ` * upTo${r}` : ''};` : ''}`, ' ')} }
      workgroupBarrier();
      if (ty < j) {
        ${perKey ? `let decay = fours[j * 16u + tx]; ${four((r) => `down${r} *= decay;`, ' ')}` : ''}
        ${four(
          (m) =>
            `{ let y = show[shown + ${m * 16}u]; let x = ${score(0, `j * 4u + ${m}u`, 'ty * 4u')}; ${four((r) => `down${r} += x.${components[r]} * y;`, ' ')} }`,
          '\n        ',
        )}
        ${
          delta
            ? four(
                (m) =>
                  `{ let y = show[shown + ${64 + m * 16}u]; let x = ${score(1, `j * 4u + ${m}u`, 'ty * 4u')}; ${four((r) => `down${r} += x.${components[r]} * y;`, ' ')} }`,
                '\n        ',
              )
            : ''
        }
      }
    }
    // The four itself.
    ${perKey ? `${up.map((name) => four((r) => `${name}${r} *= upTo${r};`, ' ')).join(' ')} ${four((r) => `down${r} *= after${r};`, ' ')}` : ''}
    ${four((r) => `let p${r} = ${score(0, row(r), 'ty * 4u')};${delta ? ` let m${r} = ${score(1, row(r), 'ty * 4u')};` : ''}`)}
    ${[0, 1, 2, 3]
      .flatMap((later) =>
        [0, 1, 2, 3]
          .slice(0, later + 1)
          .flatMap((earlier) => [
            `up${later} += p${later}.${components[earlier]} * ${weighed(later, earlier, `k${earlier}`)}; down${earlier} += p${later}.${components[earlier]} * ${weighed(later, earlier, `q${later}`)};`,
            ...(delta && later > earlier
              ? [
                  `upRead${later} += m${later}.${components[earlier]} * ${weighed(later, earlier, `k${earlier}`)}; down${earlier} += m${later}.${components[earlier]} * ${weighed(later, earlier, `k${later}`)};`,
                ]
              : []),
          ]),
      )
      .join('\n    ')}
    ${four((r) => `if (t0 + ${row(r)} < ${T}u) { up${r} += ${fromStart(r)} * read_d_q(${valueRow(plan, row(r))}, column); }`)}
    ${delta ? four((r) => `upRead${r} -= ${fromStart(r)} * read_handed(chunk * ${rows}u + ${C}u + ${row(r)}, column);`) : ''}
    ${four((r) => `let kept${r} = ${toEnd(r)} * read_handed(chunk * ${rows}u + ${row(r)}, column); down${r} += kept${r};`)}
    ${four((r) => `if (t0 + ${row(r)} < ${T}u) { write_d_q(${valueRow(plan, row(r))}, column, up${r}); write_d_k(${valueRow(plan, row(r))}, column, down${r}${delta ? ` + upRead${r}` : ''}); }`)}
    ${
      decay === 'none'
        ? ''
        : `${four((r) => `let d_gate${r} = q${r} * up${r} - k${r} * ${delta ? `(down${r} - upRead${r})` : `down${r}`};`)}
    var end = ${four((r) => `k${r} * kept${r}`, ' + ')};
    if (ty == 0u) { end += ${perKey ? 'whole' : `factors[${decayTable(C).slot.whole}]`} * read_handed(chunk * ${rows}u + ${rows - 1}u, column); }`
    }
    ${scalar ? `${four((r) => `gate${r} += dot(d_gate${r}, vec4f(1.0));`, ' ')} atEnd += dot(end, vec4f(1.0)); workgroupBarrier();` : ''}
    ${
      perKey
        ? `let sum3 = d_gate3; let sum2 = sum3 + d_gate2; let sum1 = sum2 + d_gate1; let sum0 = sum1 + d_gate0;
    workgroupBarrier();
    totals[ty * 16u + tx] = sum0;
    ends[ty * 16u + tx] = end;
    workgroupBarrier();
    var later = vec4f(0.0);
    for (var j = 0u; j < ${tiles}u; j++) { later += ends[j * 16u + tx]; }
    for (var j = ty + 1u; j < ${tiles}u; j++) { later += totals[j * 16u + tx]; }
    ${four((r) => `if (t0 + ${row(r)} < ${T}u) { write_d_g(${valueRow(plan, row(r))}, column, select(vec4f(0.0), sum${r} + later, log${r} > vec4f(-1e4))); }`)}`
        : ''
    }
  }
  ${
    scalar
      ? `${four((r) => `sums[(${row(r)}) * 17u + tx] = gate${r};`, ' ')}
  ends[lane] = atEnd;
  workgroupBarrier();
  for (var r = lane; r < ${C}u; r += ${lanes}u) {
    var total = 0.0;
    for (var x = 0u; x < 16u; x++) { total += sums[r * 17u + x]; }
    sums[r * 17u + 16u] = total;
  }
  if (lane < 16u) {
    var total = 0.0;
    for (var j = 0u; j < ${tiles}u; j++) { total += ends[j * 16u + lane]; }
    columnEnds[lane] = total;
  }
  workgroupBarrier();
  for (var r = lane; r < ${C}u; r += ${lanes}u) {
    var total = 0.0;
    for (var x = 0u; x < 16u; x++) { total += columnEnds[x]; }
    for (var s = r; s < ${C}u; s++) { total += sums[s * 17u + 16u]; }
    if (t0 + r < ${T}u) {
      let at = ${valueRow(plan, 'r')};
      d_g[at] = select(0.0, total, g[at] > -1e4);
    }
  }`
      : ''
  }`;
  return chunkPass(plan, {
    tiles: scalar ? 1 : across,
    bound: [
      { name: 'q', from: from.q, width: K },
      { name: 'k', from: from.k, width: K },
      ...(decay === 'none' ? [] : [{ name: 'g', from: from.g, ...(perKey && { width: K }) }]),
      { name: 'scores', from: from.scores, width: C },
      { name: 'handed', from: from.handed, width: K },
      { name: 'd_q', from: from.dq, width: K },
      { name: 'd_k', from: from.dk, width: K },
      ...(decay === 'none' ? [] : [{ name: 'd_g', from: from.dg, ...(perKey && { width: K }) }]),
    ],
    lanes,
    declarations: `var<workgroup> show: array<vec4f, 256>;
${perKey ? ['fours', 'totals', 'ends'].map((name) => `var<workgroup> ${name}: array<vec4f, ${lanes}>;`).join('\n') : ''}
${scalar ? `${headDecayMemory(C)}\nvar<workgroup> sums: array<f32, ${17 * C}>;\nvar<workgroup> ends: array<f32, ${lanes}>;\nvar<workgroup> columnEnds: array<f32, 16>;` : ''}`,
    body,
  });
}
