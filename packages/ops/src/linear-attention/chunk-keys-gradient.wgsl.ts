import type { KernelPass } from '@tessera/tensor-core';
import { decayTable, factorOf, fillHeadDecays, headDecayBytes, headDecayMemory } from './chunk-decays.wgsl.ts';
import type { Bound, ChunkPlan } from './chunk-pass.wgsl.ts';
import { chunkPass, four, keyRow, valueRow, where } from './chunk-pass.wgsl.ts';
import { handedRows } from './chunk-states-gradient.wgsl.ts';
import { tileColumns, tileLanes, tilePlace, zeroSums } from './tile-products.wgsl.ts';

/** Memory of a decay for each key: products of fours, and what lanes tell one another. */
const perKeyMemory = ['fours', 'totals', 'ends'] as const;

/** Numbers between the sums of an entry and those of the next, by sixteens of keys. */
const sumStride = 17;

/** Bytes of workgroup memory that {@link chunkKeysGradient} takes. */
export function chunkKeysGradientBytes({ C, decay }: Pick<ChunkPlan, 'C' | 'decay'>): number {
  const gates = {
    none: 0,
    scalar: headDecayBytes(C) + 4 * (2 * sumStride * C + 16),
    vector: perKeyMemory.length * 16 * tileLanes(C),
  };
  return 16 * 4 * 64 + gates[decay];
}

const components = ['x', 'y', 'z', 'w'] as const;
const pairsOfFour = [1, 2, 3].flatMap((later) =>
  [0, 1, 2].filter((s) => s < later).map((earlier) => [later, earlier] as const),
);

