import type { AnyMixer, MixerUse } from '@tessera/plugin';
import { decodingOf, runCommit, runStep, validate } from '@tessera/plugin';
import { CpuDevice, evaluate, fromHost, read, sizeOf, treeLeaves } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { RowCache } from './cache/row-cache.ts';

const device = new CpuDevice({ precision: 'f64' });

/** Numbers in [−1, 1) that are the same for the same name. */
export function drawn(name: string, shape: readonly number[], scale = 1): Tensor {
  let state = 7;
  for (const letter of name) state = (Math.imul(state, 31) + letter.codePointAt(0)!) | 0;
  const data = Float64Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return scale * (((state ^ (state >>> 13)) >>> 0) / 2 ** 31 - 1);
  });
  return fromHost(data, shape);
}

/** A constant of whole numbers. */
export function whole(values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  return fromHost(Int32Array.from(values), shape);
}

/** Elements in double precision. */
export async function values(tensor: Tensor): Promise<number[]> {
  return Array.from(await read(tensor, device));
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

/** Learned tensors of a mixer, all of them drawn: no term hides behind a zero or a one. */
export function drawnParams({ mixer, config }: MixerUse, dModel: number): Record<string, Tensor> {
  const site = { config: validate<object>(mixer.config, config, 'config'), dModel, layer: 0, layers: 1 };
  const specs = Object.entries(mixer.params(site) as Record<string, { readonly shape: readonly number[] }>);
  return Object.fromEntries(
    specs.map(([name, { shape }]) => [name, drawn(name, shape, shape.length === 1 ? 1 : shape[1]! ** -0.5 * 2)]),
  );
}

/** A step of a {@link Layer}. */
export interface LayerStep {
  readonly y: Tensor;
  readonly state: RowCache;
}

/** One mixer in double precision, run eagerly. */
export class Layer {
  readonly mixer: AnyMixer;
  readonly config: object;
  readonly params: Readonly<Record<string, Tensor>>;
  readonly dModel: number;

  constructor(use: MixerUse, dModel: number, params: Readonly<Record<string, Tensor>> = drawnParams(use, dModel)) {
    this.mixer = use.mixer;
    this.config = validate<object>(use.mixer.config, use.config, 'config');
    this.params = params;
    this.dModel = dModel;
  }

  /** Outputs of whole sequences `[B, T, D]` that begin at a position. */
  forward(x: Tensor, first = 0): Tensor {
    const [B, T] = x.shape as [number, number];
    return this.mixer.forward({
      params: this.params,
      config: this.config,
      x,
      positions: places(B, T, first),
      starts: whole(Array.from({ length: B }, () => 0)),
      lengths: whole(Array.from({ length: B }, () => T)),
    }).y;
  }

  /** A state for so many slots. */
  async start(batch: number, capacity: number): Promise<RowCache> {
    const site = { config: this.config, dModel: this.dModel, layer: 0, layers: 1 };
    const state = decodingOf(this.mixer).init({ ...site, params: this.params, batch, capacity, chunk: capacity });
    await evaluate(treeLeaves(state), device);
    return state as unknown as RowCache;
  }

  /** One step of n positions from `first` on, of all rows alike; with parents, a tree. */
  async step(
    state: RowCache,
    x: Tensor,
    first: number,
    { parents, positions }: { readonly parents?: readonly number[]; readonly positions?: readonly number[] } = {},
  ): Promise<LayerStep> {
    const [B, n] = x.shape as [number, number];
    const made = runStep(this.mixer, {
      params: this.params,
      config: this.config,
      x,
      positions: positions ? whole(positions, [B, n]) : places(B, n, first),
      starts: whole(Array.from({ length: B }, () => 0)),
      lengths: whole(Array.from({ length: B }, () => n)),
      state: state as never,
      ...(parents && { parents: whole(parents, [B, n]) }),
    });
    await evaluate([made.y, ...treeLeaves(made.state)], device);
    return { y: made.y, state: made.state as unknown as RowCache };
  }

  /** The state with only the nodes of a path kept, of one row. */
  async commit(before: RowCache, after: RowCache, inputs: Tensor, path: readonly number[]): Promise<RowCache> {
    const n = inputs.shape[1]!;
    const state = runCommit(this.mixer, {
      params: this.params,
      config: this.config,
      snapshot: before as never,
      state: after as never,
      inputs,
      positions: places(1, n, 0),
      starts: whole([0]),
      path: whole(path, [1, path.length]),
      count: whole([path.length]),
    });
    await evaluate(treeLeaves(state), device);
    return state as unknown as RowCache;
  }
}

function places(B: number, n: number, first: number): Tensor {
  return whole(
    Array.from({ length: B * n }, (_, place) => first + (place % n)),
    [B, n],
  );
}
