import type { DraftCounts, Model, NextToken, Session } from '@tessera/assembler';
import { logprobOf, processedDistribution, topLogprobs } from '@tessera/sampling';
import type { AcceptanceCall, Acceptance } from './acceptance/accept-draft.ts';
import type { Draft } from './acceptance/draft.ts';
import { checkDraft, cropped, depthsOf, noDraft, parentsOf } from './acceptance/draft.ts';
import type { DraftCost } from './draft-length.ts';
import { testNumbers } from './random-streams.ts';
import { RowLengths } from './row-lengths.ts';
import type { DraftedRow, OpenDraftSource } from './sources/draft-source.ts';

/** A text that is generated. */
export interface SpeculativeRow extends DraftedRow {
  /** New tokens at most. */
  readonly limit: number;
  /** Log-probabilities that are wanted of each token. */
  readonly logprobs?: number | undefined;
}

/** What {@link Rounds} are made of. */
export interface RoundsCall {
  readonly target: Model;
  /** Has read the prompts but for the last token of each. */
  readonly session: Session;
  /** One for each row of the session; their `generated` is added to. */
  readonly rows: readonly (SpeculativeRow & { readonly generated: number[] })[];
  readonly source: OpenDraftSource;
  /** For messages. */
  readonly sourceName: string;
  /** Decides what stays. */
  readonly accept: (call: AcceptanceCall) => Acceptance;
  /** Depth of the deepest draft. */
  readonly longest: number;
  /** Nodes of the largest draft. @defaultValue as many as the session may take back */
  readonly nodes?: number | undefined;
  /** The source looks at what the target's output matrix read: its `hidden`. @defaultValue false */
  readonly hidden?: boolean | undefined;
  /** What drafts cost; undefined: always propose as many as may be. */
  readonly cost: DraftCost | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Speculation over the rows of a session: each round proposes, verifies in one pass, and keeps what is accepted, row by row. */
export class Rounds {
  readonly #call: RoundsCall;
  readonly #lengths: RowLengths;
  #rounds = 0;
  #drafted = 0;
  #accepted = 0;

  constructor(call: RoundsCall) {
    this.#call = call;
    const lengths = Array.from({ length: call.longest }, (_, index) => index + 1);
    this.#lengths = new RowLengths({ ...call, lengths });
  }

  /** What became of the drafts so far. */
  get drafts(): DraftCounts {
    return { rounds: this.#rounds, drafted: this.#drafted, accepted: this.#accepted };
  }

  /** True for a row that has its limit or was ended by one of its ids. */
  isDone(b: number): boolean {
    return isDone(this.#call.rows[b]!);
  }

  /** The next tokens of each row, one at least of each that is not done; none of the others, which stay as they are. */
  async round(): Promise<readonly (readonly NextToken[])[]> {
    const { rows, source, signal } = this.#call;
    const active = rows.map((_, b) => !this.isDone(b));
    const drafts = await this.#propose(active);
    signal?.throwIfAborted();
    const made = await this.#decided(active, drafts);
    made.forEach(({ tokens }, b) => rows[b]!.generated.push(...tokens.map(({ id }) => id)));
    this.#lengths.grown();
    await source.keep?.(
      made.map(({ path }) => path),
      made.map(({ hidden }) => hidden),
    );
    this.#rounds++;
    return made.map(({ tokens }) => tokens);
  }

  async #decided(active: readonly boolean[], drafts: readonly Draft[]): Promise<readonly Made[]> {
    const { rows, session, signal } = this.#call;
    const { logits, hidden } = await this.#read(active, drafts);
    signal?.throwIfAborted();
    const ofRow = (values: Float32Array, b: number): Float32Array => {
      const width = values.length / rows.length;
      return values.subarray(b * width, (b + 1) * width);
    };
    const made = rows.map((_, b): Made => {
      if (!active[b]) return nothing;
      const decided = this.#decide(b, drafts[b]!, ofRow(logits, b));
      if (!hidden) return decided;
      const { dModel: D } = this.#call.target.spec;
      const last = (decided.path.at(-1) ?? -1) + 1;
      return { ...decided, hidden: ofRow(hidden, b).subarray(last * D, (last + 1) * D) };
    });
    await session.commitDraft(
      made.map(({ tokens, path }) => [0, ...path.map((node) => node + 1)].slice(0, tokens.length)),
    );
    return made;
  }

  /** What the model says of drafts, each behind the last token of its text. */
  #read(
    active: readonly boolean[],
    drafts: readonly Draft[],
  ): Promise<{ readonly logits: Float32Array; readonly hidden?: Float32Array }> {
    const { session, rows, hidden } = this.#call;
    const tokens = rows.map((row, b) => (active[b] ? [lastOf(row), ...drafts[b]!.tokens] : []));
    const parents = drafts.some((draft) => draft.parents)
      ? drafts.map((draft, b) => (active[b] ? [-1, ...parentsOf(draft).map((parent) => parent + 1)] : []))
      : undefined;
    return hidden
      ? session.readDraftWithHidden(tokens, parents)
      : session.readDraft(tokens, parents).then((logits) => ({ logits }));
  }