/**
 * Cotangents of queries, keys and log decays, from what the states have to do with them and from the cotangents of the scores, each lane
 * with four entries and four elements. Decays are products between fours of entries, taken in as sums go from four to four, so that
 * each element of a key may have its own.
 *
 * g_u stands in e^{G_r − G_s} of every pair s < u ≤ r, in e^{G_r} of every r ≥ u, in e^{G_C − G_s} of every s < u, and in e^{G_C}. What belongs
 * to these is summed and nothing else, since the pairs on one side of u would cancel. Those of a head whose keys decay alike
 * are there already, see `chunkScoresGradient`.
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
  const only = (condition: boolean, code: string): string => (condition ? code : '');
  const row = (r: number): string => `ty * 4u + ${r}u`;
  const inside = (r: number): string => `t0 + ${row(r)} < ${T}u`;
  const score = (part: number, at: string, column: string): string =>
    `read_scores((chunk * ${parts}u + ${part}u) * ${C}u + ${at}, ${column})`;
  const handed = (at: string): string => `read_handed(chunk * ${rows}u + ${at}, column)`;
  // Decay from one entry of a four to a later one, where keys decay each on its own; else the scores have it.
  const between = (later: number, earlier: number): string =>
    Array.from({ length: later - earlier }, (_, i) => `a${earlier + 1 + i}`).join(' * ');
  const weighed = (later: number, earlier: number, x: string): string =>
    perKey && later > earlier ? `${between(later, earlier)} * ${x}` : x;
  const fromStart = (r: number): string => (perKey ? `start${r}` : scalar ? `toEntry[${row(r)}]` : '1.0');
  const toEnd = (r: number): string => (perKey ? `end${r}` : scalar ? `toChunkEnd[${row(r)}]` : '1.0');
  const whole = perKey ? 'whole' : `factors[${decayTable(C).slot.whole}]`;
  // Sums over earlier entries, of queries and of reading keys; `down` is over later ones.
  const up = ['up', ...(delta ? ['upRead'] : [])];
  /** q_r x_r, and of the delta rule k_r y_r, for the sums that queries and reading keys have. */
  const asked = (r: number, [x, y]: readonly string[]): string => `q${r} * ${x}${delta ? ` + k${r} * ${y}` : ''}`;

  const decaysPerKey = `${four((r) => `let log${r} = ${where(inside(r), `read_g(${valueRow(plan, row(r))}, column)`)}; let a${r} = ${factorOf(`log${r}`).replace('-1e4', 'vec4f(-1e4)')};`)}
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
    ${four((r) => `let start${r} = before * upTo${r}; let end${r} = after${r} * behind;`)}`;

  // Pairs of a four before this one with all after it, once every lane has told those of its own four with four j.
  const gather = (j: string, place: (at: string) => string): string =>
    `if (ty > ${j}) { for (var i = ty + 1u; i < ${tiles}u; i++) { pairs += ${place('i * 16u + tx')}; } }`;
  const told = (j: string): ((at: string) => string) => {
    return (at) => `select(totals[${at}], ends[${at}], ${j} % 2u == 1u)`;
  };
  // From later fours to earlier ones in both; whoever has the four shows it to all.
  const upwards = `${only(perKey, 'var fading = vec4f(1.0); var pairs = vec4f(0.0);')}
    for (var turn = 0u; turn < ${tiles}u; turn++) {
      let j = ${tiles - 1}u - turn;
      let shown = (j % 2u) * 128u + tx;
      if (ty == j) { ${four((r) => `show[shown + ${r * 16}u] = k${r}${only(perKey, ` * after${r}`)};`, ' ')} }
      workgroupBarrier();
      ${only(perKey, `if (turn > 0u) { ${gather('j + 1u', told('(j + 1u)'))} }`)}
      if (ty > j) {
        ${four((m) => `let y${m} = show[shown + ${m * 16}u];`, ' ')}
        ${only(perKey, 'var each = vec4f(0.0);')}
        ${up
          .map((name, part) =>
            four((r) => {
              const sum = components.map((c, m) => `x.${c} * y${m}`).join(' + ');
              return `{ let x = ${score(part, row(r), 'j * 4u')}; ${
                perKey
                  ? `let z = fading * (${sum}); ${name}${r} += z; each += ${part ? 'k' : 'q'}${r} * upTo${r} * z;`
                  : `${name}${r} += ${sum};`
              } }`;
            }, '\n        '),
          )
          .join('\n        ')}
        ${only(perKey, 'if (j % 2u == 1u) { ends[lane] = each; } else { totals[lane] = each; }\n        fading *= fours[j * 16u + tx];')}
      }
    }
    workgroupBarrier();
    ${only(
      perKey,
      gather('0u', (at) => `totals[${at}]`),
    )}`;

  const downwards = `for (var turn = 0u; turn < ${tiles}u; turn++) {
      let j = ${tiles - 1}u - turn;
      let shown = (j % 2u) * 128u + tx;
      if (ty == j) { ${four((r) => `show[shown + ${r * 16}u] = q${r}${only(perKey, ` * upTo${r}`)};${only(delta, ` show[shown + ${64 + r * 16}u] = k${r}${only(perKey, ` * upTo${r}`)};`)}`, ' ')} }
      workgroupBarrier();
      if (ty < j) {
        ${only(perKey, `let decay = fours[j * 16u + tx]; ${four((r) => `down${r} *= decay;`, ' ')}`)}
        ${up
          .map((_, part) =>
            four(
              (m) =>
                `{ let y = show[shown + ${64 * part + m * 16}u]; let x = ${score(part, `j * 4u + ${m}u`, 'ty * 4u')}; ${four((r) => `down${r} += x.${components[r]} * y;`, ' ')} }`,
              '\n        ',
            ),
          )
          .join('\n        ')}
      }
    }`;

  const itself = `${only(perKey, `${up.map((name) => four((r) => `${name}${r} *= upTo${r};`, ' ')).join(' ')} ${four((r) => `down${r} *= after${r};`, ' ')}`)}
    ${only(perKey, `${four((r) => `let fromBefore${r} = ${asked(r, [`up${r}`, `upRead${r}`])}; let toAfter${r} = k${r} * down${r};`)}`)}
    ${four((r) => `let p${r} = ${score(0, row(r), 'ty * 4u')};${only(delta, ` let m${r} = ${score(1, row(r), 'ty * 4u')};`)}`)}
    ${four((r) => `up${r} += p${r}.${components[r]} * k${r}; down${r} += p${r}.${components[r]} * q${r};`)}
    ${pairsOfFour
      .map(([later, earlier]) => {
        const [p, m] = [`p${later}.${components[earlier]}`, `m${later}.${components[earlier]}`];
        return `{ let key = ${weighed(later, earlier, `k${earlier}`)}; up${later} += ${p} * key; ${only(delta, `upRead${later} += ${m} * key; `)}down${earlier} += ${weighed(later, earlier, `(${asked(later, [p, m])})`)}; }`;
      })
      .join('\n    ')}
    ${only(perKey, pairsOfFour.map(([later, earlier]) => `let pair${later}${earlier} = ${between(later, earlier)} * k${earlier} * (${asked(later, [`p${later}.${components[earlier]}`, `m${later}.${components[earlier]}`])});`).join('\n    '))}`;

  const states = `${four((r) => `var first${r} = vec4f(0.0); if (${inside(r)}) { first${r} = ${fromStart(r)} * read_d_q(${valueRow(plan, row(r))}, column); }`)}
    ${only(
      delta,
      four(
        (r) => `let firstRead${r} = -${fromStart(r)} * ${handed(`${C}u + ${row(r)}`)}; upRead${r} += firstRead${r};`,
      ),
    )}
    ${four((r) => `let kept${r} = ${toEnd(r)} * ${handed(row(r))};`)}
    ${four((r) => `if (${inside(r)}) { write_d_q(${valueRow(plan, row(r))}, column, up${r} + first${r}); write_d_k(${valueRow(plan, row(r))}, column, down${r} + kept${r}${only(delta, ` + upRead${r}`)}); }`)}`;

  const gatesPerKey = `${four((r) => `let start${r}s = ${asked(r, [`first${r}`, `firstRead${r}`])}; let kept${r}s = k${r} * kept${r};`)}
    workgroupBarrier();
    totals[lane] = ${four((r) => `start${r}s`, ' + ')};
    ends[lane] = ${four((r) => `kept${r}s`, ' + ')};
    workgroupBarrier();
    var gate = pairs + whole * ${handed(`${rows - 1}u`)};
    for (var j = 0u; j < ty; j++) { gate += ends[j * 16u + tx]; }
    for (var j = ty + 1u; j < ${tiles}u; j++) { gate += totals[j * 16u + tx]; }
    ${four((u) => {
      const later = [0, 1, 2, 3].filter((r) => r >= u).map((r) => `fromBefore${r} + start${r}s`);
      const earlier = [0, 1, 2, 3].filter((s) => s < u).map((s) => `toAfter${s} + kept${s}s`);
      const over = pairsOfFour.filter(([r, s]) => s < u && u <= r).map(([r, s]) => `pair${r}${s}`);
      return `if (${inside(u)}) { write_d_g(${valueRow(plan, row(u))}, column, select(vec4f(0.0), gate + ${[...later, ...earlier, ...over].join(' + ')}, log${u} > vec4f(-1e4))); }`;
    })}`;

  const sumsOfHead = `${four((r) => `startOf${r} += dot(q${r}, first${r})${only(delta, ` + dot(k${r}, firstRead${r})`)}; keptOf${r} += dot(k${r}, kept${r});`)}
    if (ty == 0u) { wholeOf += dot(vec4f(${whole}), ${handed(`${rows - 1}u`)}); }
    workgroupBarrier();`;

  const gatesOfHead = `${four((r) => `starts[(${row(r)}) * ${sumStride}u + tx] = startOf${r}; keeps[(${row(r)}) * ${sumStride}u + tx] = keptOf${r};`)}
  if (ty == 0u) { wholes[tx] = wholeOf; }
  workgroupBarrier();
  for (var r = lane; r < ${C}u; r += ${lanes}u) {
    var start = 0.0;
    var kept = 0.0;
    for (var x = 0u; x < 16u; x++) { start += starts[r * ${sumStride}u + x]; kept += keeps[r * ${sumStride}u + x]; }
    starts[r * ${sumStride}u + 16u] = start;
    keeps[r * ${sumStride}u + 16u] = kept;
  }
  workgroupBarrier();
  for (var u = lane; u < ${C}u; u += ${lanes}u) {
    var total = 0.0;
    for (var x = 0u; x < 16u; x++) { total += wholes[x]; }
    for (var r = u; r < ${C}u; r++) { total += starts[r * ${sumStride}u + 16u]; }
    for (var s = 0u; s < u; s++) { total += keeps[s * ${sumStride}u + 16u]; }
    if (t0 + u < ${T}u) {
      let at = ${valueRow(plan, 'u')};
      d_g[at] = select(0.0, d_g[at] + total, g[at] > -1e4);
    }
  }`;

  const body = `${tilePlace}
  ${only(scalar, `${fillHeadDecays(plan, lanes)}\n  ${four((r) => `var startOf${r} = 0.0; var keptOf${r} = 0.0;`, ' ')} var wholeOf = 0.0;`)}
  for (var k0 = ${scalar ? '0u' : `tile * ${tileColumns}u`}; k0 < ${scalar ? `${across * tileColumns}u` : `(tile + 1u) * ${tileColumns}u`}; k0 += ${tileColumns}u) {
    let column = k0 + tx * 4u;
    ${four((r) => `let q${r} = ${where(inside(r), `read_q(${keyRow(plan, row(r))}, column)`)}; let k${r} = ${where(inside(r), `read_k(${keyRow(plan, row(r))}, column)`)};`)}
    ${only(perKey, decaysPerKey)}
    ${zeroSums(...up, 'down')}
    ${upwards}
    ${downwards}
    ${itself}
    ${states}
    ${only(perKey, gatesPerKey)}
    ${only(scalar, sumsOfHead)}
  }
  ${only(scalar, gatesOfHead)}`;
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
${only(perKey, perKeyMemory.map((name) => `var<workgroup> ${name}: array<vec4f, ${lanes}>;`).join('\n'))}
${only(scalar, `${headDecayMemory(C)}\nvar<workgroup> starts: array<f32, ${sumStride * C}>;\nvar<workgroup> keeps: array<f32, ${sumStride * C}>;\nvar<workgroup> wholes: array<f32, 16>;`)}`,
    body,
  });
}
