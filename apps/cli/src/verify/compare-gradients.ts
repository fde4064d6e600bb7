import type { ModelGradients } from './model-gradients.ts';
import type { ReferenceGradient, ReferenceGradients } from './reference-gradients.ts';

/** Largest error of a gradient's norm, as a part of it, and of a value, as a part of the largest that is listed. */
const gradientTolerance = 1e-3;

/** Largest error of the loss, as a part of it. */
const lossTolerance = 2e-4;

/**
 * An error up to this part of the norm of all gradients together is rounding, and within the tolerance of any tensor: of a
 * gradient that is nothing but rounding, as that of a bias of keys which softmax takes away, no digit can agree.
 */
const rounding = 2 ** -23;

/** How gradients compare with those of a reference. */
export interface GradientComparison {
  readonly loss: number;
  readonly referenceLoss: number;
  /** Published tensors that were compared. */
  readonly tensors: number;
  /** The larger error of the tensor that is furthest off: of its norm, or of its listed values. Null: it is no number. */
  readonly relative: number | null;
  /** That tensor. */
  readonly worst: string | null;
  /** Tensors that are not within the tolerance. */
  readonly failing: readonly string[];
  readonly pass: boolean;
}

/** Compares the loss and the gradient of every tensor that the reference lists. */
export function compareGradients(ours: ModelGradients, reference: ReferenceGradients): GradientComparison {
  const all = Math.hypot(...[...reference.tensors.values()].map(({ norm }) => norm));
  const least = (rounding * all) / gradientTolerance;
  const errors = [...reference.tensors].map(([name, expected]) => ({
    name,
    error: errorOf(ours.tensors.get(name), expected, least),
  }));
  // What the reference does not train must stay where it is.
  for (const name of reference.without) {
    const gradient = ours.tensors.get(name);
    if (gradient) errors.push({ name, error: gradient.every((value) => value === 0) ? 0 : Infinity });
  }
  const failing = errors.filter(({ error }) => !(error <= gradientTolerance));
  const [worst] = errors.toSorted((a, b) => orderOf(b.error) - orderOf(a.error));
  const lossError = Math.abs(ours.loss - reference.loss) / Math.abs(reference.loss);
  return {
    loss: ours.loss,
    referenceLoss: reference.loss,
    tensors: errors.length,
    relative: worst && Number.isFinite(worst.error) ? worst.error : null,
    worst: worst?.name ?? null,
    failing: failing.map(({ name }) => name),
    pass: failing.length === 0 && lossError <= lossTolerance,
  };
}

/** Published tensors of ours of which the reference says nothing. */
export function notInReference(ours: ModelGradients, { tensors, without }: ReferenceGradients): string[] {
  return [...ours.tensors.keys()].filter((name) => !tensors.has(name) && !without.has(name));
}

/**
 * Infinity for a tensor that we do not have, NaN for a gradient that is none.
 * @param least - norms and values below it are set against it
 */
function errorOf(gradient: Float32Array | undefined, { norm, index, value }: ReferenceGradient, least: number): number {
  if (!gradient) return Infinity;
  let squares = 0;
  for (const each of gradient) squares += each * each;
  const largest = value.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  const furthest = index.reduce((most, place, at) => Math.max(most, Math.abs(gradient[place]! - value[at]!)), 0);
  const partOf = (error: number, whole: number): number => (error === 0 ? 0 : error / Math.max(whole, least));
  return Math.max(partOf(Math.abs(Math.sqrt(squares) - norm), norm), partOf(furthest, largest));
}

/** NaN is worse than anything. */
function orderOf(error: number): number {
  return Number.isNaN(error) ? Number.MAX_VALUE : Math.min(error, Number.MAX_VALUE / 2);
}
