import type { Shader } from '../codegen/shader.ts';
import { wordOf } from './matmul-plan.ts';
import type { MatmulPlan, Operand } from './matmul-plan.ts';

/** Rows and columns of a result that a workgroup of 16 × 16 makes, 4 × 4 for each invocation. */
const tile = 64;
const depth = 16;
/** Vectors from one step of the inner axis to the next in workgroup memory: one more than needed, against bank conflicts. */
const stride = tile / 4 + 1;

/** Workgroups that keep a large device busy. */
const enough = 384;
/** Inner elements that are worth a workgroup of their own. */
const worthwhile = 256;

/** Parts into which the inner axis is cut, so that few tiles of long sums still keep a device busy. */
export function innerParts({ M, N, K, batches }: Pick<MatmulPlan, 'M' | 'N' | 'K' | 'batches'>): number {
  const tiles = Math.ceil(N / tile) * Math.ceil(M / tile) * batches;
  return Math.max(1, Math.min(16, Math.floor(enough / Math.max(1, tiles)), Math.floor(K / worthwhile)));
}

/**
 * Products by tiles: a strip of each operand is brought into workgroup memory and used sixteen times over.
 * @param parts - of the inner axis, of which each is written by itself as `part`
 */
export function tilesShader(plan: MatmulPlan, parts = 1): Shader {
  const { M, N, K, batches, a, bs } = plan;
  const [across, down] = [Math.ceil(N / tile), Math.ceil(M / tile)];
  const perPart = Math.ceil(K / parts / depth) * depth;
  const left = strip(a, { array: 'left', origin: 'm0', extent: M, K, along: a.column, other: a.row });
  const right = strip(bs[0]!, { array: 'right0', origin: 'n0', extent: N, K, along: bs[0]!.row, other: bs[0]!.column });
  const rights = bs.map((b, p) =>
    strip(b, { array: `right${p}`, origin: 'n0', extent: N, K, along: b.row, other: b.column }, right.quads),
  );
  const rows = [0, 1, 2, 3];
  const body = `let part = number / ${across * down * batches}u;
  let own_tile = number % ${across * down * batches}u;
  let batch = min(own_tile / ${across * down}u, ${batches - 1}u);
  let rest = own_tile % ${across * down}u;
  let m0 = (rest / ${across}u) * ${tile}u;
  let n0 = (rest % ${across}u) * ${tile}u;
  let row = lane / 16u;
  let column = lane % 16u;
  ${plan.starts}
  ${bs.map((_, p) => rows.map((r) => `var acc${p}_${r}: vec4f;`).join(' ')).join(' ')}
  ${parts > 1 ? `let end = min((part + 1u) * ${perPart}u, ${K}u);` : ''}
  for (var k0 = ${parts > 1 ? `part * ${perPart}u` : '0u'}; k0 < ${parts > 1 ? 'end' : `${K}u`}; k0 += ${depth}u) {
    ${left.load}
    ${rights.map(({ load }) => load).join('\n    ')}
    workgroupBarrier();
    for (var k = 0u; k < ${depth}u; k++) {
      let x = left[k * ${stride}u + row];
      ${bs
        .map(
          (_, p) =>
            `{ let w = right${p}[k * ${stride}u + column]; ${rows.map((r) => `acc${p}_${r} = fma(vec4f(x[${r}]), w, acc${p}_${r});`).join(' ')} }`,
        )
        .join('\n      ')}
    }
    workgroupBarrier();
  }
  if (part >= ${parts}u) { return; }
  ${bs.map((_, p) => `var sums${p} = array<vec4f, 4>(${rows.map((r) => `acc${p}_${r}`).join(', ')});`).join(' ')}
  for (var r = 0u; r < 4u; r++) {
    for (var c = 0u; c < 4u; c++) {
      let m = m0 + row * 4u + r;
      let n = n0 + column * 4u + c;
      if (m < ${M}u && n < ${N}u) ${plan.write(
        `(batch * ${M}u + m) * ${N}u + n`,
        bs.map((_, p) => `sums${p}[r][c]`),
      )}
    }
  }`;
  return plan.shader(
    left.quads && right.quads ? 'tiles' : 'tiles, element by element',
    { a: left.element, b: right.element },
    {
      workgroup: 256,
      workgroups: across * down * batches * parts,
      shared: Object.fromEntries(
        ['left', ...bs.map((_, p) => `right${p}`)].map((name) => [name, `array<vec4f, ${stride * depth}>`]),
      ),
      body,
    },
  );
}

