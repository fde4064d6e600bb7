import type { Device, Program, Tensor } from '@tessera/tensor-core';
import { fillTree, trace, treeLeaves } from '@tessera/tensor-core';
import { longestStep } from './estimate.ts';
import type { LanguageModelGraph, ModelParams, ModelState } from './language-model.ts';
import { ProgramCache } from './program-cache.ts';

/** Which logits a step gives. */
export type LogitsOf = 'none' | 'last' | 'all';

/** Size of the sessions that a program serves. */
export interface SessionSize {
  /** Rows. */
  readonly batch: number;
  /** Positions of each row. */
  readonly capacity: number;
}

/** Far more than a model in use has: some sizes of sessions, times the lengths of steps. */
const mostPrograms = 96;

/** Programs of a model's steps, compiled once for each form of call. */
export class StepPrograms {
  readonly graph: LanguageModelGraph;
  readonly device: Device;
  readonly #params: ModelParams;
  readonly #programs = new ProgramCache(mostPrograms);

  constructor(graph: LanguageModelGraph, params: ModelParams, device: Device) {
    this.graph = graph;
    this.device = device;
    this.#params = params;
  }

  /** Makes the state before the first token. */
  start(size: SessionSize): Promise<readonly Tensor[]> {
    const make = (): Promise<Program> => this.device.compile(trace(() => treeLeaves(this.#firstState(size)), []));
    return this.#programs.run(`start ${size.batch} ${size.capacity}`, make, []);
  }

  /**
   * One step over n entries a row.
   * @param inputs - tokens `[B, n]`, starts `[B]`, lengths `[B]`, and the leaves of the state, which it takes over
   * @returns logits, unless none are wanted, and the leaves of the state
   */
  step(
    size: SessionSize & { readonly n: number; readonly logits: LogitsOf },
    inputs: readonly Tensor[],
  ): Promise<readonly Tensor[]> {
    const { batch, capacity, n, logits } = size;
    const make = (): Promise<Program> => {
      const form = this.#firstState(size);
      const graph = trace(
        (tokens, starts, lengths, ...state) => {
          const made = this.graph.step(
            this.#params,
            { tokens: tokens!, starts: starts!, lengths: lengths! },
            fillTree(form, state),
            logits === 'all' ? 'all' : 'last',
          );
          return [...(logits === 'none' ? [] : [made.logits]), ...treeLeaves(made.state)];
        },
        inputs.map(({ shape, dtype }) => ({ shape, dtype })),
      );
      return this.device.compile(graph, { donate: treeLeaves(form).map((_, index) => index + 3) });
    };
    return this.#programs.run(`step ${batch} ${capacity} ${n} ${logits}`, make, inputs);
  }

  /** Frees the programs. Idempotent. */
  async dispose(): Promise<void> {
    await this.#programs.dispose();
  }

  #firstState({ batch, capacity }: SessionSize): ModelState {
    return this.graph.init(this.#params, { batch, capacity, chunk: longestStep });
  }
}
