import type { DeviceSampler, DeviceSampling, SamplerRow } from '@tessera/sampling';
import { chosenIds, deviceSampler } from '@tessera/sampling';
import type { Program, Tensor } from '@tessera/tensor-core';
import {
  ContextOverflowError,
  FeatureUnavailableError,
  UnsupportedOptionError,
  disposeTree,
  fromHost,
  mapTree,
  treeLeaves,
} from '@tessera/tensor-core';
import { checkIds } from './check-rows.ts';
import { tableOf, uploaded } from './drafts-of-model.ts';
import type { DraftsOfModel } from './drafts-of-model.ts';
import type { HeldProgram } from './program-cache.ts';
import { verifyProgram } from './round-programs.ts';
import type { VerifyForm } from './round-programs.ts';
import { toldOfRound, widthOfTold } from './round-rows.ts';
import type { FeedOptions, SessionState } from './session-state.ts';

/** A text that goes on in rounds. */
export interface ChainRow extends SamplerRow {
  /** Tokens that are generated at most, those of the history among them. */
  readonly limit: number;
}

/** Proposes on the device of the target from what its output matrix read before it chose the last token of each row. */
export interface HiddenDraft {
  /** Tokens of its longest draft. */
  readonly depth: number;
  /** The program of so many tokens: from what was read `[B, D]`, f32, to tokens `[B, γ]`, i32. It stays the caller's. */
  program(depth: number): Promise<Program>;
}

/** What {@link ChainRounds} are made of. */
export interface ChainRoundsCall {
  readonly session: SessionState;
  readonly rows: readonly ChainRow[];
  readonly sampling: DeviceSampling;
  /** Depths that rounds are compiled for, ascending; a draft takes the first that holds it. */
  readonly depths: readonly number[];
  /** Proposes on the same device. Absent: the host brings what is proposed. */
  readonly model?: DraftsOfModel | undefined;
  /** Proposes there, too, without having read anything. */
  readonly guess?: HiddenDraft | undefined;
}

/** What is proposed in a round: tokens of the host, or how many are proposed to each row on the device. */
export type Proposal = { readonly tokens: readonly (readonly number[])[] } | { readonly depths: readonly number[] };

/** What a round gave to a row. */
export interface RoundOfRow {
  /** What its text got: none if it rested. */
  readonly ids: readonly number[];
  /** What was proposed to it. */
  readonly proposed: readonly number[];
  /** How many of those are what was chosen, also behind the end of the text. */
  readonly accepted: number;
}

/** A round that was started. In a record, since a promise would be waited for. */
export interface StartedRound {
  readonly rows: Promise<readonly RoundOfRow[]>;
}

/** What runs in a round of some depth. */
interface RoundPrograms {
  readonly verify: HeldProgram;
  /** Of the model that proposes. */
  readonly draft: HeldProgram | undefined;
}

/** A round as the next one sees it. */
interface Past {
  /** Its entries. */
  readonly n: number;
  /** What it told, until the next one was started. */
  told: Tensor | undefined;
  /** What the rows got, once that is on the host. */
  ids?: readonly (readonly number[])[];
  /** Which rows a model was handed this on the device; undefined: not known yet. */
  handed?: readonly boolean[];
  readonly done: Promise<unknown>;
}

/**
 * Rounds in which a device proposes by another model or reads what the host proposes, chooses after each token, keeps what is as it chose,
 * and takes back the rest: one submit each, of which ids alone are read. Where rows stand stays on the device, so that a round may be
 * started while the one before it is under way; a row that has its limit or was ended rests there, too.
 */
export class ChainRounds {
  readonly #call: ChainRoundsCall;
  readonly #settings: DeviceSampler['settings'];
  readonly #ends: Tensor;
  #rows: Tensor;
  #marks: Tensor | undefined;
  /** What the output matrix read before the last token of each row, `[B, D]`, once there was a round. */
  #hidden: Tensor | undefined;
  /** Tokens of each text, and of those generated ones, as far as the host knows. */
  readonly #lengths: number[];
  readonly #steps: number[];
  /** The last round, and those before it that are under way. */
  readonly #past: Past[];
  readonly #programs = new Map<number, Promise<RoundPrograms>>();
  #freed = false;

