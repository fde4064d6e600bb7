import type { Candidates } from './candidates.ts';
import { keepMarked, totalOf } from './candidates.ts';

/** Keeps the most likely candidates until their probabilities sum to p, one at least; of equal ones the lowest ids. */
export function topP(candidates: Candidates, p: number): Candidates {
  if (p >= 1) return candidates;
  const { logits, weights } = candidates;
  const total = totalOf(weights);
  // All below this together are less than 1 − p of the whole, so none of them can be needed: they are not sorted.
  const floor = ((1 - p) * total * (1 - 1e-9)) / weights.length;
  const order: number[] = [];
  for (let place = 0; place < weights.length; place++) if (weights[place]! >= floor) order.push(place);
  order.sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept = new Uint8Array(weights.length);
  let before = 0;
  for (const place of order) {
    if (before > 0 && before >= p * total) break;
    kept[place] = 1;
    before += weights[place]!;
  }
  return keepMarked(candidates, kept);
}