interface Strip {
  readonly array: string;
  readonly origin: string;
  readonly extent: number;
  readonly K: number;
  /** Stride along the inner axis, and along the other. */
  readonly along: number;
  readonly other: number;
}

/**
 * WGSL that brings a strip, 64 by 16, into workgroup memory: each of 256 invocations four elements that lie together,
 * by one load where they are aligned.
 */
function strip(
  operand: Operand,
  { array, origin, extent, K, along, other }: Strip,
  quadsAllowed = true,
): { load: string; element: string; quads: boolean } {
  const inward = along <= other;
  const [unit, across] = inward ? [along, other] : [other, along];
  const aligned = [across, operand.offset, operand.batchAlignment].every((value) => value % 4 === 0);
  const quads = quadsAllowed && unit === 1 && aligned && (inward ? K : extent) % 4 === 0;
  const place = inward
    ? 'let r = lane / 4u; let k = (lane % 4u) * 4u;'
    : `let r = (lane % ${tile / 4}u) * 4u; let k = lane / ${tile / 4}u;`;
  const whole = extent % tile === 0 && K % depth === 0;
  const at = (j: number): [string, string] =>
    inward ? [`${origin} + r`, `k0 + k + ${j}u`] : [`${origin} + r + ${j}u`, 'k0 + k'];
  const index = (j: number): string => {
    const [outer, inner] = at(j);
    return whole
      ? `${operand.start} + (${outer}) * ${other}u + (${inner}) * ${along}u`
      : `${operand.start} + min(${outer}, ${extent - 1}u) * ${other}u + min(${inner}, ${Math.max(K, 1) - 1}u) * ${along}u`;
  };
  const inside = (j: number): string => {
    const [outer, inner] = at(j);
    return `${outer} < ${extent}u && ${inner} < ${K}u`;
  };
  let code: string;
  if (quads) {
    // A quad lies inside as a whole or not at all.
    const read = quadOf(operand, `(${indexOfQuad(index(0), whole)}) / 4u`);
    code = whole ? read : `select(vec4f(0.0), ${read}, ${inside(0)})`;
  } else {
    const one = (j: number): string =>
      whole ? operand.read(index(j)) : `select(0.0, ${operand.read(index(j))}, ${inside(j)})`;
    code = `vec4f(${[0, 1, 2, 3].map(one).join(', ')})`;
  }
  const store = inward
    ? `for (var j = 0u; j < 4u; j++) { ${array}[(k + j) * ${stride}u + r / 4u][r % 4u] = x[j]; }`
    : `${array}[k * ${stride}u + r / 4u] = x;`;
  return {
    load: `{ ${place} let x = ${code}; ${store} }`,
    element: quads ? (operand.dtype === 'f32' ? 'vec4f' : 'vec2u') : wordOf(operand),
    quads,
  };
}

/** Clamping to the last element must not move a quad off its place: where that could happen it is not used. */
function indexOfQuad(index: string, whole: boolean): string {
  return whole ? index : `(${index}) & 0xfffffffcu`;
}

/** Four elements by one load. */
function quadOf({ name, dtype }: Operand, index: string): string {
  const word = `${name}[${index}]`;
  if (dtype === 'f32') return word;
  if (dtype === 'f16') return `halves(${word})`;
  return `brain_halves(${word})`;
}
