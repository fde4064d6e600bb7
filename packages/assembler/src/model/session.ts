import type { DeviceSampling, SamplerRow, SamplingOptions } from '@tessera/sampling';
import { deviceSampler, deviceSamplingOf } from '@tessera/sampling';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, disposeTree, fillTree, mapTree, treeLeaves } from '@tessera/tensor-core';
import { ChainRounds } from './chain-rounds.ts';
import type { ChainRow, HiddenDraft } from './chain-rounds.ts';
import { Choices } from './choices.ts';
import { DraftsOfModel } from './drafts-of-model.ts';
import { OpenDraft, draftInputs, draftLength } from './open-draft.ts';
import type { FeedOptions, TokenRows } from './session-state.ts';
import { SessionState, stepsAtOnce } from './session-state.ts';
import { changing } from './step-programs.ts';
import type { SessionSize, StepPrograms } from './step-programs.ts';

/** How {@link Session.chainRounds} go. */
export interface ChainRoundsOptions {
  /** How many tokens a draft may have, ascending: each is a program to compile, and a draft takes the first that holds it. */
  readonly depths: readonly number[];
  /** Proposes on the same device; absent: the caller proposes. */
  readonly draft?: ChainDraft | undefined;
  /** Proposes there from what the output matrix read, in place of a model. */
  readonly guess?: HiddenDraft | undefined;
}

/** A model that proposes on the device of its target. */
export interface ChainDraft {
  /** Has read nothing; stays the caller's. */
  readonly session: Session;
  /** How it chooses, for each row. */
  readonly options: readonly SamplingOptions[];
  /**
   * For each row tokens that stand in for those it chooses, by their number in the text, −1 for none: what a measurement with a
   * given acceptance needs. @defaultValue none
   */
  readonly instead?: readonly (readonly number[])[] | undefined;
}

/** Sequences that a model reads step by step, with what it remembers of them. */
export class Session {
  readonly #state: SessionState;

  private constructor(state: SessionState) {
    this.#state = state;
  }

  /**
   * A session with room for `capacity` positions a row; without a limit where the model has a cache policy that needs none.
   * @throws {@link UnsupportedOptionError} for a size that is no whole number from 1
   * @throws {@link ContextOverflowError} for more positions than the model has learned
   */
  static async open(programs: StepPrograms, size: SessionSize): Promise<Session> {
    return new Session(await SessionState.open(programs, size));
  }

  /** Where it computes. */
  get device(): Device {
    return this.#state.programs.device;
  }

  /** Positions read so far by the longest row. */
  get length(): number {
    return Math.max(...this.#state.lengths);
  }

  /** Entries that steps which may be taken back bring at most together. */
  get longestDraft(): number {
    return this.#state.longestDraft;
  }

  /** Entries for which a row has room. */
  roomOf(row: number): number {
    return this.#state.size.capacity - this.#state.lengths[row]!;
  }

  /** Bytes of the state, which stay the same however much is read. */
  get stateBytes(): number {
    return this.#state.leaves.reduce(
      (total, leaf) => total + (leaf.source.kind === 'resident' ? leaf.source.storage.bytes : 0),
      0,
    );
  }

  /**
   * Reads tokens, one list a row, and gives the logits after the last of them. A row without tokens stays as it is, and its
   * logits are zeros. One call at a time.
   * @returns `[B, V]`, row-major
   * @throws {@link ContextOverflowError} when they do not fit
   * @throws {@link ShapeError} for another number of rows than the session has, or an id outside the vocabulary
   * @throws {@link DeviceLostError} when the device is lost
   */
  async feed(rows: TokenRows, options: FeedOptions = {}): Promise<Float32Array> {
    const state = this.#state;
    state.checkRows(rows);
    const { vocabSize: V } = state.programs.graph.resolved.spec;
    const logits = new Float32Array(state.size.batch * V);
    // A single token is what a host that chooses by logits feeds again and again.
    const single = rows.every((row) => row.length <= 1);
    const lengths = single ? [1] : state.lengthsOfSteps;
    await state.steps(rows, lengths, options, async (call) => {
      const { chunk, n, at } = call;
      const ending = rows.flatMap((row, b) => (row.length > at && row.length <= at + n ? [b] : []));
      if (ending.length === 0) return state.step(call);
      const made = await state.stepWithLogits(chunk, n);
      for (const b of ending) logits.set(made.subarray(b * V, (b + 1) * V), b * V);
      return undefined;
    });
    await state.caughtUp();
    return logits;
  }

