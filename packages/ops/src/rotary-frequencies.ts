/**
 * How the frequencies of a rotary embedding follow from its base; one of the published rules.
 *
 * - `linear`: positions divided by `factor` (Chen et al. 2023, arXiv:2306.15595)
 * - `dynamic`: a larger base for longer contexts, fixed here at `contextLength`
 * - `yarn`: interpolation by wavelength between two turns of the original context (Peng et al. 2023, arXiv:2309.00071)
 * - `llama3`: interpolation by wavelength with one ramp (Grattafiori et al. 2024, arXiv:2407.21783)
 * - `longrope`: a factor for each frequency, found by search (Ding et al. 2024, arXiv:2402.13753)
 */
export type RotaryScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | { readonly type: 'dynamic'; readonly factor: number; readonly maxPositions: number; readonly contextLength: number }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly originalMaxPositions: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
    }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositions: number;
    }
  | { readonly type: 'longrope'; readonly factors: readonly number[] };

/**
 * Radians a position of each pair of elements, in float64.
 * @param dims - number of rotated elements, even
 * @param theta - the base
 */
export function rotaryFrequencies(dims: number, theta: number, scaling: RotaryScaling): Float64Array<ArrayBuffer> {
  const pairs = Math.floor(dims / 2);
  const plain = (base: number): Float64Array<ArrayBuffer> =>
    Float64Array.from({ length: pairs }, (_, i) => base ** ((-2 * i) / dims));
  switch (scaling.type) {
    case 'default':
      return plain(theta);
    case 'linear':
      return plain(theta).map((f) => f / scaling.factor);
    case 'dynamic': {
      const length = Math.max(scaling.contextLength, scaling.maxPositions);
      const stretch = (scaling.factor * length) / scaling.maxPositions - (scaling.factor - 1);
      return plain(theta * stretch ** (dims / (dims - 2)));
    }
    case 'yarn': {
      const { factor, originalMaxPositions, betaFast, betaSlow, truncate } = scaling;
      // The index at which a wavelength fits `turns` times into the original context.
      const indexOf = (turns: number): number =>
        (dims * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
      const low = Math.max(truncate ? Math.floor(indexOf(betaFast)) : indexOf(betaFast), 0);
      const bound = Math.min(truncate ? Math.ceil(indexOf(betaSlow)) : indexOf(betaSlow), dims - 1);
      const high = bound === low ? bound + 0.001 : bound;
      return plain(theta).map((f, i) => {
        const ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
        return (f / factor) * ramp + f * (1 - ramp);
      });
    }
    case 'llama3': {
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
      return plain(theta).map((f) => {
        const wavelength = (2 * Math.PI) / f;
        if (wavelength < originalMaxPositions / highFreqFactor) return f;
        if (wavelength > originalMaxPositions / lowFreqFactor) return f / factor;
        const smooth = (originalMaxPositions / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
        return ((1 - smooth) * f) / factor + smooth * f;
      });
    }
    case 'longrope':
      return plain(theta).map((f, i) => f / scaling.factors[i]!);
  }
}
