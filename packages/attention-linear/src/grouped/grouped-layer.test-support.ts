import type { AnyMixer, AnyState, ParamSpec } from '@tessera/plugin';
import { decodingOf, runCommit, runStep, validate } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import {
  CpuDevice,
  fromHost,
  iota,
  mapTree,
  randomKey,
  randomNormal,
  read,
  sizeOf,
  treeLeaves,
  zeros,
} from '@tessera/tensor-core';

/** Double precision, fresh memory full of NaN. */
const device: CpuDevice = new CpuDevice({ precision: 'f64', poison: true });

/** Normal numbers that are the same for the same seed. */
export async function normals(seed: number, shape: readonly number[]): Promise<Float64Array> {
  return (await read(randomNormal(randomKey(seed), shape), device)) as Float64Array;
}

/** Ancestors of a node of a tree. */
function depthOf(parents: readonly number[], node: number): number {
  return parents[node]! < 0 ? 0 : 1 + depthOf(parents, parents[node]!);
}

/** A layer with drawn weights, run eagerly over one row: values in, values out. */
export class Layer {
  readonly mixer: AnyMixer;
  readonly config: object;
  readonly params: Readonly<Record<string, Tensor>>;
  readonly D: number;
  readonly device: Device;

  private constructor(
    mixer: AnyMixer,
    config: object,
    params: Readonly<Record<string, Tensor>>,
    D: number,
    on: Device,
  ) {
    this.device = on;
    this.mixer = mixer;
    this.config = config;
    this.params = params;
    this.D = D;
  }

  static async draw(mixer: AnyMixer, given: object, D: number, on: Device = device): Promise<Layer> {
    const config = validate<object>(mixer.config, given, 'config');
    const specs = Object.entries(mixer.params({ config, dModel: D, layer: 0, layers: 1 })) as [string, ParamSpec][];
    const drawn = await Promise.all(
      specs.map(async ([name, { shape }], index) => [name, fromHost(await normals(index + 1, shape), shape)] as const),
    );
    return new Layer(mixer, config, Object.fromEntries(drawn), D, on);
  }

  /** Whole sequences, `x [T · D]` → `[T · D]`. */
  forward(x: Float64Array): Promise<Float64Array> {
    return this.read(this.record(fromHost(x, [1, x.length / this.D, this.D])));
  }

  /** The same as a recorded tensor, `[B, T, D]`. */
  record(x: Tensor, params: Readonly<Record<string, Tensor>> = this.params): Tensor {
    const [B, T] = x.shape as [number, number];
    return this.mixer.forward({ params, config: this.config, x, ...this.chain(B, T, 0) }).y;
  }

  start(): AnyState {
    const site = { config: this.config, dModel: this.D, layer: 0, layers: 1, batch: 1, capacity: 1000, chunk: 64 };
    return decodingOf(this.mixer).init({ ...site, params: this.params });
  }

  /** One step over `x [n · D]` at `position`. */
  async step(
    state: AnyState,
    x: Float64Array,
    position: number,
    parents?: readonly number[],
  ): Promise<{ y: Float64Array; state: AnyState }> {
    const n = x.length / this.D;
    const call = this.chain(1, n, position);
    const positions = Int32Array.from({ length: n }, (_, i) => position + (parents ? depthOf(parents, i) : i));
    const made = runStep(this.mixer, {
      ...call,
      params: this.params,
      config: this.config,
      x: fromHost(x, [1, n, this.D]),
      positions: fromHost(positions, [1, n]),
      state,
      ...(parents && { parents: fromHost(Int32Array.from(parents), [1, n]) }),
    });
    return { y: await this.read(made.y), state: await this.settle(made.state) };
  }

  /** Of a step over `inputs` only the nodes on the path stay; `parents`: of a tree. */
  commit(
    step: { snapshot: AnyState; state: AnyState },
    inputs: Float64Array,
    position: number,
    path: readonly number[],
    parents?: readonly number[],
  ): Promise<AnyState> {
    const n = inputs.length / this.D;
    return this.settle(
      runCommit(this.mixer, {
        ...step,
        params: this.params,
        config: this.config,
        inputs: fromHost(inputs, [1, n, this.D]),
        positions: fromHost(
          Int32Array.from({ length: n }, (_, i) => position + (parents ? depthOf(parents, i) : i)),
          [1, n],
        ),
        starts: zeros([1], 'i32'),
        path: fromHost(Int32Array.from([...path, 0]), [1, path.length + 1]),
        count: fromHost(Int32Array.of(path.length), [1]),
      }),
    );
  }

  /** Bytes of a state in f32. */
  bytes(state: AnyState): number {
    return treeLeaves(state).reduce((total, { shape }) => total + 4 * sizeOf(shape), 0);
  }

  async read(tensor: Tensor): Promise<Float64Array> {
    return (await read(tensor, this.device)) as Float64Array;
  }

  /** The state as numbers, so that no graph grows from step to step. */
  private async settle(state: AnyState): Promise<AnyState> {
    const values = await Promise.all(
      treeLeaves(state).map(async (leaf) => fromHost(await this.read(leaf), leaf.shape)),
    );
    let next = 0;
    return mapTree(state, () => values[next++]!);
  }

  private chain(B: number, n: number, first: number): { positions: Tensor; starts: Tensor; lengths: Tensor } {
    const positions = Int32Array.from({ length: B * n }, (_, i) => first + (i % n));
    return {
      positions: n === 0 ? iota([B, 0], 1) : fromHost(positions, [B, n]),
      starts: zeros([B], 'i32'),
      lengths: fromHost(new Int32Array(B).fill(n), [B]),
    };
  }
}
