import type { AnyMixer, AnyState, CachePolicy, MixerUse } from '@tessera/plugin';
import { decodingOf, runCommit, validate } from '@tessera/plugin';
import type { Device, Program, Tensor, TensorType } from '@tessera/tensor-core';
import {
  CpuDevice,
  disposeTree,
  evaluate,
  fillTree,
  fromHost,
  read,
  sizeOf,
  trace,
  treeLeaves,
} from '@tessera/tensor-core';

/** Numbers in [−1, 1) that are the same for the same seed. */
export function numbers(count: number, seed: number): Float64Array {
  let state = (seed * 7919 + 17) % 2_147_483_647;
  return Float64Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return (2 * state) / 2_147_483_647 - 1;
  });
}

/** What the layer reads of token `t` of a stream, `[D]`. */
export type TokenAt = (t: number) => Float64Array;

/** One mixer that reads a stream of one row by steps of any length. */
export class LayerStream {
  readonly dModel: number;
  readonly #mixer: AnyMixer;
  readonly #config: object;
  readonly #policy: CachePolicy | undefined;
  readonly #chunk: number;
  readonly #device: Device;
  readonly #specs: readonly (readonly [string, { readonly shape: readonly number[] }])[];
  readonly #programs = new Map<number, Program>();
  #leaves: readonly Tensor[] = [];
  /** Number of the next token. */
  at = 0;

  constructor(
    { mixer, config }: MixerUse,
    policy: CachePolicy | undefined,
    { dModel = 8, chunk = 1, device = new CpuDevice() }: { dModel?: number; chunk?: number; device?: Device } = {},
  ) {
    this.dModel = dModel;
    this.#mixer = mixer;
    this.#config = validate<object>(mixer.config, config, 'config');
    this.#policy = policy;
    this.#chunk = chunk;
    this.#device = device;
    this.#specs = Object.entries(mixer.params(this.#site) as Record<string, { readonly shape: readonly number[] }>);
  }

