import type { Tensor } from '@tessera/tensor-core';
import type { FeedOptions } from './session.ts';
import type { SessionSize, StepPrograms } from './step-programs.ts';

/** A session as it is seen by what goes on with its state. */
export interface SessionInside {
  readonly programs: StepPrograms;
  readonly size: SessionSize;
  /** The leaves of what it remembers. */
  state: readonly Tensor[];
  /** Positions read of each row. */
  readonly lengths: number[];
  /** Entries that may be taken back together. */
  readonly longestDraft: number;
  /** @throws {@link FeatureUnavailableError} when it was disposed */
  checkAlive(): void;
  /** Waits for steps that were started; rejects with what went wrong in one of them. */
  caughtUp(): Promise<void>;
  /** Reads tokens, see `Session.read`. */
  read(rows: readonly (readonly number[])[], options?: FeedOptions): Promise<void>;
}
