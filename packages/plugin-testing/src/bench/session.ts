import type { AnyState, CachePolicy, Links, StateSize } from '@tessera/plugin';
import { decodingOf, runCommit, runStep } from '@tessera/plugin';
import type { Tensor, TensorTree } from '@tessera/tensor-core';
import { Scope, fromHost } from '@tessera/tensor-core';
import { LawError } from '../law.ts';
import { findDifference } from './compare.ts';
import { Draw } from './draw.ts';
import type { Row, RowValues, Token } from './rows.ts';
import { packRows, unpackRows } from './rows.ts';
import type { Subject } from './subject.ts';

/** How a call is laid out and run. */
export interface RunOptions {
  /** Entries of each row, padding included. @defaultValue as many as the longest row needs */
  readonly n?: number;
  /** What stands in padding. @defaultValue 1 */
  readonly garbage?: number;
  readonly cache?: CachePolicy;
  /** The step may overwrite the state that it is given. @defaultValue false */
  readonly donate?: boolean;
  /** A commit in order follows. @defaultValue false */
  readonly draft?: boolean;
}

/** How a commit is run. */
export interface CommitOptions {
  readonly cache?: CachePolicy;
  /** @defaultValue as long as the step */
  readonly depth?: number;
  /** @defaultValue false */
  readonly inOrder?: boolean;
}

/** A step that was made, as much of it as a commit needs. */
export interface Step {
  readonly y: RowValues;
  readonly snapshot: AnyState;
  readonly state: AnyState;
  readonly rows: readonly Row[];
  readonly n: number;
  readonly inputs: TensorTree;
  readonly outputs: Links;
}

/** One law at work on one subject: what it makes is freed when it ends. */
export class Session {
  readonly subject: Subject;
  readonly law: string;
  readonly #scope = new Scope();
  #reference: Session | undefined;

  constructor(subject: Subject, law: string) {
    this.subject = subject;
    this.law = law;
  }

  /** Throws that the law is broken. */
  fail(message: string, facts: Readonly<Record<string, unknown>> = {}): never {
    const { mixer, device } = this.subject;
    throw new LawError(`${mixer.name} breaks the law '${this.law}' on ${device.name}: ${message}.`, {
      facts: { mixer: mixer.name, law: this.law, device: device.name, ...facts },
    });
  }

  /** Throws unless both are equal within the tolerance. */
  close(actual: RowValues, expected: RowValues, where: string): void {
    this.#compare(actual, expected, where, this.subject.tolerance);
  }

  /** Throws unless both are equal to the bit. */
  same(actual: RowValues, expected: RowValues, where: string): void {
    this.#compare(actual, expected, where, 0);
  }

