import { add, mul, sub } from '@tessera/tensor-core';
import type { SgdSettings } from './optimizer-options.ts';
import type { UpdateRule } from './update-rule.ts';
import { updateEach } from './update-rule.ts';

/**
 * Stochastic gradient descent with momentum, as PyTorch defines it: weight decay is added to the gradient.
 *
 * g ← g + λθ; b ← μb + (1 − τ) g, at the first step b ← g; θ ← θ − γ b, or with Nesterov θ ← θ − γ (g + μb)
 */
export function sgd({ learningRate, momentum, dampening, nesterov, weightDecay }: SgdSettings): UpdateRule {
  return {
    kind: 'sgd',
    slots: momentum === 0 ? [] : ['momentum'],
    numbers: (step, factor) => [learningRate * factor, step === 0 ? 1 : 1 - dampening],
    update: (call) =>
      updateEach(call, (param, gradient, slots) => {
        const [rate, share] = call.numbers;
        const g = call.decays && weightDecay !== 0 ? add(gradient, mul(param, weightDecay)) : gradient;
        if (momentum === 0) return { param: sub(param, mul(g, rate!)), slots: {} };
        const b = add(mul(slots['momentum']!, momentum), mul(g, share!));
        const direction = nesterov ? add(g, mul(b, momentum)) : b;
        return { param: sub(param, mul(direction, rate!)), slots: { momentum: b } };
      }),
  };
}
