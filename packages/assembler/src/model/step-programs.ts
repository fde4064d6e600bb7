import type { DeviceSampler, DeviceSampling } from '@tessera/sampling';
import { chooseToken, deviceSampler } from '@tessera/sampling';
import type { Device, Graph, Program, Tensor, TensorType } from '@tessera/tensor-core';
import { broadcastTo, fillTree, fromHost, reshape, slice, trace, treeLeaves, zeros } from '@tessera/tensor-core';
import { joinEntries, joinLinks, linksOfCommit } from './draft-links.ts';
import type { LanguageModelGraph, ModelParams, ModelState } from './language-model.ts';
import { ProgramCache } from './program-cache.ts';
import type { HeldProgram } from './program-cache.ts';
import { stepLengths } from './step-lengths.ts';

/** Which logits a step gives. */
export type LogitsOf = 'none' | 'last' | 'all';

/** Size of the sessions that a program serves. */
export interface SessionSize {
  /** Rows. */
  readonly batch: number;
  /** Positions of each row. */
  readonly capacity: number;
}

/** A step that reads tokens of the host. */
export interface StepForm extends SessionSize {
  /** Entries of each row. */
  readonly n: number;
  readonly logits: LogitsOf;
}

/** A step whose entries may be taken back. */
export interface DraftForm extends SessionSize {
  /** Entries of each row. */
  readonly n: number;
  /** True: the entries are a tree. */
  readonly tree: boolean;
  /** True: an earlier step may be taken back with it, so that the state is nobody's snapshot and is taken over. */
  readonly again: boolean;
  /** True: what the output matrix reads of each entry is given, too. @defaultValue false */
  readonly hidden?: boolean;
}

/** What a commit is given beside the state. */
export interface CommitForm extends SessionSize {
  /** Entries of each step that may be taken back. */
  readonly steps: readonly number[];
  /** Entries of the longest path. */
  readonly depth: number;
}

/** What programs of a session are recorded from. */
export interface ProgramParts {
  readonly graph: LanguageModelGraph;
  readonly params: ModelParams;
  /** The state before the first token; only its form counts. */
  readonly first: ModelState;
}

/** Far more than a model in use has: some sizes of sessions, times the lengths of steps. */
const mostPrograms = 96;

/** Programs of a model's steps, compiled once for each form of call. */
export class StepPrograms {
  readonly graph: LanguageModelGraph;
  readonly device: Device;
  readonly #params: ModelParams;
  readonly #programs = new ProgramCache(mostPrograms);
  /** Names of the links that a draft step gives, in their order. */
  #linkNames: readonly string[] = [];

  constructor(graph: LanguageModelGraph, params: ModelParams, device: Device) {
    this.graph = graph;
    this.device = device;
    this.#params = params;
  }

  /** Lengths of steps that read a text in a session of so many positions, longest first. */
  lengths(capacity: number): readonly number[] {
    return stepLengths(this.device, capacity);
  }

  /** Makes the state before the first token. */
  start(size: SessionSize): Promise<readonly Tensor[]> {
    return this.#programs.use(startKey(size), this.#makeStart(size), (program) => program.run([]));
  }

  /**
   * One step over n entries a row.
   * @param inputs - tokens `[B, n]`, starts `[B]`, lengths `[B]`, and the leaves of the state, which it takes over
   * @param take - is given the logits, unless none are wanted, and the leaves of the state, in the turn of the run: what it
   *   reads there is submitted with the step
   */
  step<T>(form: StepForm, inputs: readonly Tensor[], take: (outputs: readonly Tensor[]) => T): Promise<Awaited<T>> {
    return this.#programs.use(stepKey(form), this.#makeStep(form), (program) => take(program.run(inputs)));
  }

