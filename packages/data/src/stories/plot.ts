/** What a sentence makes true. `of` and `value` are slots; the last fact of a kind about the same thing holds. */
export interface FactRule {
  readonly kind: 'place' | 'holder' | 'colour' | 'count' | 'deed';
  /** The slot of what the fact is about. */
  readonly of: string;
  /** The slot of what is said about it. */
  readonly value: string;
}

/** A step of a plot, told in one of several ways. */
export interface Step {
  readonly say: readonly string[];
  readonly facts?: readonly FactRule[];
  /** In how many of a hundred stories the step is told; absent: in all. */
  readonly percent?: number;
}

/** A question that the story answers, told in one of several ways, with its answer. */
interface Recall {
  readonly about: Pick<FactRule, 'kind' | 'of'>;
  readonly ask: readonly string[];
}

/** A small plot. Templates are those of `fill`. */
export interface Plot {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly recalls: readonly Recall[];
}
