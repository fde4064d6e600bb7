import { NumericalError } from '@tessera/tensor-core';

/** The largest logit and its lowest id. */
export interface Peak {
  readonly id: number;
  readonly logit: number;
}

/** Who made the logits, for errors. */
export type LogitsSource = 'the model' | 'the sampling options';

const mends: Readonly<Record<LogitsSource, string>> = {
  'the model': 'Check its weights and element types.',
  'the sampling options': 'Check penalties, logitBias and logitsProcessors.',
};

/**
 * Looks at every logit once. −∞ may stand for tokens that are forbidden.
 * @throws {@link NumericalError} for NaN and +∞, and when all are −∞; names the step
 */
export function peakOf(logits: Float32Array, step: number, source: LogitsSource): Peak {
  let id = -1;
  let logit = -Infinity;
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i]!;
    if (value > logit) {
      logit = value;
      id = i;
    } else if (value !== value) throw notANumber(logits, step, source);
  }
  if (logit === Infinity) throw notANumber(logits, step, source);
  if (id < 0) throw brokenLogits({ step, source, vocabSize: logits.length });
  return { id, logit };
}

function notANumber(logits: Float32Array, step: number, source: LogitsSource): NumericalError {
  const tokenId = logits.findIndex((value) => Number.isNaN(value) || value === Infinity);
  return brokenLogits({ step, source, vocabSize: logits.length, tokenId, actual: String(logits[tokenId]) });
}

/** What is wrong with logits. */
export interface BrokenLogits {
  readonly step: number;
  readonly source: LogitsSource;
  readonly vocabSize: number;
  /** The first logit that is no number, and what it is; absent: all are −∞. */
  readonly tokenId?: number;
  readonly actual?: string;
}

/** The error for logits of which none can be chosen. */
export function brokenLogits({ step, source, vocabSize, tokenId, actual }: BrokenLogits): NumericalError {
  return tokenId === undefined
    ? new NumericalError(
        `step ${step}: all ${vocabSize} logits from ${source} are −∞, expected one that is finite. ${source === 'the model' ? mends[source] : 'Forbid fewer tokens.'}`,
        { facts: { step, source, vocabSize } },
      )
    : new NumericalError(
        `step ${step}: the logit of token ${tokenId} from ${source} is ${actual}, expected a finite number or −∞. ${mends[source]}`,
        { facts: { step, source, tokenId, actual } },
      );
}
