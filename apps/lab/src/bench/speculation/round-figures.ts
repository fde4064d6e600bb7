import type { Round } from './watched-rounds.ts';

/** What rounds of speculation are and take, on average. */
export interface RoundFigures {
  readonly rounds: number;
  /** Proposed tokens that were looked at: a rejected one ends the test of its draft. */
  readonly tested: number;
  /** Part of those that stayed. */
  readonly acceptance: number;
  /** Part of all that were proposed that stayed. */
  readonly ofDrafted: number;
  readonly tokens: number;
  readonly drafted: number;
  readonly submits: number;
  readonly dispatches: number;
  readonly reads: number;
}

/** Figures of rounds of one row each. */
export function roundFiguresOf(rounds: readonly Round[]): RoundFigures {
  const sum = (of: (round: Round) => number): number => rounds.reduce((total, round) => total + of(round), 0);
  const mean = (of: (round: Round) => number): number => sum(of) / rounds.length;
  const tested = sum(({ drafted, accepted }) => Math.min(drafted, accepted + 1));
  const [accepted, drafted] = [sum((round) => round.accepted), sum((round) => round.drafted)];
  return {
    rounds: rounds.length,
    tested,
    acceptance: tested === 0 ? 0 : accepted / tested,
    ofDrafted: drafted === 0 ? 0 : accepted / drafted,
    tokens: mean(({ tokens }) => tokens),
    drafted: mean((round) => round.drafted),
    submits: mean(({ submits }) => submits),
    dispatches: mean(({ dispatches }) => dispatches),
    reads: mean(({ reads }) => reads),
  };
}
