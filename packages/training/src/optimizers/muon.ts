import { publishedShapesOf, recordOurs, recordPublished } from '@tessera/checkpoints';
import { mul, sub } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { lerp } from './lerp.ts';
import type { MuonSettings } from './optimizer-options.ts';
import { orthogonalize } from './orthogonalize.ts';
import type { UpdateRule } from './update-rule.ts';

/**
 * Muon: steps along the orthogonalised momentum of each matrix, as PyTorch defines it.
 *
 * B ← B + (1 − μ)(g − B); U ← B, or with Nesterov g + μ (B − g); θ ← (1 − γλ) θ − γ s · orthogonalised U
 *
 * The matrix is the published one, whatever tensors of ours it is split into, and s depends on its shape.
 * @see Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al. 2025, arXiv:2502.16982.
 */
export function muon(settings: Omit<MuonSettings, 'exclude' | 'adamw'>): UpdateRule {
  const { learningRate, momentum, nesterov, weightDecay, newtonSchulz, adjustment } = settings;
  return {
    kind: 'muon',
    slots: ['momentum'],
    numbers: (_, factor) => [1 - learningRate * factor * weightDecay, learningRate * factor],
    update({ rule, params, gradients, slots, numbers: [keep, rate], decays }) {
      const paths = Object.keys(params);
      const buffers = Object.fromEntries(
        paths.map((path) => [path, lerp(slots[path]!['momentum']!, gradients[path]!, 1 - momentum)]),
      );
      const directions = nesterov
        ? Object.fromEntries(paths.map((path) => [path, lerp(gradients[path]!, buffers[path]!, momentum)]))
        : buffers;
      const shapes = publishedShapesOf(rule, (path) => params[path]!.shape);
      const orthogonal = Object.fromEntries(
        Object.entries(recordPublished(rule, directions)).map(([name, matrix]) => [
          name,
          mul(orthogonalize(matrix, newtonSchulz), adjustmentOf(adjustment, shapes[name]!)),
        ]),
      );
      const steps = recordOurs(rule, orthogonal);
      const update = (path: string): Tensor =>
        sub(decays ? mul(params[path]!, keep!) : params[path]!, mul(steps[path]!, rate!));
      return {
        params: Object.fromEntries(paths.map((path) => [path, update(path)])),
        slots: Object.fromEntries(paths.map((path) => [path, { momentum: buffers[path]! }])),
      };
    },
  };
}

/** By how much the learning rate of a matrix is scaled. */
function adjustmentOf(adjustment: MuonSettings['adjustment'], shape: readonly number[]): number {
  const [rows, columns] = shape as readonly [number, number];
  return adjustment === 'original' ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
}
