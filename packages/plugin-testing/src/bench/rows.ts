import type { Tensor } from '@tessera/tensor-core';
import { fromHost } from '@tessera/tensor-core';
import { Draw } from './draw.ts';

/** One entry of a sequence: the layer's input, and one row of each link that is read by position. */
export interface Token {
  /** `[D]` */
  readonly x: Float32Array;
  readonly links: Readonly<Record<string, Float32Array>>;
}

/** What one row of a batch is given. */
export interface Row {
  readonly tokens: readonly Token[];
  /** Entries of padding before the tokens. @defaultValue 0 */
  readonly start?: number;
  /** Position of the first token. @defaultValue 0 */
  readonly first?: number;
  /** Position of each token. @defaultValue first, first + 1, … */
  readonly positions?: readonly number[];
  /** Document of each token. */
  readonly segments?: readonly number[];
  /** Parent of each token by its number among the tokens, −1 for none. */
  readonly parents?: readonly number[];
  /** Which of the kit's contexts the row looks at. @defaultValue number of the row */
  readonly identity?: number;
}

/** The tensors of a call that describe entries, on the host. */
export interface Entries {
  readonly x: Tensor;
  readonly positions: Tensor;
  readonly starts: Tensor;
  readonly lengths: Tensor;
  readonly segments?: Tensor;
  readonly parents?: Tensor;
  readonly links?: Readonly<Record<string, Tensor>>;
}

/** How rows are laid into a call. */
export interface PackOptions {
  readonly dModel: number;
  /** Entries of each row, padding included. */
  readonly n: number;
  /** Shape of one position of each link. */
  readonly links: Readonly<Record<string, readonly number[]>>;
  /** Whatever stands in padding is drawn from this: a layer must not read it. */
  readonly garbage: number;
}

/** Rows as the tensors of a call. Padding holds garbage of moderate size. */
export function packRows(rows: readonly Row[], { dModel, n, links, garbage }: PackOptions): Entries {
  const draw = new Draw(garbage, 'garbage');
  const B = rows.length;
  const fill = (width: number, of: (token: Token) => Float32Array): Float32Array => {
    const data = draw.normals(B * n * width, 30);
    rows.forEach(({ tokens, start = 0 }, b) =>
      tokens.forEach((token, i) => data.set(of(token), (b * n + start + i) * width)),
    );
    return data;
  };
  const whole = (low: number, high: number, of: (row: Row, i: number) => number): Tensor => {
    const data = Int32Array.from({ length: B * n }, () => draw.integer(low, high));
    rows.forEach((row, b) => row.tokens.forEach((_, i) => (data[b * n + (row.start ?? 0) + i] = of(row, i))));
    return fromHost(data, [B, n]);
  };
  const perRow = (of: (row: Row) => number): Tensor => fromHost(Int32Array.from(rows, of), [B]);
  return {
    x: fromHost(
      fill(dModel, (token) => token.x),
      [B, n, dModel],
    ),
    positions: whole(0, 40, ({ positions, first = 0 }, i) => positions?.[i] ?? first + i),
    starts: perRow(({ start = 0 }) => start),
    lengths: perRow(({ tokens }) => tokens.length),
    ...(rows.some((row) => row.segments) && { segments: whole(0, 3, ({ segments }, i) => segments?.[i] ?? 0) }),
    ...(rows.some((row) => row.parents) && {
      parents: whole(-1, n - 1, ({ parents, start = 0 }, i) => {
        const parent = parents?.[i] ?? i - 1;
        return parent < 0 ? -1 : parent + start;
      }),
    }),
    ...(Object.keys(links).length > 0 && {
      links: Object.fromEntries(
        Object.entries(links).map(([name, shape]) => {
          const width = shape.reduce((size, extent) => size * extent, 1);
          const data = fill(width, (token) => token.links[name]!);
          return [name, fromHost(data, [B, n, ...shape])];
        }),
      ),
    }),
  };
}

/** Values of each token of each row. */
export type RowValues = readonly (readonly ArrayLike<number>[])[];

/** The values of the tokens out of `[B, n, width]`, without the padding. */
export function unpackRows(
  data: Float32Array | Float64Array,
  rows: readonly Row[],
  { n, dModel }: { readonly n: number; readonly dModel: number },
): RowValues {
  return rows.map(({ tokens, start = 0 }, b) =>
    tokens.map((_, i) => {
      const from = (b * n + start + i) * dModel;
      return data.subarray(from, from + dModel);
    }),
  );
}
