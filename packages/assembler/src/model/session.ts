import type { Device, Program, Tensor, TensorType } from '@tessera/tensor-core';
import { ContextOverflowError, disposeTree, fillTree, fromHost, trace, treeLeaves } from '@tessera/tensor-core';
import type { LanguageModelGraph, ModelParams, ModelState } from './language-model.ts';
import { longestStep } from './estimate.ts';

/** Lengths of a step, longest first: a prompt goes in with few programs, the last one padded. */
const stepLengths = [longestStep, 32, 8, 1] as const;

/** Which logits a step gives. */
type LogitsOf = 'none' | 'last' | 'all';

/** Programs of a model's steps, compiled once for each form of call. */
export class StepPrograms {
  readonly #graph: LanguageModelGraph;
  readonly #params: ModelParams;
  readonly #device: Device;
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(graph: LanguageModelGraph, params: ModelParams, device: Device) {
    this.#graph = graph;
    this.#params = params;
    this.#device = device;
  }

  /** The program that makes the first state. */
  start(size: { batch: number; capacity: number }): Promise<Program> {
    return this.#once(`start ${size.batch} ${size.capacity}`, () =>
      this.#device.compile(trace(() => treeLeaves(this.#firstState(size)), [])),
    );
  }

  /** One step: tokens `[B, n]`, starts `[B]`, lengths `[B]`, state leaves (donated) → [logits], state leaves. */
  step(size: { batch: number; capacity: number; n: number; logits: LogitsOf }): Promise<Program> {
    return this.#once(`step ${size.batch} ${size.capacity} ${size.n} ${size.logits}`, () => {
      const form = this.#firstState(size);
      const leaves = treeLeaves(form);
      const { batch: B, n } = size;
      const types: TensorType[] = [
        { shape: [B, n], dtype: 'i32' },
        { shape: [B], dtype: 'i32' },
        { shape: [B], dtype: 'i32' },
        ...leaves.map(({ shape, dtype }) => ({ shape, dtype })),
      ];
      const graph = trace((tokens, starts, lengths, ...state) => {
        const made = this.#graph.step(
          this.#params,
          { tokens: tokens!, starts: starts!, lengths: lengths! },
          fillTree(form, state),
          size.logits === 'all' ? 'all' : 'last',
        );
        return [...(size.logits === 'none' ? [] : [made.logits]), ...treeLeaves(made.state)];
      }, types);
      return this.#device.compile(graph, { donate: leaves.map((_, index) => index + 3) });
    });
  }

  /** Frees the programs. */
  async dispose(): Promise<void> {
    for (const program of this.#programs.values()) (await program).dispose();
    this.#programs.clear();
  }

  #firstState({ batch, capacity }: { batch: number; capacity: number }): ModelState {
    return this.#graph.init(this.#params, { batch, capacity, chunk: longestStep });
  }

  #once(key: string, make: () => Promise<Program>): Promise<Program> {
    let program = this.#programs.get(key);
    if (!program) {
      program = make();
      this.#programs.set(key, program);
      // A failed compilation is tried again by the next call.
      program.catch(() => this.#programs.delete(key));
    }
    return program;
  }
}

/** Sequences that a model reads step by step, with what it remembers of them. */
export class Session {
  readonly #programs: StepPrograms;
  readonly #device: Device;
  readonly #batch: number;
  readonly #capacity: number;
  #state: readonly Tensor[];
  #read: number;

  private constructor(
    programs: StepPrograms,
    device: Device,
    size: { batch: number; capacity: number },
    state: readonly Tensor[],
  ) {
    this.#programs = programs;
    this.#device = device;
    this.#batch = size.batch;
    this.#capacity = size.capacity;
    this.#state = state;
    this.#read = 0;
  }

  /** A session with room for `capacity` positions a row. */
  static async open(
    programs: StepPrograms,
    device: Device,
    size: { batch: number; capacity: number },
  ): Promise<Session> {
    const program = await programs.start(size);
    return new Session(programs, device, size, program.run([]));
  }

  /** Positions read so far by the longest row. */
  get length(): number {
    return this.#read;
  }

  /** Bytes of the state, which stay the same however much is read. */
  get stateBytes(): number {
    return this.#state.reduce(
      (total, leaf) => total + (leaf.source.kind === 'resident' ? leaf.source.storage.bytes : 0),
      0,
    );
  }

  /**
   * Reads tokens, one list a row, and gives the logits after the last of them.
   * @returns `[B, V]`, row-major
   * @throws {@link ContextOverflowError} when they do not fit
   */
  async feed(
    rows: readonly (readonly number[])[],
    { signal, pause }: { signal?: AbortSignal | undefined; pause?: (() => Promise<void>) | undefined } = {},
  ): Promise<Float32Array> {
    const longest = Math.max(0, ...rows.map((row) => row.length));
    if (this.#read + longest > this.#capacity)
      throw new ContextOverflowError(
        `${this.#read + longest} positions do not fit the session's ${this.#capacity}. Open it with a larger capacity.`,
        {
          facts: { positions: this.#read + longest, capacity: this.#capacity },
        },
      );
    let logits: Float32Array | undefined;
    for (let at = 0; at < longest;) {
      signal?.throwIfAborted();
      const left = longest - at;
      // The last, padded step must end with the text, so that its logits are those asked for.
      const n = stepLengths.find((length) => length <= left) ?? 1;
      const chunk = rows.map((row) => row.slice(at, at + n));
      const ends = rows.some((row) => row.length > at && row.length <= at + n);
      const made = await this.#step(chunk, n, ends ? 'last' : 'none');
      if (made) {
        const V = made.length / this.#batch;
        logits ??= new Float32Array(this.#batch * V);
        for (const [b, row] of rows.entries())
          if (row.length > at && row.length <= at + n) logits.set(made.subarray(b * V, (b + 1) * V), b * V);
      }
      at += n;
      if (at < longest) await pause?.();
    }
    this.#read += longest;
    return logits ?? new Float32Array(0);
  }

  async #step(chunk: readonly (readonly number[])[], n: number, logits: LogitsOf): Promise<Float32Array | undefined> {
    const B = this.#batch;
    const program = await this.#programs.step({ batch: B, capacity: this.#capacity, n, logits });
    const tokens = new Int32Array(B * n);
    chunk.forEach((row, b) => tokens.set(row, b * n));
    const outputs = program.run([
      fromHost(tokens, [B, n], 'i32'),
      fromHost(new Int32Array(B), [B], 'i32'),
      fromHost(
        Int32Array.from(chunk, (row) => row.length),
        [B],
        'i32',
      ),
      ...this.#state,
    ]);
    this.#state = logits === 'none' ? outputs : outputs.slice(1);
    if (logits === 'none') return undefined;
    const result = (await this.#device.read(outputs[0]!)) as Float32Array;
    outputs[0]!.dispose();
    return result;
  }

  /** Frees the state. Idempotent. */
  dispose(): void {
    disposeTree(this.#state);
    this.#state = [];
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
