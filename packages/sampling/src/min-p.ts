import type { Candidates } from './candidates.ts';
import { keepMarked } from './candidates.ts';

/** Keeps candidates at least `p` times as likely as the most likely one, whose weight is 1. */
export function minP(candidates: Candidates, p: number): Candidates {
  if (p <= 0) return candidates;
  const kept = new Uint8Array(candidates.weights.length);
  for (let place = 0; place < kept.length; place++) kept[place] = candidates.weights[place]! >= p ? 1 : 0;
  return keepMarked(candidates, kept);
}