  async #propose(active: readonly boolean[]): Promise<readonly Draft[]> {
    const { session, rows, source, sourceName, nodes = Infinity, target } = this.#call;
    const wanted = this.#lengths.next((b) => active[b]!);
    const most = rows.map(({ limit, generated }, b) =>
      // One token comes without a draft, and the last one before a draft is read with it.
      Math.max(0, Math.min(wanted[b]!, limit - generated.length - 1, session.roomOf(b) - 1)),
    );
    if (most.every((depth) => depth === 0)) return rows.map(() => noDraft);
    const proposed = await source.propose(most);
    return rows.map((_, b) => {
      const draft = proposed[b] ?? noDraft;
      checkDraft(draft, target.spec.vocabSize, sourceName);
      return firstNodes(cropped(draft, most[b]!), Math.min(nodes, session.longestDraft - 1, session.roomOf(b) - 1));
    });
  }

  /** Decides about a draft by the logits after each of its nodes. */
  #decide(b: number, draft: Draft, logits: Float32Array): Made {
    const { rows, accept, target } = this.#call;
    const { prompt, generated, endIds, row, sampling, logprobs } = rows[b]!;
    const V = target.spec.vocabSize;
    const logitsAfter = (node: number): Float32Array => logits.subarray((node + 1) * V, (node + 2) * V);
    const textOf = (path: readonly number[]): number[] => [...generated, ...path.map((node) => draft.tokens[node]!)];
    const { path, next } = accept({
      draft,
      p: (node, nodes) =>
        processedDistribution(logitsAfter(node), { prompt, generated: textOf(nodes), endIds, row }, sampling),
      uniforms: (depth) => testNumbers({ seed: sampling.seed ?? 0, step: generated.length + depth, row }),
    });
    const tokens = [...path.map((node) => draft.tokens[node]!), next].map((id, index): NextToken => {
      if (logprobs === undefined) return { id };
      const step = generated.length + index;
      const after = logitsAfter(index === 0 ? -1 : path[index - 1]!);
      const chosen = { id, logprob: logprobOf(after, id, step) };
      return { id, logprobs: { chosen, top: topLogprobs(after, logprobs, step) } };
    });
    return this.#taken(b, draft, path, tokens);
  }

  /** Takes what a round gave to a row, up to the end of its text. */
  #taken(b: number, draft: Draft, path: readonly number[], tokens: readonly NextToken[]): Made {
    const { endIds, limit, generated } = this.#call.rows[b]!;
    const end = tokens.findIndex(({ id }) => endIds?.includes(id));
    const kept = Math.min(end < 0 ? tokens.length : end + 1, limit - generated.length);
    const stayed = path.slice(0, kept);
    this.#drafted += draft.tokens.length;
    this.#accepted += stayed.length;
    this.#lengths.learn(b, Math.max(0, ...depthsOf(parentsOf(draft)).map((depth) => depth + 1)), path.length);
    return { tokens: tokens.slice(0, kept), path: stayed };
  }
}

/** True for a row that has its limit or was ended by one of its ids. */
export function isDone({ generated, limit, endIds }: SpeculativeRow): boolean {
  return generated.length >= limit || (endIds?.includes(generated.at(-1) ?? -1) ?? false);
}

/** What a round gave to a row. */
interface Made {
  readonly tokens: readonly NextToken[];
  /** Nodes of the draft that stayed. */
  readonly path: readonly number[];
  /** What the output matrix read last, `[D]`, if the source looks at it. */
  readonly hidden?: Float32Array;
}

const nothing: Made = { tokens: [], path: [] };

function lastOf({ prompt, generated }: DraftedRow): number {
  return generated.at(-1) ?? prompt.at(-1)!;
}

/** Parents come before children, so that the first nodes of a tree are a tree. */
function firstNodes(draft: Draft, most: number): Draft {
  if (draft.tokens.length <= most) return draft;
  const { tokens, parents, drawn } = draft;
  return {
    tokens: tokens.slice(0, most),
    ...(parents && { parents: parents.slice(0, most) }),
    ...(drawn && { drawn: { ...drawn, q: drawn.q.slice(0, most) } }),
  };
}