  /**
   * One step over entries that {@link StepPrograms.commit} may take back.
   * @param inputs - tokens `[B, n]`, lengths `[B]`, of a tree parents and depths `[B, n]`, and the leaves of the state
   * @param take - is given what is read of all entries (logits `[B, n, V]`, and what the output matrix read `[B, n, D]` if it is
   *   asked for), what a commit needs, and the leaves of the state
   */
  draft<T>(
    form: DraftForm,
    inputs: readonly Tensor[],
    take: (made: { told: readonly Tensor[]; record: readonly Tensor[]; state: readonly Tensor[] }) => T,
  ): Promise<Awaited<T>> {
    return this.#programs.use(draftKey(form), this.#makeDraft(form), (program) => {
      const outputs = program.run(inputs);
      const told = form.hidden ? 2 : 1;
      const recorded = told + this.#linkNames.length + 1;
      return take({
        told: outputs.slice(0, told),
        record: outputs.slice(told, recorded),
        state: outputs.slice(recorded),
      });
    });
  }

  /** Compiles what {@link StepPrograms.draft} runs. */
  async prepareDraft(form: DraftForm): Promise<void> {
    (await this.#programs.hold(draftKey(form), this.#makeDraft(form))).release();
  }

  /**
   * Keeps of the last draft steps only the entries on a path.
   * @param inputs - path `[B, depth]`, count `[B]`, of several steps the order `[B, N]` of their entries; then, all of which it takes over, the
   *   record of each step, and the leaves of the state before and after them
   * @returns the leaves of the state
   */
  commit(form: CommitForm, inputs: readonly Tensor[]): Promise<readonly Tensor[]> {
    const { batch, capacity, steps, depth } = form;
    return this.#programs.use(
      `commit ${batch} ${capacity} ${steps.join('+')} ${depth}`,
      () => this.#makeCommit(form, inputs),
      (program) => program.run(inputs),
    );
  }

  /**
   * The program of steps that choose the next token of each row themselves. Inputs: the leaves of a sampler, then those of
   * the state; outputs: the leaves of the next sampler without its settings, then those of the state. It takes over what it
   * gives anew. To be released after the last run.
   */
  choice(size: SessionSize, sampling: DeviceSampling): Promise<HeldProgram> {
    return this.#programs.hold(choiceKey(size, sampling), this.#makeChoice(size, sampling));
  }

  /** A program over steps that another module records, compiled once for its key. To be released after the last run. */
  hold(
    key: string,
    size: SessionSize,
    record: (parts: ProgramParts) => { readonly graph: Graph; readonly donate: readonly number[] },
  ): Promise<HeldProgram> {
    return this.#programs.hold(`${key} ${size.batch} ${size.capacity}`, () => {
      const { graph, donate } = record({ graph: this.graph, params: this.#params, first: this.#firstState(size) });
      return this.device.compile(graph, { donate });
    });
  }

  /**
   * Compiles what a generation in sessions of this size needs.
   * @param onCompiled - told how many of how many programs are ready
   */
  async prepare(
    size: SessionSize,
    sampling: DeviceSampling,
    onCompiled?: (ready: number, total: number) => void,
  ): Promise<void> {
    const forms = this.lengths(size.capacity).map((n): StepForm => ({ ...size, n, logits: 'none' }));
    const needed: (readonly [string, () => Promise<Program>])[] = [
      [choiceKey(size, sampling), this.#makeChoice(size, sampling)],
      [startKey(size), this.#makeStart(size)],
      ...forms.map((form) => [stepKey(form), this.#makeStep(form)] as const),
    ];
    let ready = 0;
    await Promise.all(
      needed.map(async ([key, make]) => {
        (await this.#programs.hold(key, make)).release();
        onCompiled?.(++ready, needed.length);
      }),
    );
  }

  /** Frees the programs. Idempotent. */
  async dispose(): Promise<void> {
    await this.#programs.dispose();
  }

  #makeStart(size: SessionSize): () => Promise<Program> {
    return () => this.device.compile(trace(() => treeLeaves(this.#firstState(size)), []));
  }

  #makeStep({ logits, ...size }: StepForm): () => Promise<Program> {
    return () => {
      const { batch: B, n } = size;
      const first = this.#firstState(size);
      const graph = trace(
        (tokens, starts, lengths, ...state) => {
          const made = this.graph.step(
            this.#params,
            { tokens: tokens!, starts: starts!, lengths: lengths! },
            fillTree(first, state),
            logits === 'all' ? 'all' : 'last',
          );
          return [...(logits === 'none' ? [] : [made.logits]), ...treeLeaves(made.state)];
        },
        [ids(B, n), ids(B), ids(B), ...typesOf(first)],
      );
      return this.device.compile(graph, { donate: treeLeaves(first).map((_, index) => index + 3) });
    };
  }

  #makeChoice(size: SessionSize, sampling: DeviceSampling): () => Promise<Program> {
    return () => {
      const { batch: B } = size;
      const { vocabSize: V } = this.graph.resolved.spec;
      const first = this.#firstState(size);
      const form = samplerForm(B, sampling, V);
      const leaves = treeLeaves(form);
      const graph = trace(
        (...inputs) => {
          const sampler = fillTree(form, inputs);
          const made = this.graph.step(
            this.#params,
            // Nothing of the host: where rows start and how long they are does not change.
            { tokens: slice(sampler.choice, 1, 0, 1), starts: zeros([B], 'i32'), lengths: ones(B) },
            fillTree(first, inputs.slice(leaves.length)),
            'last',
          );
          const next = chooseToken(reshape(made.logits, [B, V]), sampler, sampling);
          return [...treeLeaves(changing(next)), ...treeLeaves(made.state)];
        },
        [...typesOf(form), ...typesOf(first)],
      );
      const taken = new Set([...treeLeaves(changing(form)), ...treeLeaves(first)]);
      const all = [...leaves, ...treeLeaves(first)];
      return this.device.compile(graph, { donate: all.flatMap((leaf, index) => (taken.has(leaf) ? [index] : [])) });
    };
  }

  #makeDraft({ n, tree, again, hidden, ...size }: DraftForm): () => Promise<Program> {
    return () => {
      const { batch: B } = size;
      const first = this.#firstState(size);
      const given = tree ? 4 : 2;
      const graph = trace(
        (...inputs) => {
          const [tokens, lengths, parents, depths] = inputs.slice(0, given);
          const made = this.graph.step(
            this.#params,
            {
              tokens: tokens!,
              starts: zeros([B], 'i32'),
              lengths: lengths!,
              ...(tree && { parents: parents!, depths: depths! }),
            },
            fillTree(first, inputs.slice(given)),
            'all',
          );
          const links = linksOfCommit(this.graph.resolved.layers, made.links);
          this.#linkNames = Object.keys(links).toSorted();
          return [
            made.logits,
            ...(hidden ? [made.hidden] : []),
            ...this.#linkNames.map((name) => links[name]!),
            made.positions,
            ...treeLeaves(made.state),
          ];
        },
        [ids(B, n), ids(B), ...(tree ? [ids(B, n), ids(B, n)] : []), ...typesOf(first)],
      );
      return this.device.compile(graph, { donate: again ? treeLeaves(first).map((_, index) => index + given) : [] });
    };
  }

  #makeCommit({ steps, ...size }: CommitForm, example: readonly Tensor[]): Promise<Program> {
    const { layers } = this.graph.resolved;
    const first = this.#firstState(size);
    const [records, leaves] = [this.#linkNames.length + 1, treeLeaves(first).length];
    const given = steps.length > 1 ? 3 : 2;
    const graph = trace((...inputs) => {
      const [path, count, order] = inputs;
      const before = given + steps.length * records;
      const recorded = steps.map((_, step) => inputs.slice(given + step * records, given + (step + 1) * records));
      const links = recorded.map((record) =>
        Object.fromEntries(this.#linkNames.map((name, index) => [name, record[index]!])),
      );
      const positions = recorded.map((record) => record.at(-1)!);
      const state = this.graph.commit(this.#params, {
        snapshot: fillTree(first, inputs.slice(before, before + leaves)),
        state: fillTree(first, inputs.slice(before + leaves)),
        links: steps.length > 1 ? joinLinks(layers, links, order!) : links[0]!,
        positions: steps.length > 1 ? joinEntries(positions, order!) : positions[0]!,
        path: path!,
        count: count!,
      });
      return treeLeaves(state);
    }, typesOf(example));
    return this.device.compile(graph, { donate: example.slice(given).map((_, index) => index + given) });
  }

  #firstState({ batch, capacity }: SessionSize): ModelState {
    return this.graph.init(this.#params, { batch, capacity, chunk: this.lengths(capacity)[0]! });
  }
}

/** A sampler of which only the form counts. */
export function samplerForm(batch: number, sampling: DeviceSampling, vocabSize: number): DeviceSampler {
  const row = { history: { prompt: [0], generated: [] }, options: {} };
  return deviceSampler(new Array<typeof row>(batch).fill(row), sampling, vocabSize);
}

/** The part of a sampler that each choice gives anew. */
export function changing({ choice, marks }: DeviceSampler): Pick<DeviceSampler, 'choice' | 'marks'> {
  return { choice, marks };
}

const startKey = ({ batch, capacity }: SessionSize): string => `start ${batch} ${capacity}`;
const stepKey = ({ batch, capacity, n, logits }: StepForm): string => `step ${batch} ${capacity} ${n} ${logits}`;
const draftKey = ({ batch, capacity, n, tree, again, hidden = false }: DraftForm): string =>
  `draft ${batch} ${capacity} ${n} ${tree} ${again} ${hidden}`;
const choiceKey = ({ batch, capacity }: SessionSize, { sampled, adjusted }: DeviceSampling): string =>
  `choice ${batch} ${capacity} ${sampled} ${adjusted}`;

/** Whole numbers of a shape. */
export const ids = (...shape: number[]): TensorType => ({ shape, dtype: 'i32' });
const ones = (B: number): Tensor => broadcastTo(fromHost(Int32Array.of(1), []), [B]);
/** What a program takes for a tree of tensors. */
export const typesOf = (tree: unknown): TensorType[] => treeLeaves(tree).map(({ shape, dtype }) => ({ shape, dtype }));