  #compare(actual: RowValues, expected: RowValues, where: string, tolerance: number): void {
    const difference = findDifference(actual, expected, tolerance);
    if (difference) this.fail(`${where}: ${difference.text}`, { where, ...difference.facts });
  }

  /** Whole sequences. */
  async forward(
    rows: readonly Row[],
    { params = this.subject.params, ...options }: RunOptions & { params?: Readonly<Record<string, Tensor>> } = {},
  ): Promise<RowValues> {
    const { subject } = this;
    const { mixer, site } = subject;
    const { n, entries } = this.#pack(rows, options);
    const { y } = this.#scope.add(
      await subject.run('forward', { params, ...entries } as TensorTree, (call: TensorTree) => {
        const made = mixer.forward({ ...(call as object), config: site.config } as never);
        return { y: made.y, ...(made.aux && { aux: made.aux }) };
      }),
    );
    return this.#read(y, rows, n);
  }

  /** What forward gives for each row by itself, without padding: what everything else is compared with. */
  async alone(rows: readonly Row[]): Promise<RowValues> {
    const { reference } = this.subject;
    if (reference && !this.#reference) this.#reference = new Session(reference, this.law);
    const session = this.#reference ?? this;
    const values: RowValues[number][] = [];
    for (const [index, row] of rows.entries()) {
      const { start: _, ...own } = { identity: index, ...row };
      values.push(row.tokens.length === 0 ? [] : (await session.forward([own]))[0]!);
    }
    return values;
  }

  /** What forward gives for the sequences of tokens by themselves. */
  aloneTokens(sequences: readonly (readonly Token[])[]): Promise<RowValues> {
    return this.alone(sequences.map((tokens) => ({ tokens })));
  }

  /** The state before the first position. */
  async start({ cache, ...size }: StateSize & { readonly cache?: CachePolicy }): Promise<AnyState> {
    const { subject } = this;
    const { mixer, site } = subject;
    const context = subject.context(Array.from({ length: size.batch }, (_, row) => row));
    const key = `init ${size.capacity} ${size.chunk} ${size.batch} ${cache?.name ?? ''}`;
    const inputs = { params: subject.params, ...(context && { context }) };
    return this.#scope.add(
      await subject.run(key, inputs, (given: typeof inputs) =>
        decodingOf(mixer).init({ ...site, ...size, ...given, ...(cache && { cache }) } as never),
      ),
    );
  }

  /** One step, of a tree where rows have parents. */
  async step(state: AnyState, rows: readonly Row[], options: RunOptions = {}): Promise<Step> {
    const { subject } = this;
    const { mixer, site } = subject;
    const { cache, donate, draft } = options;
    const { n, entries } = this.#pack(rows, options);
    const inputs = { params: subject.params, ...entries, state };
    const made = this.#scope.add(
      await subject.run(
        `step ${cache?.name ?? ''} ${draft ? 'draft' : ''}`,
        inputs as TensorTree,
        (call: TensorTree) => {
          const {
            y,
            state: next,
            links = {},
          } = runStep(mixer, {
            ...(call as object),
            config: site.config,
            ...(cache && { cache }),
            ...(draft && { draft }),
          } as never);
          return { y, state: next, links };
        },
        { donate: donate ? 'state' : undefined },
      ),
    );
    const y = await this.#read(made.y, rows, n);
    return { y, snapshot: state, state: made.state, rows, n, inputs: entries as TensorTree, outputs: made.links };
  }

  /**
   * Keeps of a step the tokens of each row's path of at most `depth`, by their numbers among the tokens of the row. `inOrder`: that they are the
   * first ones of rows that start at 0 is known to the mixer.
   */
  async commit(
    step: Step,
    paths: readonly (readonly number[])[],
    { cache, depth = step.n, inOrder }: CommitOptions = {},
  ): Promise<AnyState> {
    const { subject } = this;
    const { mixer, site } = subject;
    const { n, rows } = step;
    const draw = new Draw(subject.seed, 'rest of the path');
    // Entries of the path from `count` on mean nothing, so they may be anything.
    const path = Int32Array.from({ length: rows.length * depth }, (_, i) =>
      inOrder ? i % depth : draw.integer(-3, n + 3),
    );
    paths.forEach((nodes, b) => nodes.forEach((node, i) => (path[b * depth + i] = node + (rows[b]!.start ?? 0))));
    const { x, positions, starts, context, links } = step.inputs as Record<string, Tensor>;
    const inputs = {
      params: subject.params,
      snapshot: step.snapshot,
      state: step.state,
      inputs: x,
      positions,
      starts,
      outputs: step.outputs,
      path: fromHost(path, [rows.length, depth]),
      count: fromHost(
        Int32Array.from(paths, (nodes) => nodes.length),
        [rows.length],
      ),
      ...(context && { context }),
      ...(links && { links }),
    };
    return this.#scope.add(
      await subject.run(
        `commit ${cache?.name ?? ''} ${inOrder ? 'in order' : ''}`,
        inputs as TensorTree,
        (call: TensorTree) =>
          runCommit(mixer, {
            ...(call as object),
            config: site.config,
            ...(cache && { cache }),
            ...(inOrder && { inOrder }),
          } as never),
      ),
    );
  }

  /** Runs anything else as a program on the device. */
  async run<T>(key: string, inputs: TensorTree, build: (inputs: never) => T): Promise<T> {
    return this.#scope.add(await this.subject.run(key, inputs, build));
  }

  /** Frees on the device what the law made. */
  dispose(): void {
    this.#scope.dispose();
    this.#reference?.dispose();
  }

  #pack(rows: readonly Row[], { n: wanted, garbage = 1 }: RunOptions): { n: number; entries: object } {
    const { dModel, links = {} } = this.subject.options;
    const n = wanted ?? Math.max(0, ...rows.map(({ tokens, start = 0 }) => start + tokens.length));
    const context = this.subject.context(rows.map(({ identity }, row) => identity ?? row));
    const entries = packRows(rows, { dModel, n, links, garbage });
    return { n, entries: { ...entries, ...(context && { context }) } };
  }

  async #read(y: Tensor, rows: readonly Row[], n: number): Promise<RowValues> {
    const { dModel } = this.subject.options;
    const expected = [rows.length, n, dModel];
    if (y.dtype !== 'f32' || y.shape.join() !== expected.join())
      this.fail(`y is ${y.dtype}[${y.shape.join(', ')}], expected f32[${expected.join(', ')}] = [B, T, D]`, {
        expected,
        actual: y.shape,
      });
    const data = (await this.subject.device.read(y)) as Float32Array;
    return unpackRows(data, rows, { n, dModel });
  }
}