  /**
   * Reads tokens as {@link Session.feed} does, without logits of any, which a device need not compute then. Resolves when the
   * last step was started; what goes wrong in it rejects the call that follows.
   */
  async read(rows: TokenRows, options: FeedOptions = {}): Promise<void> {
    await this.#state.read(rows, options);
  }

  /**
   * Reads tokens for the time being: {@link Session.commitDraft} says which of them stay, and nothing else is possible before. May
   * be called several times, of chains. A row without tokens stays as it is.
   * @param rows - tokens of each row
   * @param parents - of a tree the parent of each token, −1 for the last one that was read before
   * @returns logits after each token, `[B, n, V]` with n at least the longest row's, row-major
   * @throws {@link UnsupportedOptionError} for more entries than {@link Session.longestDraft}
   * @throws {@link ContextOverflowError} when they do not fit
   */
  async readDraft(rows: TokenRows, parents?: TokenRows): Promise<Float32Array> {
    const [logits] = await this.#readDraft(rows, parents, false);
    return logits!;
  }

  /**
   * {@link Session.readDraft} with what the output matrix read of each token, after the final norm: for whoever guesses from it
   * what comes next.
   * @returns logits `[B, n, V]` and hidden `[B, n, D]`, row-major
   * @throws as {@link Session.readDraft}
   */
  async readDraftWithHidden(
    rows: TokenRows,
    parents?: TokenRows,
  ): Promise<{ readonly logits: Float32Array; readonly hidden: Float32Array }> {
    const [logits, hidden] = await this.#readDraft(rows, parents, true);
    return { logits: logits!, hidden: hidden! };
  }

  /**
   * Compiles the step that reads so many tokens for the time being, so that what cannot be is refused before anything is read.
   * @param tree - true: the tokens will be a tree
   * @param hidden - true: they will be read by {@link Session.readDraftWithHidden}
   * @throws as {@link Session.readDraft}
   */
  async prepareDraft(tokens: number, tree = false, hidden = false): Promise<void> {
    const { programs, size } = this.#state;
    this.#state.checkAlive();
    const n = this.#state.draftLength(tokens, 0);
    await programs.prepareDraft({ ...size, n, tree, again: false, hidden });
  }

  /**
   * Keeps of what {@link Session.readDraft} read only the tokens on a path; all else leaves no trace.
   * @param paths - for each row the numbers of the tokens that stay, in order, counted over all calls
   * @throws {@link FeatureUnavailableError} when nothing was read
   */
  async commitDraft(paths: TokenRows): Promise<void> {
    const state = this.#state;
    const { programs, size, draft } = state;
    state.checkAlive();
    if (!draft || paths.length !== size.batch)
      throw new FeatureUnavailableError(
        `commitDraft: ${draft ? `${paths.length} paths for ${size.batch} rows` : 'nothing was read by readDraft'}. Give each row a path after readDraft.`,
      );
    const depth = draftLength(Math.max(1, ...paths.map((path) => path.length)), programs.device, draft.entries);
    const form = { ...size, steps: draft.steps, depth };
    state.leaves = await programs.commit(form, [...draft.commitInputs(paths, depth), ...state.leaves]);
    state.draft = undefined;
    paths.forEach((path, b) => (state.lengths[b]! += path.length));
  }

  /**
   * Goes on by itself: the device chooses tokens and reads them. The last token of each row's history must not have been read
   * before. Choices that are left early may have read one token more than was taken, see {@link Session.length}.
   * @param rows - history and options of each row
   * @param most - tokens of each row at most
   * @throws {@link FeatureUnavailableError} for options that need logits on the host
   * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary
   * @throws {@link ContextOverflowError} when they do not fit
   */
  async choices(rows: readonly SamplerRow[], most: number): Promise<Choices> {
    const state = this.#state;
    state.checkCount(rows.length, 'choices');
    state.checkNoDraft();
    rows.forEach(({ history: { prompt, generated } }, b) => {
      state.checkIds([...Array.from(prompt), ...Array.from(generated)], `choices, row ${b}`);
      state.checkRoom(state.lengths[b]! + most, b);
    });
    const sampling = samplingOf(rows, 'choices');
    const { device, graph } = state.programs;
    const { vocabSize } = graph.resolved.spec;
    const given = deviceSampler(rows, sampling, vocabSize);
    const { program, release } = await state.programs.choice(state.size, sampling);
    let sampler = given;
    const free = (): void => {
      disposeTree(sampler);
      release();
    };
    try {
      state.checkAlive();
      sampler = mapTree(given, (leaf) => device.upload((leaf.source as { data: HostArray }).data, leaf));
    } catch (error) {
      free();
      throw error;
    }
    // Up to the first `await` in one turn, so that run and reading are one submit.
    const step = async (): Promise<HostArray> => {
      state.checkAlive();
      const outputs = program.run([...treeLeaves(sampler), ...state.leaves]);
      const changed = fillTree(changing(sampler), outputs);
      sampler = { ...sampler, ...changed };
      state.leaves = outputs.slice(treeLeaves(changed).length);
      state.lengths.forEach((length, b) => (state.lengths[b] = length + 1));
      // A copy as it is now, before the next step takes it over; and what went wrong in steps that read the prompt.
      const [choice] = await Promise.all([device.read(sampler.choice), state.caughtUp()]);
      return choice;
    };
    return new Choices({ step, most, atOnce: stepsAtOnce(device), vocabSize, free });
  }

