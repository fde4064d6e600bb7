import type { ChainDraft, HiddenDraft, Model, RoundOfRow } from '@tessera/assembler';
import type { SamplingOptions } from '@tessera/sampling';
import type { Draft } from '../acceptance/draft.ts';

/** A row of text as a draft source sees it: `generated` grows from round to round. */
export interface DraftedRow {
  readonly prompt: readonly number[];
  readonly generated: readonly number[];
  /** How the target chooses. */
  readonly sampling: SamplingOptions;
  readonly endIds?: readonly number[] | undefined;
  /** Number of the row in its batch. */
  readonly row: number;
}

/** What a {@link DraftSource} is given for texts. */
export interface DraftSourceCall {
  readonly target: Model;
  readonly rows: readonly DraftedRow[];
  /** Positions of the longest text. */
  readonly capacity: number;
  /**
   * True: a proposed token stays where it is what the target draws, whatever it was drawn from, so that it had better be drawn by
   * the number that the target takes, `testNumbers(…)(0)`. Trees are not asked for. @defaultValue false
   */
  readonly coupled?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Proposes what may follow texts. Whatever it proposes, only speed depends on it. */
export interface DraftSource {
  /** For people. */
  readonly name: string;
  /** True: drafts may be trees. @defaultValue false */
  readonly trees?: boolean | undefined;
  /**
   * True: it is told what the target's output matrix read last. Rounds are decided on the host then, unless what it opens for a coupled call
   * proposes by itself: `'device'`. @defaultValue false
   */
  readonly hidden?: boolean | 'device' | undefined;
  /** Tokens of its deepest draft on the way down. @defaultValue as many as may be */
  readonly depth?: number | undefined;
  /** Tokens of its largest draft, more than deep where it is a tree. @defaultValue as many as it is deep */
  readonly nodes?: number | undefined;
  /** What it takes to propose one token, in steps of the target. */
  cost(target: Model): number;
  /** @throws {@link UnsupportedOptionError} when it cannot propose to this target */
  open(call: DraftSourceCall): Promise<OpenDraftSource>;
}

/** A {@link DraftSource} at work on some rows. */
export interface OpenDraftSource {
  /**
   * Proposes what follows the rows as they are now.
   * @param most - of each row how many tokens deep; 0: nothing
   */
  propose(most: readonly number[]): Promise<readonly Draft[]>;
  /**
   * Of a source that takes next to no time and looks at nothing but the rows, what it would propose to them as they are. It may be asked at any time: while
   * drafts rest, what would have stayed is told by the text itself, without a round in vain, and no device waits where nothing is foreseen.
   * @param most - as of `propose`
   */
  readonly foresee?: ((most: readonly number[]) => readonly Draft[]) | undefined;
  /**
   * Told after each round, the rows having grown, whether there were drafts or not.
   * @param paths - nodes of each draft that stayed in its row
   * @param hidden - for a source that asks for it: of each row what the target's output matrix read, `[D]`, before it chose the last
   *   token of the row; undefined for rows that rest
   */
  keep?(paths: readonly (readonly number[])[], hidden?: readonly (Float32Array | undefined)[]): Promise<void>;
  /**
   * Of a source that is a model on the device of the target: what the device runs by itself then, so that a round is one submit.
   * Neither `propose` nor `keep` is called in this case. Only if the call is coupled.
   */
  readonly chain?: ChainDraft | undefined;
  /** As {@link OpenDraftSource.chain}, of a source that needs what the target's output matrix read last and nothing else. */
  readonly guess?: HiddenDraft | undefined;
  /** Told after each round in which {@link OpenDraftSource.chain} or {@link OpenDraftSource.guess} was there to propose, the rows having grown, what became of each row. */
  watch?(rows: readonly RoundOfRow[]): void;
  /** Frees what it holds. */
  [Symbol.dispose]?(): void;
}
