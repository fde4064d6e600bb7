import type { Model } from '@tessera/assembler';
import type { AnyState } from '@tessera/plugin';
import type { Program, Tensor, TensorType } from '@tessera/tensor-core';
import { disposeTree, fillTree, fromHost, trace, treeLeaves } from '@tessera/tensor-core';

/** One sequence that a model reads by steps of any length, each exactly as long as it is given. */
export class StreamRun {
  readonly #model: Model;
  readonly #chunk: number;
  readonly #programs = new Map<number, Program>();
  #state: readonly Tensor[] = [];

  /** @param chunk - tokens of the longest step */
  constructor(model: Model, chunk: number) {
    this.#model = model;
    this.#chunk = chunk;
  }

  /** Reads tokens in one step: the logits of each of them, `[n, V]` row-major. */
  async step(tokens: readonly number[]): Promise<Float32Array> {
    const { device } = this.#model;
    const program = await this.#program(tokens.length);
    if (this.#state.length === 0) await this.#start();
    const inputs = [
      fromHost(Int32Array.from(tokens), [1, tokens.length]),
      fromHost(Int32Array.of(0), [1]),
      fromHost(Int32Array.of(tokens.length), [1]),
    ];
    const [logits, ...state] = program.run([...inputs, ...this.#state]);
    this.#state = state;
    try {
      return (await device.read(logits!)) as Float32Array;
    } finally {
      logits!.dispose();
    }
  }

  /** What a layer remembers now. */
  stateOf(layer: number): AnyState {
    return fillTree(this.#first(), this.#state).stack.layers[layer];
  }

  /** Frees state and programs. */
  dispose(): void {
    disposeTree(this.#state);
    for (const program of this.#programs.values()) program.dispose();
  }

  async #start(): Promise<void> {
    const program = await this.#model.device.compile(trace(() => treeLeaves(this.#first()), []));
    this.#state = program.run([]);
    program.dispose();
  }

  async #program(n: number): Promise<Program> {
    const known = this.#programs.get(n);
    if (known) return known;
    const { device, graph, params } = this.#model;
    const first = this.#first();
    const ids = (...shape: number[]): TensorType => ({ shape, dtype: 'i32' });
    const leaves = treeLeaves(first);
    const step = trace(
      (tokens, starts, lengths, ...state) => {
        const batch = { tokens: tokens!, starts: starts!, lengths: lengths! };
        const made = graph.step(params, batch, fillTree(first, state), 'all');
        return [made.logits, ...treeLeaves(made.state)];
      },
      [ids(1, n), ids(1), ids(1), ...leaves.map(({ shape, dtype }) => ({ shape, dtype }))],
    );
    const program = await device.compile(step, { donate: leaves.map((_, index) => index + 3) });
    this.#programs.set(n, program);
    return program;
  }

  #first(): ReturnType<Model['graph']['init']> {
    const { graph, params, contextLength } = this.#model;
    return graph.init(params, { batch: 1, capacity: contextLength, chunk: this.#chunk });
  }
}
