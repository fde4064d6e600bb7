import type { GradientComparison } from './compare-gradients.ts';
import type { DivergingLayer } from './diverging-layer.ts';
import type { StreamComparison } from './verify-stream.ts';

/** What came out for one directory: one line of JSON. */
export interface Verdict {
  readonly directory: string;
  readonly family: string | null;
  readonly device: string | null;
  readonly adapter: string | null;
  readonly dtype: string;
  readonly maxAbsDiff: number | null;
  readonly maxAbsReference: number | null;
  /** `maxAbsDiff / maxAbsReference` */
  readonly relative: number | null;
  /** Null where the reference does not generate. */
  readonly greedyEqual: boolean | null;
  readonly pass: boolean;
  /** Only of streams: what was compared, of which the furthest counts. */
  readonly stream?: StreamComparison;
  /** Only with `--grads`. */
  readonly gradients?: GradientComparison;
  /** Only when the logits differ; null when the reference has no hidden states to tell. */
  readonly firstDivergingLayer?: DivergingLayer | null;
  /** What was thrown, with its code. */
  readonly error?: string;
  readonly code?: string;
  /** The code with the name of the class. */
  readonly kind?: string;
}

/** The verdict on a directory of which nothing is known yet. */
export function openVerdict(directory: string, dtype: string): Verdict {
  const unknown = { device: null, adapter: null, maxAbsDiff: null, maxAbsReference: null, relative: null };
  return { family: null, ...unknown, directory, dtype, greedyEqual: null, pass: false };
}
