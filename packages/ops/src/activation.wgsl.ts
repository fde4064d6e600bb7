import type { ActivationName } from './activation.ts';

/** WGSL of activations, of a number or of a vector `x` alike. */
export const activationCode: Readonly<Partial<Record<ActivationName, (x: string) => string>>> = {
  identity: (x) => x,
  silu: (x) => `${x} * ${sigmoid(x)}`,
  sigmoid,
};

/** e^{min(x, 0)} / (1 + e^{−|x|}): no power overflows. */
function sigmoid(x: string): string {
  return `(exp(0.5 * (${x} - abs(${x}))) / (1.0 + exp(-abs(${x}))))`;
}
