import type { AnyMixer, AnyState, CachePolicy, MixerUse } from '@tessera/plugin';
import { decodingOf, runCommit, runStep, validate } from '@tessera/plugin';
import { CpuDevice, evaluate, fromHost, read, sizeOf, treeLeaves } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

const device = new CpuDevice({ precision: 'f64' });

/** Numbers in [−1, 1) times `scale`, the same for the same name. */
export function drawn(name: string, shape: readonly number[], scale = 1): Tensor {
  let state = 7;
  for (const letter of name) state = (Math.imul(state, 31) + letter.codePointAt(0)!) | 0;
  const data = Float64Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return scale * (((state ^ (state >>> 13)) >>> 0) / 2 ** 31 - 1);
  });
  return fromHost(data, shape);
}

/** A constant of doubles, `[rows, columns]` or one axis. */
export function numbers(values: readonly number[] | readonly (readonly number[])[]): Tensor {
  const rows = values.length > 0 && typeof values[0] !== 'number' ? [values.length, (values[0] as number[]).length] : [values.length]; // prettier-ignore
  return fromHost(Float64Array.from((values as number[][]).flat()), rows);
}

/** A constant of whole numbers. */
export function whole(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return fromHost(Int32Array.from(values), shape);
}

/** Elements in double precision. */
export async function values(tensor: Tensor): Promise<number[]> {
  return Array.from(await read(tensor, device));
}

/** Elements of `[1, T, D]` or `[T, D]`, row by row. */
export async function rowsOf(tensor: Tensor): Promise<number[][]> {
  const [all, width] = [await values(tensor), tensor.shape.at(-1)!];
  return Array.from({ length: all.length / width }, (_, row) => all.slice(row * width, (row + 1) * width));
}

/** The largest difference. */
export async function distance(a: Tensor, b: Tensor): Promise<number> {
  const [x, y] = await Promise.all([values(a), values(b)]);
  if (x.length !== y.length) return Infinity;
  return x.reduce((most, value, place) => {
    const off = Math.abs(value - y[place]!);
    return off <= most ? most : off;
  }, 0);
}

type Params = Readonly<Record<string, Tensor>>;

/** Learned tensors of a memory, all of them drawn. Scalars of heads are small: they are tenths. */
export function drawnParams({ mixer, config }: MixerUse, dModel: number): Params {
  const site = { config: validate<object>(mixer.config, config, 'config'), dModel, layer: 0, layers: 1 };
  const specs = Object.entries(mixer.params(site) as Record<string, { readonly shape: readonly number[] }>);
  return Object.fromEntries(
    specs.map(([name, { shape }]) => [
      name,
      drawn(name, shape, /leak|scale/.test(name) ? 0.1 : shape.length === 1 ? 1 : 2 * shape[1]! ** -0.5),
    ]),
  );
}

/** Where the rows of a call begin and end. */
export interface RowPlaces {
  readonly starts?: readonly number[];
  readonly lengths?: readonly number[];
  readonly segments?: readonly number[];
}

/** One memory in double precision, run eagerly. */
export class Layer {
  readonly mixer: AnyMixer;
  readonly config: object;
  readonly params: Params;
  readonly dModel: number;
  readonly #cache: { readonly cache?: CachePolicy };

  constructor(use: MixerUse, dModel: number, params: Params = {}, cache?: CachePolicy) {
    this.#cache = cache ? { cache } : {};
    this.mixer = use.mixer;
    this.config = validate<object>(use.mixer.config, use.config, 'config');
    this.params = { ...drawnParams(use, dModel), ...params };
    this.dModel = dModel;
  }

  /** Outputs of whole sequences `[B, T, D]`. */
  forward(x: Tensor, { starts, lengths, segments }: RowPlaces = {}): Tensor {
    const [B, T] = x.shape as [number, number];
    return this.mixer.forward({
      params: this.params,
      config: this.config,
      x,
      positions: places(B, T, 0),
      starts: whole(starts ?? Array.from({ length: B }, () => 0)),
      lengths: whole(lengths ?? Array.from({ length: B }, () => T)),
      ...(segments && { segments: whole(segments, [B, T]) }),
    }).y;
  }

  /** A state for so many entries. */
  async start(batch: number, capacity: number): Promise<AnyState> {
    const site = { config: this.config, dModel: this.dModel, layer: 0, layers: 1, ...this.#cache };
    const state = decodingOf(this.mixer).init({ ...site, params: this.params, batch, capacity, chunk: capacity });
    await evaluate(treeLeaves(state), device);
    return state;
  }

  /** One step of n entries from position `first` on; with parents, a tree. */
  async step(
    state: AnyState,
    x: Tensor,
    first: number,
    { parents, positions }: { readonly parents?: readonly number[]; readonly positions?: readonly number[] } = {},
  ): Promise<{ y: Tensor; state: AnyState }> {
    const [B, n] = x.shape as [number, number];
    const made = runStep(this.mixer, {
      params: this.params,
      config: this.config,
      x,
      positions: positions ? whole(positions, [B, n]) : places(B, n, first),
      starts: whole(Array.from({ length: B }, () => 0)),
      lengths: whole(Array.from({ length: B }, () => n)),
      state,
      ...this.#cache,
      ...(parents && { parents: whole(parents, [B, n]) }),
    });
    await evaluate([made.y, ...treeLeaves(made.state)], device);
    return made;
  }

  /** The state with only the nodes of a path kept, of one row. */
  async commit(before: AnyState, after: AnyState, inputs: Tensor, path: readonly number[]): Promise<AnyState> {
    const n = inputs.shape[1]!;
    const state = runCommit(this.mixer, {
      params: this.params,
      config: this.config,
      snapshot: before,
      state: after,
      inputs,
      positions: places(1, n, 0),
      starts: whole([0]),
      path: whole(path.length > 0 ? path : [0], [1, Math.max(path.length, 1)]),
      count: whole([path.length]),
      ...this.#cache,
    });
    await evaluate(treeLeaves(state), device);
    return state;
  }
}

function places(B: number, n: number, first: number): Tensor {
  return whole(
    Array.from({ length: B * n }, (_, place) => first + (place % n)),
    [B, n],
  );
}
