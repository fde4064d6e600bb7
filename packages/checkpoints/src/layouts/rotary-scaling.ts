import type { ConfigReader } from './config-reader.ts';

/** What a scaling rule depends on beside its own fields. */
export interface RotaryContext {
  /** Rotated elements of a head. */
  readonly dims: number;
  readonly theta: number;
  /** `max_position_embeddings` */
  readonly maxPositions: number;
  /** The original length where the family fixes it outside of the rule's fields. */
  readonly originalMaxPositions?: number | undefined;
  /** Declared length of prompt and new tokens. */
  readonly contextLength?: number | undefined;
  /** False: `truncate` is not read here, and is true. @defaultValue true */
  readonly readsTruncate?: boolean;
}

/** A scaling rule as a spec holds it. */
interface RotaryRule {
  readonly scaling?: Readonly<Record<string, unknown>>;
  readonly attentionFactor?: number;
  /** Positions up to which the frequencies are those of the published model; absent: all. */
  readonly limit?: number;
}

/** Fields of one rule or another. A rule that does not use one of them ignores it, as the published code does. */
const scalingFields = [
  'factor', 'original_max_position_embeddings', 'attention_factor', 'beta_fast', 'beta_slow', 'mscale', 'mscale_all_dim',
  'truncate', 'low_freq_factor', 'high_freq_factor', 'short_factor', 'long_factor',
]; // prettier-ignore

/** Reads the fields of one rule. */
export type ReadScaling = (reader: ConfigReader, context: RotaryContext) => RotaryRule;

/** Published names of scaling rules to their readers. */
export const scalingReaders: ReadonlyMap<string, ReadScaling> = new Map<string, ReadScaling>([
  ['default', () => ({})],
  ['linear', (reader) => ({ scaling: { type: 'linear', factor: factorOf(reader) } })],
  ['dynamic', dynamic],
  ['yarn', yarn],
  ['llama3', llama3],
  ['longrope', longrope],
]);

/** Marks the fields that rules have as known. */
export function allowScalingFields(reader: ConfigReader): void {
  reader.inert(scalingFields);
}

function factorOf(reader: ConfigReader, fallback?: number): number {
  if (reader.has('factor')) return reader.number('factor', 1, { min: 0, above: true });
  if (fallback === undefined) throw reader.wrong('factor', 'a number above 0');
  return fallback;
}

function originalOf(reader: ConfigReader, { originalMaxPositions, maxPositions }: RotaryContext): number {
  const inside = reader.optionalInt('original_max_position_embeddings');
  return originalMaxPositions ?? inside ?? maxPositions;
}

function dynamic(reader: ConfigReader, { dims, maxPositions, contextLength = 0 }: RotaryContext): RotaryRule {
  // The exponent dims / (dims − 2) of the base.
  if (dims <= 2) throw reader.refused('rope_type', `'dynamic' over more than 2 rotated elements, not ${dims}`);
  const scaling = {
    type: 'dynamic',
    factor: factorOf(reader),
    maxPositions,
    contextLength: Math.max(contextLength, maxPositions),
  };
  return { scaling };
}

function yarn(reader: ConfigReader, context: RotaryContext): RotaryRule {
  const { maxPositions, theta, readsTruncate = true } = context;
  if (theta <= 1) throw reader.refused('rope_type', `'yarn' with a rope_theta above 1, not ${theta}`);
  const originalMaxPositions = originalOf(reader, context);
  if (reader.value('factor') === undefined) throw reader.wrong('factor', 'a number above 0');
  const factor = factorOf(reader, maxPositions / originalMaxPositions);
  const truncate = readsTruncate ? reader.bool('truncate', true) : true;
  const scaling = {
    type: 'yarn',
    factor,
    originalMaxPositions,
    // Zero stands for the default, like null.
    betaFast: reader.optionalNumber('beta_fast', { min: 0 }) || 32,
    betaSlow: reader.optionalNumber('beta_slow', { min: 0 }) || 1,
    ...(!truncate && { truncate }),
  };
  return { scaling, ...attentionFactor(reader, () => yarnFactor(reader, factor)) };
}

/** The published formula for how much longer contexts sharpen attention. */
function yarnFactor(reader: ConfigReader, factor: number): number {
  const grown = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const mscale = reader.optionalNumber('mscale');
  const allDim = reader.optionalNumber('mscale_all_dim');
  // One of them alone counts for nothing.
  return mscale && allDim ? grown(mscale) / grown(allDim) : grown(1);
}

function llama3(reader: ConfigReader, context: RotaryContext): RotaryRule {
  const factor = factorOf(reader);
  const [low, high] = ['low_freq_factor', 'high_freq_factor'].map((key) => {
    if (!reader.has(key)) throw reader.wrong(key, 'a number above 0');
    return reader.number(key, 1, { min: 0, above: true });
  }) as [number, number];
  if (high <= low) throw reader.refused('high_freq_factor', `a number above low_freq_factor = ${low}`);
  const originalMaxPositions = originalOf(reader, context);
  return { scaling: { type: 'llama3', factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositions } };
}

/**
 * The published code chooses between two lists call by call. Here the declared context length chooses once, so that a position
 * has the same frequencies for as long as a state lives.
 */
function longrope(reader: ConfigReader, context: RotaryContext): RotaryRule {
  const { dims, maxPositions, contextLength = 0 } = context;
  const original = originalOf(reader, context);
  const factor = factorOf(reader, maxPositions / original);
  const [short, long] = ['short_factor', 'long_factor'].map((key) => {
    const factors = reader.positiveNumbers(key, { exactly: dims / 2 });
    if (!factors) throw reader.wrong(key, `a list of ${dims / 2}`);
    return factors;
  }) as [readonly number[], readonly number[]];
  const extended = contextLength > original;
  return {
    scaling: { type: 'longrope', factors: extended ? long : short },
    ...attentionFactor(reader, () => (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)))),
    ...(!extended && original < maxPositions && { limit: original }),
  };
}

function attentionFactor(reader: ConfigReader, formula: () => number): { attentionFactor?: number } {
  const given = reader.optionalNumber('attention_factor', { min: 0 }) ?? formula();
  if (!Number.isFinite(given))
    throw reader.refused('original_max_position_embeddings', 'a length from which the attention factor is finite');
  return given === 1 ? {} : { attentionFactor: given };
}