  /** @internal Made by `Session.chainRounds`. */
  constructor(call: ChainRoundsCall) {
    this.#call = call;
    const { session, rows, sampling } = call;
    const { device } = session.programs;
    rows.forEach(({ history, limit }, b) => {
      const positions = session.lengths[b]! + limit - history.generated.length;
      const { capacity } = session.size;
      if (positions > capacity)
        throw new ContextOverflowError(
          `chainRounds, row ${b}: ${positions} positions do not fit the session's ${capacity}. Open it with a larger capacity.`,
          { facts: { row: b, positions, capacity } },
        );
    });
    const { choice, marks, settings } = mapTree(deviceSampler(rows, sampling, this.#vocabSize), (leaf) =>
      uploaded(device, leaf),
    );
    choice.dispose(); // its numbers stand in the rows
    this.#marks = marks;
    this.#settings = settings;
    this.#steps = rows.map(({ history }) => history.generated.length);
    this.#lengths = rows.map(({ history }) => history.prompt.length + history.generated.length);
    const standing = rows.flatMap((row, b) => [lastOf(row), this.#steps[b]!, leftOf(row)]);
    this.#rows = uploaded(device, fromHost(Int32Array.from(standing), [rows.length, 3]));
    this.#ends = uploaded(device, tableOf(rows.map(({ history }) => history.endIds ?? [])));
    // As if a round had given the last token of each row.
    const places = this.#places;
    const told = rows.flatMap((row) => [lastOf(row), ...new Array<number>(widthOfTold(places) - 2).fill(0), 1]);
    this.#past = [
      {
        n: 1,
        told: uploaded(device, fromHost(Int32Array.from(told), [rows.length, widthOfTold(places)])),
        ids: rows.map((row) => [lastOf(row)]),
        done: Promise.resolve(),
      },
    ];
  }

  /** How many tokens may be proposed on the device to a row in the next round; below 1: none. */
  roomOf(row: number): number {
    const { guess } = this.#call;
    if (guess) return this.#hidden ? guess.depth : 0;
    return this.#call.model?.roomOf(row, this.#mostTokens(row)) ?? 0;
  }

  /**
   * Starts a round. One call at a time; what it gave comes in its own time. A row that is done rests.
   * @throws {@link ShapeError} for a proposed id outside the vocabulary
   */
  async start(proposal: Proposal, options: FeedOptions = {}): Promise<StartedRound> {
    const { session, rows, model, guess } = this.#call;
    const { programs } = session;
    this.#checkAlive();
    const depths = 'tokens' in proposal ? proposal.tokens.map(({ length }) => length) : this.#possible(proposal.depths);
    if ('tokens' in proposal)
      proposal.tokens.forEach((row, b) => checkIds(row, this.#vocabSize, `chainRounds, row ${b}`));
    const depth = this.#depthFor(Math.max(0, ...depths));
    const there = depth > 0 && 'depths' in proposal;
    const proposing = there ? model : undefined;
    if (proposing) {
      // What the round before the last gave is read by the model; the last one hands over what it gives on the device.
      const unhanded = this.#past.slice(0, -1).filter(({ handed }) => !handed?.every(Boolean));
      await Promise.all(unhanded.map(({ done }) => done));
      await proposing.catchUp(options);
    }
    const { verify, draft } = await this.#programsOf(depth);
    const guessing = there ? await guess?.program(depth) : undefined;
    this.#checkAlive();
    session.checkAlive();
    // From here on in one turn, so that all of it is one submit.
    const counts = depth > 0 ? uploaded(programs.device, fromHost(Int32Array.from(depths), [rows.length])) : undefined;
    const before = this.#past.at(-1)!;
    const proposed =
      counts &&
      ('tokens' in proposal
        ? { tokens: tableOf(proposal.tokens, depth), depths: counts }
        : guessing
          ? { tokens: guessing.run([this.#hidden!])[0]!, depths: counts }
          : model!.run(draft!, { before: before.told!, rows: this.#rows, depths: counts, marks: this.#marks }));
    this.#handOver(before, proposing ? depths.map((count) => count >= 0) : rows.map(() => false));
    const outputs = verify.program.run([
      this.#rows,
      this.#ends,
      ...(proposed ? [proposed.tokens, proposed.depths] : []),
      ...treeLeaves(this.#marks),
      ...treeLeaves(this.#settings),
      ...session.leaves,
    ]);
    disposeTree([counts, proposed, before.told, this.#hidden]);
    before.told = undefined;
    const [told, standing, ...rest] = outputs;
    this.#rows = standing!;
    if (guess) this.#hidden = rest.shift();
    if (this.#marks) this.#marks = rest.shift();
    session.leaves = rest;
    return this.#reading(told!, depth + 1);
  }

  /**
   * Compiles all rounds, so that what cannot be is refused before anything is read, and no text waits for it later.
   * @throws {@link UnsupportedOptionError} when there is no room to take so many back
   */
  async prepare(): Promise<void> {
    const { session, depths, guess } = this.#call;
    const { longestDraft } = session;
    const longest = depths.at(-1) ?? 0;
    if (longest + 1 > longestDraft)
      throw new UnsupportedOptionError(
        `chainRounds: ${longest + 1} entries that may be taken back, and the session has room for ${longestDraft} of them. Draft fewer.`,
        { facts: { entries: longest + 1, longest: longestDraft } },
      );
    await Promise.all([
      ...[0, ...depths].map((depth) => this.#programsOf(depth)),
      ...(guess ? depths.map((depth) => guess.program(depth)) : []),
    ]);
  }

  /** Ends the rounds. What is under way is not waited for. Idempotent. */
  dispose(): void {
    if (this.#freed) return;
    this.#freed = true;
    for (const programs of this.#programs.values()) void programs.then(release, () => {});
    disposeTree([
      this.#rows,
      this.#marks,
      this.#hidden,
      this.#settings,
      this.#ends,
      ...this.#past.map(({ told }) => told),
    ]);
    this.#call.model?.dispose();
  }

  /** As {@link ChainRounds.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Places for what rounds tell of their entries. */
  get #places(): number {
    return (this.#call.depths.at(-1) ?? 0) + 1;
  }

  /** The programs of rounds of a depth. They are held until the rounds end, so that none has to be looked for. */
  #programsOf(depth: number): Promise<RoundPrograms> {
    const known = this.#programs.get(depth);
    if (known) return known;
    const { session, model } = this.#call;
    const made = heldTogether(
      verifyProgram(session.programs, session.size, this.#formOf(depth)),
      depth > 0 ? model?.hold(depth, this.#places) : undefined,
    );
    this.#programs.set(depth, made);
    // A failed compilation is tried again by the next call.
    made.catch(() => this.#programs.delete(depth));
    return made;
  }

  #formOf(depth: number): VerifyForm {
    const { sampling, guess } = this.#call;
    return { depth, ends: this.#ends.shape[1]!, places: this.#places, hidden: guess !== undefined, sampling };
  }

  get #vocabSize(): number {
    return this.#call.session.programs.graph.resolved.spec.vocabSize;
  }

  #checkAlive(): void {
    if (this.#freed) throw new FeatureUnavailableError('chainRounds: they were disposed. Begin new ones.');
  }

  /** Depths for which the model has room; a row that it cannot follow any further it leaves. */
  #possible(depths: readonly number[]): readonly number[] {
    return depths.map((depth, b) => {
      const room = this.roomOf(b);
      if (room < 0) this.#call.model?.leave(b);
      return Math.min(depth, room);
    });
  }

  #depthFor(most: number): number {
    const { depths } = this.#call;
    if (most === 0) return 0;
    const depth = depths.find((each) => each >= most);
    if (depth !== undefined) return depth;
    throw new UnsupportedOptionError(
      `chainRounds: ${most} tokens are proposed, and rounds are compiled for ${depths.at(-1) ?? 0} at most. Propose fewer.`,
      { facts: { proposed: most, longest: depths.at(-1) } },
    );
  }

  /** Tokens of a row's text at most when the rounds that are under way are done. */
  #mostTokens(row: number): number {
    const { history, limit } = this.#call.rows[row]!;
    const most = this.#past.reduce((sum, { n, ids }) => sum + (ids ? 0 : n), this.#lengths[row]!);
    return Math.min(most, history.prompt.length + limit);
  }

  /** Reads back what a round tells, in the turn in which it was started. */
  #reading(told: Tensor, n: number): StartedRound {
    const { session, model } = this.#call;
    const read = Promise.all([session.programs.device.read(told), session.caughtUp(), model?.caughtUp()]);
    const rows = read.then(([data]) => this.#arrived(past, data));
    rows.catch(() => {}); // Who asks for it is told; perhaps nobody does.
    const past: Past = { n, told, done: rows };
    this.#past.push(past);
    return { rows };
  }

  #arrived(past: Past, data: ArrayLike<number>): readonly RoundOfRow[] {
    const { session, rows } = this.#call;
    const n = this.#places;
    const made = rows.map((_, b): RoundOfRow => {
      const from = b * widthOfTold(n);
      const numbers = from + 3 * n;
      const kept = data[numbers + toldOfRound.kept]!;
      const choices: number[] = [];
      for (let i = 0; i < kept; i++) choices.push(data[from + i]!, data[from + n + i]!, this.#steps[b]! + i + 1);
      const proposed: number[] = [];
      for (let i = 0; i < data[numbers + toldOfRound.drafted]!; i++) proposed.push(data[from + 2 * n + i]!);
      const ids = chosenIds(choices, this.#vocabSize);
      session.lengths[b]! += kept;
      this.#steps[b]! += kept;
      this.#lengths[b]! += kept;
      return { ids, proposed, accepted: data[numbers + toldOfRound.accepted]! };
    });
    past.ids = made.map(({ ids }) => ids);
    this.#tellModel(past);
    return made;
  }

  /** Says which rows a model reads what a round gave on the device. */
  #handOver(past: Past, handed: readonly boolean[]): void {
    past.handed = handed;
    this.#tellModel(past);
  }

  /** What a round gave was handed to the model, or has to be read by it. */
  #tellModel(past: Past): void {
    const { ids, handed } = past;
    if (!ids || !handed) return;
    this.#past.splice(this.#past.indexOf(past), 1);
    const { model } = this.#call;
    ids.forEach((tokens, b) => (handed[b] ? model?.handed(b, tokens.length) : model?.add(b, tokens)));
  }
}

/** Both programs; what is held of them is let go where one fails. */
async function heldTogether(
  verifying: Promise<HeldProgram>,
  drafting: Promise<HeldProgram> | undefined,
): Promise<RoundPrograms> {
  const [verify, draft] = await Promise.allSettled([verifying, drafting]);
  if (verify.status === 'fulfilled' && draft.status === 'fulfilled')
    return { verify: verify.value, draft: draft.value };
  for (const each of [verify, draft]) if (each.status === 'fulfilled') each.value?.release();
  throw verify.status === 'rejected' ? verify.reason : (draft as PromiseRejectedResult).reason;
}

function release({ verify, draft }: RoundPrograms): void {
  verify.release();
  draft?.release();
}

function lastOf({ history: { prompt, generated } }: SamplerRow): number {
  return generated.length > 0 ? generated[generated.length - 1]! : prompt[prompt.length - 1]!;
}

/** Tokens that a text may still get. */
function leftOf({ history: { generated, endIds }, limit }: ChainRow): number {
  const last = generated.length > 0 ? generated[generated.length - 1]! : undefined;
  return last !== undefined && endIds?.includes(last) ? 0 : Math.max(0, limit - generated.length);
}
