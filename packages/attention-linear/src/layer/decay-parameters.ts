import type { ParamSpec } from '@tessera/plugin';

/** `A_log`: logarithms of decay rates spread over (low, 16), as published. */
export function decayRates(size: number, low: 0 | 1): ParamSpec {
  return {
    shape: [size],
    init: {
      kind: 'custom',
      values: (uniform) => uniform.map((u) => Math.log(Math.max(low + (16 - low) * u, 1e-4))),
    },
  };
}

/** `dt_bias`: steps log-uniform in [0.001, 0.1], as published, before softplus. */
export function decaySteps(size: number): ParamSpec {
  return {
    shape: [size],
    init: {
      kind: 'custom',
      values: (uniform) =>
        uniform.map((u) => {
          const dt = Math.max(1e-4, Math.exp(u * (Math.log(0.1) - Math.log(0.001)) + Math.log(0.001)));
          return dt + Math.log(-Math.expm1(-dt)); // inverse of softplus
        }),
    },
  };
}