  /**
   * Rounds of speculation that the device decides by itself. The last token of each row's history must not have been read before.
   * @param rows - history, options and limit of each row; what a round chooses is counted from then on
   * @throws {@link FeatureUnavailableError} for options that need logits on the host, or a model elsewhere
   * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary
   * @throws {@link ContextOverflowError} when the rows do not fit
   */
  chainRounds(rows: readonly ChainRow[], { depths, draft, guess }: ChainRoundsOptions): ChainRounds {
    const state = this.#state;
    state.checkCount(rows.length, 'chainRounds');
    state.checkNoDraft();
    const { vocabSize } = state.programs.graph.resolved.spec;
    const drafting = (model: ChainDraft): DraftsOfModel => {
      const { options, instead } = model;
      const session = model.session.#state;
      session.checkCount(rows.length, 'chainRounds');
      const { device, graph } = session.programs;
      if (device !== state.programs.device || graph.resolved.spec.vocabSize < vocabSize)
        throw new FeatureUnavailableError(
          'chainRounds: a model that proposes on the device of the target has to be there, and to have its tokens. Propose from the host.',
        );
      const chosen = rows.map(({ history }, b) => ({ history, options: options[b]! }));
      const sampling = samplingOf(chosen, 'chainRounds');
      const { settings } = deviceSampler(chosen, sampling, vocabSize);
      const unread = rows.map(({ history: { prompt, generated } }) =>
        [...Array.from(prompt), ...Array.from(generated)].slice(0, -1),
      );
      return new DraftsOfModel({ session, sampling, settings, vocabSize, unread, instead });
    };
    return new ChainRounds({
      session: state,
      rows,
      sampling: samplingOf(rows, 'chainRounds'),
      depths,
      model: draft && drafting(draft),
      guess,
    });
  }

  /** Frees the state. Idempotent. */
  dispose(): void {
    this.#state.dispose();
  }

  /** As {@link Session.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #readDraft(rows: TokenRows, parents: TokenRows | undefined, hidden: boolean): Promise<readonly Float32Array[]> {
    const state = this.#state;
    const { programs, size } = state;
    state.checkCount(rows.length, 'readDraft');
    if (parents && state.draft)
      throw new FeatureUnavailableError('readDraft: a tree is read by one call, not after others.');
    rows.forEach((row, b) => {
      state.checkIds(row, `readDraft, row ${b}`);
      state.checkRoom(state.lengths[b]! + (state.draft?.entriesOf(b) ?? 0) + row.length, b);
    });
    const n = state.draftLength(Math.max(1, ...rows.map((row) => row.length)), state.draft?.entries ?? 0);
    await state.caughtUp();
    const again = state.draft !== undefined;
    const inputs = [...draftInputs(rows, parents, n), ...state.leaves];
    let told: readonly Tensor[] = [];
    try {
      const form = { ...size, n, tree: parents !== undefined, again, hidden };
      return (await programs.draft(form, inputs, (made) => {
        state.draft ??= new OpenDraft(state.leaves);
        state.draft.add({ record: made.record, n, lengths: rows.map((row) => row.length) });
        state.leaves = made.state;
        told = made.told;
        return Promise.all(told.map((tensor) => programs.device.read(tensor)));
      })) as Float32Array[];
    } finally {
      disposeTree(told);
    }
  }
}

/** What a device does for rows together. */
function samplingOf(rows: readonly SamplerRow[], where: string): DeviceSampling {
  const kinds = rows.map(({ options }) => deviceSamplingOf(options));
  if (kinds.includes(undefined))
    throw new FeatureUnavailableError(
      `${where}: logitsProcessors and noRepeatNgramSize need logits on the host. Use feed, and choose there.`,
    );
  return { sampled: kinds.some((kind) => kind?.sampled), adjusted: kinds.some((kind) => kind?.adjusted) };
}
