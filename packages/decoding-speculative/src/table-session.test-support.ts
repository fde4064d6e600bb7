import type { Model, Session } from '@tessera/assembler';
import type { TableModel } from './acceptance/table-models.test-support.ts';
import { V } from './acceptance/table-models.test-support.ts';

/** A session as far as rounds and draft sources use it, of a model that is a table of logits. */
class TableSession {
  readonly longestDraft = 64;
  readonly #logitsAfter: TableModel;
  readonly #texts: number[][];
  /** Tokens of each row that may be taken back, and the parent of each. */
  #open: { readonly tokens: number[]; readonly parents: number[] }[] | undefined;

  constructor(logitsAfter: TableModel, batch: number) {
    this.#logitsAfter = logitsAfter;
    this.#texts = Array.from({ length: batch }, () => []);
  }

  roomOf(): number {
    return Infinity;
  }

  read(rows: readonly (readonly number[])[]): Promise<void> {
    if (this.#open) throw new Error('A draft is open.');
    rows.forEach((row, b) => this.#texts[b]!.push(...row));
    return Promise.resolve();
  }

  readDraft(rows: readonly (readonly number[])[], parents?: readonly (readonly number[])[]): Promise<Float32Array> {
    const open = (this.#open ??= this.#texts.map(() => ({ tokens: [], parents: [] })));
    const n = Math.max(1, ...rows.map(({ length }) => length));
    const logits = new Float32Array(rows.length * n * V).fill(Number.NaN);
    rows.forEach((row, b) => {
      const { tokens, parents: ours } = open[b]!;
      row.forEach((token, i) => {
        ours.push(parents ? parents[b]![i]! : tokens.length - 1);
        tokens.push(token);
        const path: number[] = [];
        for (let at = tokens.length - 1; at >= 0; at = ours[at]!) path.unshift(tokens[at]!);
        logits.set(this.#logitsAfter([...this.#texts[b]!, ...path]), (b * n + i) * V);
      });
    });
    return Promise.resolve(logits);
  }

  commitDraft(paths: readonly (readonly number[])[]): Promise<void> {
    const open = this.#open!;
    paths.forEach((path, b) => this.#texts[b]!.push(...path.map((entry) => open[b]!.tokens[entry]!)));
    this.#open = undefined;
    return Promise.resolve();
  }

  dispose(): void {}
}

/** A session of a table. */
export function tableSession(logitsAfter: TableModel, batch: number): Session {
  return new TableSession(logitsAfter, batch) as unknown as Session;
}

/** A model that is a table of logits, as far as draft sources use one. */
export function tableTarget(logitsAfter: TableModel): Model {
  return {
    spec: { vocabSize: V },
    contextLength: Infinity,
    memory: { weightBytes: 1 },
    device: { onHost: true },
    session: ({ batch = 1 } = {}) => Promise.resolve(tableSession(logitsAfter, batch)),
  } as unknown as Model;
}
