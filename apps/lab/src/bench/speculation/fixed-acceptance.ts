import type { DraftSource } from '@tessera/decoding-speculative';
import { draftNumbers } from '@tessera/decoding-speculative';

/** How often drafts are right. */
export interface FixedAcceptance {
  /** What the target writes, known from before. */
  readonly text: readonly number[];
  /** Probability that a proposed token is that of the text. */
  readonly acceptance: number;
  readonly seed: number;
}

/**
 * A source that takes the time of another one and is right with a given probability: in place of each of its proposals stands the token that
 * the target will choose, or another one. A draw belongs to a position of the text, which is tested once at most, so that tests are
 * independent.
 */
export function fixedAcceptance(source: DraftSource, fixed: FixedAcceptance): DraftSource {
  return {
    ...source,
    async open(call) {
      const instead = proposalsOf(fixed, call.target.spec.vocabSize);
      const open = await source.open(call);
      const { chain } = open;
      return {
        async propose(most) {
          const drafts = await open.propose(most);
          return drafts.map(({ tokens }, b) => {
            const step = call.rows[b]!.generated.length;
            return { tokens: tokens.map((token, index) => instead[step + index] ?? token) };
          });
        },
        keep: async (...kept) => open.keep?.(...kept),
        ...(chain && { chain: { ...chain, instead: call.rows.map(() => instead) } }),
        [Symbol.dispose]: () => open[Symbol.dispose]?.(),
      };
    },
  };
}

/** What is proposed for each position of a text. */
export function proposalsOf({ text, acceptance, seed }: FixedAcceptance, vocabSize: number): readonly number[] {
  return text.map((id, step) => (draftNumbers({ seed, step })(0) < acceptance ? id : (id + 1) % vocabSize));
}
