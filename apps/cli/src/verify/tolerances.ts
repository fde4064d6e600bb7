/** Largest |Δ| of a logit, as a part of the largest |logit| of the reference. */
export const referenceTolerance = 2e-4;

/** The same for 16-bit weights, which are compared with our own fp32. */
const halfTolerances: Readonly<Record<string, number>> = { fp16: 2e-2, f16: 2e-2, bf16: 8e-2 };

/** Tolerance against our own fp32; undefined for dtypes that are compared with the reference itself. */
export function halfTolerance(dtype: string): number | undefined {
  return Object.hasOwn(halfTolerances, dtype) ? halfTolerances[dtype] : undefined;
}
