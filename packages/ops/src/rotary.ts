import type { CpuKernel, Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  add,
  apply1,
  at,
  concat,
  expandDims,
  fromHost,
  gather,
  mul,
  reshape,
  sameShape,
  shiftRight,
  showShape,
  slice,
  stack,
  sub,
  and,
} from '@tessera/tensor-core';

/** Positions below this have exact tables. */
export const maximumPosition: number = 2 ** 30;

const rowBits = 10;
const rows = 2 ** rowBits;

/**
 * Cosines and sines from which those of any position below {@link maximumPosition} follow by two addition theorems:
 * position = 1024² · row of `top` + 1024 · row of `high` + row of `low`. Computed on the host in float64, since sin and cos of a GPU are not
 * good enough. Each is `[1024, pairs, 2]`: cosine, sine.
 */
export interface RotaryTables {
  readonly top: Tensor;
  readonly high: Tensor;
  readonly low: Tensor;
}

const tables = new Map<string, RotaryTables>();
const keptTables = 32;

/** Tables for the given frequencies (radians a position). Equal frequencies give the same tensors. */
export function rotaryTables(frequencies: Float64Array): RotaryTables {
  const key = frequencies.join();
  const known = tables.get(key);
  if (known) return known;
  const table = (step: number): Tensor => {
    const values = new Float64Array(rows * frequencies.length * 2);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < frequencies.length; i++) {
        const angle = row * step * frequencies[i]!;
        values[(row * frequencies.length + i) * 2] = Math.cos(angle);
        values[(row * frequencies.length + i) * 2 + 1] = Math.sin(angle);
      }
    return fromHost(values, [rows, frequencies.length, 2]);
  };
  const made = { top: table(rows * rows), high: table(rows), low: table(1) };
  if (tables.size >= keptTables) tables.delete(tables.keys().next().value!);
  tables.set(key, made);
  return made;
}

/** Cosine and sine of angles. */
interface Angle {
  readonly cos: Tensor;
  readonly sin: Tensor;
}

/** The addition theorems. */
function sumOf(a: Angle, b: Angle): Angle {
  return {
    cos: sub(mul(a.cos, b.cos), mul(a.sin, b.sin)),
    sin: add(mul(a.sin, b.cos), mul(a.cos, b.sin)),
  };
}

/** Cosine and sine of each position's angles, `positions [B, n]` (i32) → `[B, n, pairs]` each, times `scale`. */
export function rotaryAngles(
  { top, high, low }: RotaryTables,
  positions: Tensor,
  scale = 1,
): { cos: Tensor; sin: Tensor } {
  const rowOf = (table: Tensor, row: Tensor): Angle => {
    const found = gather(table, row);
    return { cos: at(found, -1, 0), sin: at(found, -1, 1) };
  };
  const far = rowOf(top, shiftRight(positions, 2 * rowBits));
  const middle = rowOf(high, and(shiftRight(positions, rowBits), rows - 1));
  const near = rowOf(low, and(positions, rows - 1));
  // Where the far part is 0, its cosine and sine are 1 and 0, and nothing is rounded.
  const { cos, sin } = sumOf(sumOf(far, middle), near);
  const scaled = (x: Tensor): Tensor => (scale === 1 ? x : mul(x, scale));
  return { cos: scaled(cos), sin: scaled(sin) };
}

/** Which elements form a pair: i and i + pairs (`half`), or 2i and 2i + 1 (`interleaved`). */
export type RotaryOrder = 'half' | 'interleaved';

/** Attributes of {@link rotaryOp}. */
export interface RotaryAttributes {
  readonly order: RotaryOrder;
}

const kernel: CpuKernel<RotaryAttributes> = {
  backend: 'cpu',
  name: 'loops',
  run({ inputs: [x, cos, sin], outputs: [y], attributes: { order } }) {
    const [B, n, H, D] = x!.shape as [number, number, number, number];
    const pairs = cos!.shape[2]!;
    const [stride, gap] = order === 'half' ? [1, pairs] : [2, 1];
    for (let row = 0; row < B * n; row++)
      for (let h = 0; h < H; h++) {
        const to = (row * H + h) * D;
        const from = x!.offset + to;
        for (let i = 0; i < pairs; i++) {
          const c = cos!.data[cos!.offset + row * pairs + i]!;
          const s = sin!.data[sin!.offset + row * pairs + i]!;
          const a = x!.data[from + i * stride]!;
          const b = x!.data[from + i * stride + gap]!;
          y!.data[to + i * stride] = a * c - b * s;
          y!.data[to + i * stride + gap] = b * c + a * s;
        }
        for (let i = 2 * pairs; i < D; i++) y!.data[to + i] = x!.data[from + i]!;
      }
  },
};

/** Op: rotates the first `2 · pairs` elements of each head. `x [B, n, H, D]`, `cos`, `sin [B, n, pairs]`. */
export const rotaryOp: Op<RotaryAttributes> = {
  id: '@tessera/ops:rotary',
  infer([x, cos, sin]) {
    const pairs = cos!.shape[2]!;
    const angles = [...x!.shape.slice(0, 2), pairs];
    const fits = x!.shape.length === 4 && sameShape(cos!.shape, angles) && sameShape(sin!.shape, angles);
    if (!fits || 2 * pairs > x!.shape[3]!)
      throw new ShapeError(
        `rotary: x is ${showShape(x!.shape)} and the angles are ${showShape(cos!.shape)} and ${showShape(sin!.shape)}, expected [B, n, heads, headDim] and twice [B, n, pairs] with 2 · pairs ≤ headDim.`,
      );
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  definition([x, cos, sin], { order }) {
    const pairs = cos!.shape[2]!;
    const [c, s] = [expandDims(cos!, 2), expandDims(sin!, 2)];
    const turned = slice(x!, -1, 0, 2 * pairs);
    const paired =
      order === 'half'
        ? reshape(turned, [...x!.shape.slice(0, 3), 2, pairs])
        : reshape(turned, [...x!.shape.slice(0, 3), pairs, 2]);
    const axis = order === 'half' ? -2 : -1;
    const [a, b] = [at(paired, axis, 0), at(paired, axis, 1)];
    const both = stack([sub(mul(a, c), mul(b, s)), add(mul(b, c), mul(a, s))], order === 'half' ? 3 : 4);
    return [concat([reshape(both, turned.shape), slice(x!, -1, 2 * pairs)], 3)];
  },
  kernels: [kernel],
};

/**
 * Rotary position embedding: turns each pair of elements by its position's angle.
 * @see Su et al. 2021, arXiv:2104.09864, eq. 15.
 */
export function rotary(
  x: Tensor,
  { cos, sin }: { readonly cos: Tensor; readonly sin: Tensor },
  order: RotaryOrder = 'half',
): Tensor {
  return apply1(rotaryOp, [x, cos, sin], { order });
}
