import type { OptimizerOptions } from '@tessera/training';
import type { Scale } from '../scale.ts';

/** How a row is trained. */
export interface TrainingVariant {
  readonly name: string;
  readonly optimizer: OptimizerOptions;
  readonly recompute: 'none' | 'layers';
  /** By how much losses and norms may differ from the CPU's, as a part. */
  readonly tolerance: number;
}

const adamW = { kind: 'adamw', learningRate: 1e-3 } as const;

const variants: readonly TrainingVariant[] = [
  { name: 'AdamW', optimizer: adamW, recompute: 'none', tolerance: 1e-3 },
  { name: 'AdamW, layers recomputed', optimizer: adamW, recompute: 'layers', tolerance: 1e-3 },
  // Its iteration is rounded to bf16, where a last bit of a sum makes a difference.
  { name: 'Muon', optimizer: { kind: 'muon', learningRate: 0.02 }, recompute: 'none', tolerance: 1e-2 },
];

/** Rows of training. */
export function trainingVariants(scale: Scale): readonly TrainingVariant[] {
  return scale === 'quick' ? variants.slice(0, 1) : variants;
}