  /** Bytes of the state as it lies on the device. */
  get bytes(): number {
    return this.#leaves.reduce(
      (sum, { source }) => sum + (source.kind === 'resident' ? source.storage.bytes : Number.NaN),
      0,
    );
  }

  /** Reads the next `n` tokens in one step: the output of each, `[n][D]`. */
  async step(token: TokenAt, n = 1): Promise<Float64Array[]> {
    if (this.#leaves.length === 0) {
      const start = await this.#device.compile(trace(() => treeLeaves(this.#first()), []));
      this.#leaves = start.run([]);
    }
    const program = await this.#program(n);
    const x = Array.from({ length: n }, (_, i) => [...token(this.at + i)]).flat();
    const places = Int32Array.from({ length: n }, (_, i) => this.at + i);
    const inputs = [
      fromHost(Float32Array.from(x), [1, n, this.dModel]),
      fromHost(places, [1, n]),
      fromHost(Int32Array.of(0), [1]),
      fromHost(Int32Array.of(n), [1]),
    ];
    const [y, ...state] = program.run([...inputs, ...this.#leaves]);
    this.#leaves = state;
    this.at += n;
    const values = Float64Array.from((await this.#device.read(y!)) as Float32Array);
    y!.dispose();
    return Array.from({ length: n }, (_, i) => values.slice(i * this.dModel, (i + 1) * this.dModel));
  }

  /** Reads tokens by steps of the given sizes. */
  async through(token: TokenAt, sizes: readonly number[]): Promise<Float64Array[]> {
    const y: Float64Array[] = [];
    for (const size of sizes) y.push(...(await this.step(token, size)));
    return y;
  }

  /** Reads `n` drafted tokens in one step and keeps the first `accepted` of them. */
  async draft(token: TokenAt, n: number, accepted: number): Promise<void> {
    const [snapshot, before] = [this.state, this.at];
    await this.step(token, n);
    const row = (...values: number[]): Tensor => fromHost(Int32Array.from(values), [1]);
    const state = runCommit(this.#mixer, {
      params: this.#params((values, shape) => fromHost(values, shape)),
      config: this.#config,
      snapshot: snapshot as unknown as AnyState,
      state: this.state as unknown as AnyState,
      inputs: fromHost(new Float32Array(n * this.dModel), [1, n, this.dModel]),
      positions: fromHost(
        Int32Array.from({ length: n }, (_, i) => before + i),
        [1, n],
      ),
      starts: row(0),
      path: fromHost(
        Int32Array.from({ length: n }, (_, i) => i),
        [1, n],
      ),
      count: row(accepted),
      ...(this.#policy && { cache: this.#policy }),
    });
    await evaluate(treeLeaves(state), this.#device);
    this.#leaves = treeLeaves(state);
    this.at = before + accepted;
  }

  /**
   * Reads rows of a batch in one step of n entries, each from its start on and padded with noise before it, and then one more token of
   * each: the outputs of each row, padding left out. Has nothing to do with what the stream itself has read.
   */
  async padded(rows: readonly { readonly token: TokenAt; readonly start: number }[], n: number): Promise<Float64Array[][]> {
    const [B, D] = [rows.length, this.dModel];
    const whole = (values: readonly number[], shape: readonly number[]): Tensor => fromHost(Int32Array.from(values), shape);
    const made: Float64Array[][] = rows.map(() => []);
    let state = this.#first(B);
    for (const [first, length] of [[0, n], [n, 1]] as const) {
      const starts = rows.map(({ start }) => Math.max(0, start - first));
      const tokenAt = ({ token, start }: { token: TokenAt; start: number }, i: number): Float64Array =>
        first + i < start ? numbers(D, 1000 + i).map((value) => 100 * value) : token(first + i - start);
      const x = rows.flatMap((row) => Array.from({ length }, (_, i) => [...tokenAt(row, i)]).flat());
      const step = decodingOf(this.#mixer).step({
        params: this.#params((values, shape) => fromHost(values, shape)),
        config: this.#config,
        x: fromHost(Float32Array.from(x), [B, length, D]),
        positions: whole(rows.flatMap(({ start }) => Array.from({ length }, (_, i) => first + i - start)), [B, length]),
        starts: whole(starts, [B]),
        lengths: whole(starts.map((start) => length - start), [B]),
        state,
        ...(this.#policy && { cache: this.#policy }),
      });
      await evaluate([step.y, ...treeLeaves(step.state)], this.#device);
      const values = Float64Array.from(await read(step.y, this.#device));
      rows.forEach((_, b) => {
        for (let i = starts[b]!; i < length; i++) made[b]!.push(values.slice((b * length + i) * D, (b * length + i + 1) * D));
      });
      ({ state } = step);
    }
    return made;
  } // prettier-ignore

  /** The state, to look at. */
  get state(): Readonly<Record<string, Tensor>> {
    return fillTree(this.#first(), this.#leaves) as unknown as Readonly<Record<string, Tensor>>;
  }

  /** Goes on as if so many tokens had come since, all of which were evicted again. */
  async skipTo(token: number): Promise<void> {
    const state = this.state;
    const later = { ...state, count: fromHost(Int32Array.of(token), [1]) };
    this.#leaves = treeLeaves(later as unknown as AnyState);
    this.at = token;
  }

  /**
   * Output of the last of the kept tokens, computed afresh: the tokens alone, at positions 0 … m − 1, through ordinary causal
   * attention over whole sequences, in double precision.
   */
  async afresh(token: TokenAt, kept: readonly number[]): Promise<Float64Array> {
    const m = kept.length;
    const { y } = this.#mixer.forward({
      params: this.#params((values, shape) => fromHost(values, shape)),
      config: this.#config,
      x: fromHost(Float64Array.from(kept.flatMap((t) => [...token(t)])), [1, m, this.dModel]),
      positions: fromHost(
        Int32Array.from({ length: m }, (_, i) => i),
        [1, m],
      ),
      starts: fromHost(Int32Array.of(0), [1]),
      lengths: fromHost(Int32Array.of(m), [1]),
    });
    const values = await read(y, new CpuDevice({ precision: 'f64' }));
    return Float64Array.from(values.slice(-this.dModel));
  }

  /** Frees state and programs. */
  dispose(): void {
    disposeTree(this.#leaves.filter(({ source }) => source.kind === 'resident'));
    for (const program of this.#programs.values()) program.dispose();
  }

  get #site(): { config: never; dModel: number; layer: number; layers: number } {
    return { config: this.#config as never, dModel: this.dModel, layer: 0, layers: 1 };
  }

  #params(make: (values: Float64Array, shape: readonly number[], index: number) => Tensor): Record<string, Tensor> {
    return Object.fromEntries(
      this.#specs.map(([name, { shape }], index) => {
        const scale = shape.length > 1 ? 2 * shape[1]! ** -0.5 : 1;
        return [
          name,
          make(
            numbers(sizeOf(shape), index + 3).map((value) => Math.fround(scale * value)),
            shape,
            index,
          ),
        ];
      }),
    );
  }

  #first(batch = 1): AnyState {
    const size = { batch, capacity: 4096, chunk: this.#chunk, ...(this.#policy && { cache: this.#policy }) };
    return decodingOf(this.#mixer).init({ ...this.#site, ...size, params: {} });
  }

  async #program(n: number): Promise<Program> {
    const known = this.#programs.get(n);
    if (known) return known;
    const first = this.#first();
    const leaves = treeLeaves(first);
    const type = (shape: readonly number[], dtype: TensorType['dtype']): TensorType => ({ shape, dtype });
    const graph = trace(
      (x, positions, starts, lengths, ...state) => {
        const made = decodingOf(this.#mixer).step({
          params: this.#params((values, shape) => fromHost(values, shape)),
          config: this.#config,
          x: x!,
          positions: positions!,
          starts: starts!,
          lengths: lengths!,
          state: fillTree(first, state),
          ...(this.#policy && { cache: this.#policy }),
        });
        return [made.y, ...treeLeaves(made.state)];
      },
      [
        type([1, n, this.dModel], 'f32'),
        type([1, n], 'i32'),
        type([1], 'i32'),
        type([1], 'i32'),
        ...leaves.map(({ shape, dtype }) => type(shape, dtype)),
      ],
    );
    const program = await this.#device.compile(graph);
    this.#programs.set(n, program);
    return program;
  }
}

/** Tokens that are kept at token `t`, itself among them. */
export function keptAt(t: number, sinks: number, window: number): number[] {
  const first = Math.max(Math.min(sinks, t + 1), t - window + 1);
  return [
    ...Array.from({ length: Math.min(sinks, t + 1) }, (_, i) => i),
    ...Array.from({ length: Math.max(0, t - first + 1) }, (_, i) => first + i),
  ];
}

/** A stream of drawn tokens of width D. */
export function drawnStream(D: number, seed = 1): TokenAt {
  return (t) => numbers(D, seed + 31 * t).map(Math.fround);
}

/** The largest difference between elements. */
export function distance(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  a.forEach((row, i) =>
    row.forEach((value, d) => {
      const off = Math.abs(value - b[i]![d]!);
      if (!(off <= most)) most = off;
    }),
  );
  return most;
}
