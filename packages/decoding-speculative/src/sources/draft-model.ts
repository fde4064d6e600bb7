import type { ChainDraft, Model, Session } from '@tessera/assembler';
import { capacityFor } from '@tessera/assembler';
import type { SamplingOptions } from '@tessera/sampling';
import { placeOf, processedDistribution } from '@tessera/sampling';
import type { Draft } from '../acceptance/draft.ts';
import { noDraft } from '../acceptance/draft.ts';
import { stepBytes } from '../costs.ts';
import { draftNumbers, testNumbers } from '../random-streams.ts';
import type { DraftSource, DraftSourceCall, DraftedRow, OpenDraftSource } from './draft-source.ts';
import { checkSameTokens } from './same-tokens.ts';

/** Settings of {@link draftModel}. */
export interface DraftModelOptions {
  /** Temperature at which it draws; speed depends on it, the text does not. @defaultValue that of the target */
  readonly temperature?: number | undefined;
  /** What it takes to propose one token, in steps of the target. @defaultValue estimated from the sizes of both */
  readonly cost?: number | undefined;
}

/** Tokens that are read together with a draft rather than before it. */
const fewUnread = 8;

/**
 * A smaller model that proposes chains. It has a session of its own, which after each round has read nothing but the text.
 * @param model - any stack with the tokenizer of the target; it stays the caller's
 */
export function draftModel(model: Model, options: DraftModelOptions = {}): DraftSource {
  return {
    name: 'draft',
    cost: (target) => options.cost ?? stepBytes(model) / stepBytes(target),
    async open(call) {
      checkSameTokens(call.target, model);
      const { rows, capacity } = call;
      const session = await model.session({
        batch: rows.length,
        capacity: capacityFor(capacity, model.contextLength, model.device),
      });
      return new DraftModelAtWork(model, session, call, options);
    },
  };
}

class DraftModelAtWork implements OpenDraftSource {
  readonly #model: Model;
  readonly #session: Session;
  readonly #call: DraftSourceCall;
  readonly #options: DraftModelOptions;
  /** Tokens of each row that the session has read for good. */
  readonly #read: number[];
  /** Of the draft under way: tokens of each row that were committed and not read before it, and tokens that it proposed. */
  #begun: { readonly unread: readonly number[][]; readonly tokens: readonly number[][] } | undefined;

  constructor(model: Model, session: Session, call: DraftSourceCall, options: DraftModelOptions) {
    this.#model = model;
    this.#session = session;
    this.#call = call;
    this.#options = options;
    this.#read = call.rows.map(() => 0);
  }

  /** Where tokens are drawn by the numbers of the target anyway, a device that has both models can do it alone. */
  get chain(): ChainDraft | undefined {
    const { target, rows, coupled } = this.#call;
    const there = this.#model.device === target.device && this.#model.spec.vocabSize >= target.spec.vocabSize;
    if (coupled !== true || !there) return undefined;
    return { session: this.#session, options: rows.map(({ sampling }) => this.#optionsOf(sampling)) };
  }

  async propose(most: readonly number[]): Promise<readonly Draft[]> {
    const { rows } = this.#call;
    const depths = rows.map((row, b) => this.#depth(row, b, most[b]!));
    const unread = await this.#catchUp(depths);
    const tokens: number[][] = rows.map(() => []);
    const q: Float32Array[][] = rows.map(() => []);
    this.#begun = { unread, tokens };
    for (let depth = 0; depth < Math.max(...depths); depth++) {
      this.#call.signal?.throwIfAborted();
      const step = rows.map((_, b) => (depths[b]! <= depth ? [] : depth === 0 ? unread[b]! : tokens[b]!.slice(-1)));
      const logits = await this.#session.readDraft(step);
      const V = this.#model.spec.vocabSize;
      const width = logits.length / rows.length;
      rows.forEach((row, b) => {
        if (step[b]!.length === 0) return;
        const at = b * width + (step[b]!.length - 1) * V;
        const drawn = this.#draw(row, tokens[b]!, logits.subarray(at, at + V));
        tokens[b]!.push(drawn.token);
        q[b]!.push(drawn.q);
      });
    }
    const listed = (sampling: SamplingOptions): boolean =>
      this.#call.coupled === true || isGreedy(this.#optionsOf(sampling));
    return rows.map(({ sampling }, b) =>
      tokens[b]!.length === 0 ? noDraft : { tokens: tokens[b]!, ...(!listed(sampling) && { drawn: { q: q[b]! } }) },
    );
  }

  async keep(paths: readonly (readonly number[])[]): Promise<void> {
    const begun = this.#begun;
    this.#begun = undefined;
    if (!begun || begun.tokens.every((tokens) => tokens.length === 0)) return;
    // The last token of a draft was proposed and not read.
    const kept = begun.tokens.map((tokens, b) =>
      tokens.length === 0 ? 0 : begun.unread[b]!.length + Math.min(paths[b]!.length, tokens.length - 1),
    );
    await this.#session.commitDraft(kept.map((count) => Array.from({ length: count }, (_, entry) => entry)));
    kept.forEach((count, b) => (this.#read[b]! += count));
  }

  [Symbol.dispose](): void {
    this.#session.dispose();
  }

  /** How deep a draft may be: there may be no room, or a token that this model does not have. */
  #depth({ prompt, generated }: DraftedRow, b: number, most: number): number {
    const read = this.#read[b]!;
    const unread = [...prompt, ...generated].slice(read);
    if (unread.some((id) => id >= this.#model.spec.vocabSize)) return 0;
    const room = Math.min(this.#session.roomOf(b) - unread.length, this.#session.longestDraft - fewUnread) + 1;
    return Math.max(0, Math.min(most, room));
  }

  /** Reads what was committed, all but the last tokens of each row that gets a draft; returns those. */
  async #catchUp(depths: readonly number[]): Promise<number[][]> {
    const { rows, signal } = this.#call;
    const unread = rows.map(({ prompt, generated }, b) =>
      depths[b]! > 0 ? [...prompt, ...generated].slice(this.#read[b]) : [],
    );
    const before = unread.map((tokens) => (tokens.length > fewUnread ? tokens.slice(0, -1) : []));
    if (before.some((tokens) => tokens.length > 0)) await this.#session.read(before, { signal });
    before.forEach((tokens, b) => (this.#read[b]! += tokens.length));
    return unread.map((tokens, b) => tokens.slice(before[b]!.length));
  }

  #draw(
    { prompt, generated, endIds, row, sampling }: DraftedRow,
    drafted: readonly number[],
    logits: Float32Array,
  ): { readonly token: number; readonly q: Float32Array } {
    const history = { prompt, generated: [...generated, ...drafted], endIds, row };
    // Rows of padding are nothing that the target could be asked about.
    const shared = logits.subarray(0, this.#call.target.spec.vocabSize);
    const q = processedDistribution(shared, history, this.#optionsOf(sampling));
    const numbersOf = this.#call.coupled ? testNumbers : draftNumbers;
    const numbers = numbersOf({ seed: sampling.seed ?? 0, step: history.generated.length, row });
    return { token: placeOf(q, numbers(0)), q };
  }

  #optionsOf(sampling: SamplingOptions): SamplingOptions {
    const { temperature } = this.#options;
    return temperature === undefined ? sampling : { ...sampling, temperature };
  }
}

function isGreedy({ temperature, topK, topP, minP, typicalP }: SamplingOptions): boolean {
  const narrowed = [topK, topP, minP, typicalP].some((option) => option !== undefined);
  return (temperature ?? (narrowed ? 1 : 0)) === 0;
}
