import type { Candidates } from './candidates.ts';
import { keepMarked, totalOf } from './candidates.ts';

/**
 * Keeps the candidates whose surprise −log p is nearest to the entropy until their probabilities sum to `mass`, with those
 * equally near.
 */
export function typicalP(candidates: Candidates, mass: number): Candidates {
  if (mass >= 1) return candidates;
  const { weights } = candidates;
  const total = totalOf(weights);
  const distance = new Float64Array(weights.length);
  let entropy = 0;
  for (let place = 0; place < weights.length; place++) {
    const weight = weights[place]!;
    distance[place] = Math.log(total / weight);
    // A weight that has become 0 adds nothing, where 0 · ∞ would be NaN.
    if (weight > 0) entropy += (weight / total) * distance[place]!;
  }
  for (let place = 0; place < weights.length; place++) distance[place] = Math.abs(distance[place]! - entropy);
  const order = new Uint32Array(weights.length);
  for (let place = 0; place < weights.length; place++) order[place] = place;
  order.sort((a, b) => distance[a]! - distance[b]! || a - b);
  let farthest = 0;
  let sum = 0;
  for (const place of order) {
    farthest = distance[place]!;
    sum += weights[place]!;
    if (sum >= mass * total) break;
  }
  const kept = new Uint8Array(weights.length);
  for (let place = 0; place < kept.length; place++) kept[place] = distance[place]! <= farthest ? 1 : 0;
  return keepMarked(candidates, kept);
}
