import type { DeviceSampling, SamplerSettings } from '@tessera/sampling';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import { disposeTree, fromHost, mapTree, treeLeaves } from '@tessera/tensor-core';
import type { HeldProgram } from './program-cache.ts';
import { draftProgram } from './round-programs.ts';
import type { FeedOptions, SessionState } from './session-state.ts';

/** What {@link DraftsOfModel} are made of. */
export interface DraftsOfModelCall {
  /** Of the model that proposes, on the device of the target. */
  readonly session: SessionState;
  readonly sampling: DeviceSampling;
  /** Where they are data: how it chooses. */
  readonly settings: SamplerSettings | undefined;
  /** Of the target. */
  readonly vocabSize: number;
  /** Tokens of each row that it has to read before it proposes. */
  readonly unread: readonly (readonly number[])[];
  /** For each row tokens that stand in for those it chooses, by their number in the text. */
  readonly instead?: readonly (readonly number[])[] | undefined;
}

/** What a draft program is run with, beside what it remembers. */
export interface DraftRun {
  /** What the round before told. */
  readonly before: Tensor;
  readonly rows: Tensor;
  readonly depths: Tensor;
  readonly marks: Tensor | undefined;
}

/** A model that proposes chains without the host: its session has read what is certain, and nothing of its own. */
export class DraftsOfModel {
  readonly #call: DraftsOfModelCall;
  readonly #settings: SamplerSettings | undefined;
  readonly #instead: Tensor | undefined;
  readonly #unread: number[][];
  /** Rows whose text has outgrown the session: it will never be able to read them again. */
  readonly #outgrown: boolean[];

  constructor(call: DraftsOfModelCall) {
    this.#call = call;
    const { device } = call.session.programs;
    const upload = <T>(tree: T): T => mapTree(tree, (leaf) => uploaded(device, leaf));
    this.#settings = upload(call.settings);
    this.#instead = call.instead && upload(tableOf(call.instead));
    this.#unread = call.unread.map((tokens) => [...tokens]);
    this.#outgrown = call.unread.map(() => false);
  }

  /**
   * How many tokens may be proposed to a row; −1: it cannot even be read.
   * @param length - tokens of its text at most
   */
  roomOf(row: number, length: number): number {
    const { size, longestDraft } = this.#call.session;
    if (this.#outgrown[row] || length > size.capacity) return -1;
    return Math.min(size.capacity - length, longestDraft - 1) + 1;
  }

  /** The row is not read from now on. */
  leave(row: number): void {
    this.#outgrown[row] = true;
    this.#unread[row] = [];
  }

  /** Tokens of a row that no round hands over, to be read before the next draft. */
  add(row: number, tokens: readonly number[]): void {
    if (!this.#outgrown[row]) this.#unread[row]!.push(...tokens);
  }

  /** Tokens of a row were handed over in a round. */
  handed(row: number, tokens: number): void {
    this.#call.session.lengths[row]! += tokens;
  }

  /** Reads what it has missed. */
  async catchUp(options: FeedOptions): Promise<void> {
    const rows = this.#unread.map((tokens) => tokens.splice(0));
    if (rows.some((tokens) => tokens.length > 0)) await this.#call.session.read(rows, options);
  }

  /** The program that proposes so many tokens after a round that told of so many places. To be released after its run. */
  hold(depth: number, places: number): Promise<HeldProgram> {
    const { session, sampling, vocabSize } = this.#call;
    const instead = this.#instead?.shape[1] ?? 0;
    return draftProgram(session.programs, session.size, { depth, places, vocabSize, sampling, instead });
  }

  /** Runs it. */
  run({ program }: HeldProgram, { before, rows, depths, marks }: DraftRun): { tokens: Tensor; depths: Tensor } {
    const { session } = this.#call;
    const given = [before, rows, depths, ...treeLeaves(this.#instead), ...treeLeaves(marks)];
    const [tokens, counted, ...state] = program.run([...given, ...treeLeaves(this.#settings), ...session.leaves]);
    session.leaves = state;
    return { tokens: tokens!, depths: counted! };
  }

  /** Rejects with what went wrong while it was reading. */
  caughtUp(): Promise<void> {
    return this.#call.session.caughtUp();
  }

  /** Frees what it holds; the session stays. */
  dispose(): void {
    disposeTree(this.#settings);
    this.#instead?.dispose();
  }
}

/** A tensor of the host on a device. */
export function uploaded(device: Device, leaf: Tensor): Tensor {
  return device.upload((leaf.source as { data: HostArray }).data, leaf);
}

/** `[B, width]`, i32; rows that are shorter end in −1. */
export function tableOf(
  rows: readonly (readonly number[])[],
  width: number = Math.max(1, ...rows.map((row) => row.length)),
): Tensor {
  const data = new Int32Array(rows.length * width).fill(-1);
  rows.forEach((row, b) => data.set(row, b * width));
  return fromHost(data, [rows.length, width]);
}
