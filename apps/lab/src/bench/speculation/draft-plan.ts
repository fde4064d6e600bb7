import type { Scale } from '../scale.ts';

/** How a row speculates. */
export interface DraftPlan {
  /** What proposes: a second model, look-ups, or heads of the target. */
  readonly source: 'model' | 'lookup' | 'heads';
  /** Probability that a proposed token is right, by construction; absent: as the source has it. */
  readonly acceptance?: number;
  /** Tokens of the longest draft. */
  readonly longest: number;
  /** Drafts are as long as is worth while; else as long as may be. */
  readonly adaptive: boolean;
}

/** What is there to draft with. */
export interface Drafts {
  /** A draft model that was trained. */
  readonly model: boolean;
  readonly heads: boolean;
}

/** By adaptive length, and where all is measured always as many. */
const lengthsOf = (scale: Scale): readonly Pick<DraftPlan, 'longest' | 'adaptive'>[] => {
  const adaptive = { longest: scale === 'dry' ? 1 : 8, adaptive: true };
  return scale === 'full' ? [adaptive, { longest: 4, adaptive: false }] : [adaptive];
};

/** Rows of a target whose draft is right with given probabilities. */
export function constructedPlans(scale: Scale): readonly DraftPlan[] {
  // Never right: what remains is what it costs to ask.
  return (scale === 'dry' ? [0.6] : [0, 0.3, 0.6, 0.8]).flatMap((acceptance) =>
    lengthsOf(scale)
      .filter(({ adaptive }) => adaptive || acceptance > 0)
      .map((length): DraftPlan => ({ source: 'model', acceptance, ...length })),
  );
}

/** Rows of a trained target: a trained draft, or one that is right by construction; look-ups; heads. */
export function storyPlans(scale: Scale, { model, heads }: Drafts): readonly DraftPlan[] {
  const lengths = lengthsOf(scale);
  const [first] = lengths as [(typeof lengths)[number]];
  return [
    ...(model ? lengths.map((length): DraftPlan => ({ source: 'model', ...length })) : constructedPlans(scale)),
    { source: 'lookup', ...first },
    ...(heads ? [{ source: 'heads', ...first } as const] : []),
  ];
}

const sources = { model: 'draft model', lookup: 'look-up', heads: 'heads' } as const;

/** A row in words. */
export function nameOfPlan({ source, acceptance, longest, adaptive }: DraftPlan): string {
  const by = acceptance === undefined ? sources[source] : `draft right at ${acceptance}`;
  return `${by}, ${adaptive ? `adaptive up to ${longest}` : `always ${longest}`}`;
}
