import { add, div, mul, sqrt, square, sub } from '@tessera/tensor-core';
import { lerp } from './lerp.ts';
import type { AdamWSettings } from './optimizer-options.ts';
import type { UpdateRule } from './update-rule.ts';
import { updateEach } from './update-rule.ts';

/**
 * AdamW: steps along a running mean of the gradient, scaled by a running mean of its square, with weight decay apart from both.
 *
 * θ ← (1 − γλ) θ; m ← m + (1 − β₁)(g − m); v ← β₂ v + (1 − β₂) g²; θ ← θ − γ/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *
 * In the order of PyTorch, so that rounding is alike.
 * @see Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
 */
export function adamW({ learningRate, betas: [beta1, beta2], eps, weightDecay }: AdamWSettings): UpdateRule {
  return {
    kind: 'adamw',
    slots: ['mean', 'square'],
    numbers: (step, factor) => {
      const rate = learningRate * factor;
      return [1 - rate * weightDecay, rate / (1 - beta1 ** (step + 1)), Math.sqrt(1 - beta2 ** (step + 1))];
    },
    update: (call) =>
      updateEach(call, (param, gradient, slots) => {
        const [keep, size, correction] = call.numbers;
        const mean = lerp(slots['mean']!, gradient, 1 - beta1);
        const squares = add(mul(slots['square']!, beta2), mul(square(gradient), 1 - beta2));
        const kept = call.decays ? mul(param, keep!) : param;
        const denominator = add(div(sqrt(squares), correction!), eps);
        return {
          param: sub(kept, mul(div(mean, denominator), size!)),
          slots: { mean, square: squares },
        };
      }),
  };
}
