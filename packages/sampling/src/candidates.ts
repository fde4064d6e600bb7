/** Tokens that may still be chosen, ids ascending. */
export interface Candidates {
  readonly ids: Int32Array;
  /** Decide which of two is likelier: at extreme temperatures weights become equal, logits do not. */
  readonly logits: Float32Array;
  /** Proportional to the probabilities; that of the largest logit is 1. */
  readonly weights: Float64Array;
}

/** Candidates of logits at a temperature above 0: those that are finite and at least `least`. */
export function candidatesOf(logits: Float32Array, least: number, largest: number, temperature: number): Candidates {
  const limit = Math.max(least, -3.5e38); // below every finite logit
  let count = 0;
  for (let id = 0; id < logits.length; id++) if (logits[id]! >= limit) count++;
  const ids = new Int32Array(count);
  const kept = new Float32Array(count);
  const weights = new Float64Array(count);
  for (let id = 0, place = 0; place < count; id++) {
    const logit = logits[id]!;
    if (!(logit >= limit)) continue;
    ids[place] = id;
    kept[place] = logit;
    weights[place++] = Math.exp((logit - largest) / temperature); // the difference first, so that nothing overflows
  }
  return { ids, logits: kept, weights };
}

/** The candidates at the places where `keep` is not 0. */
export function keepMarked({ ids, logits, weights }: Candidates, keep: Uint8Array): Candidates {
  let count = 0;
  for (let place = 0; place < keep.length; place++) if (keep[place]) count++;
  const left = { ids: new Int32Array(count), logits: new Float32Array(count), weights: new Float64Array(count) };
  for (let place = 0, to = 0; to < count; place++) {
    if (!keep[place]) continue;
    left.ids[to] = ids[place]!;
    left.logits[to] = logits[place]!;
    left.weights[to++] = weights[place]!;
  }
  return left;
}

/** Sum of the weights. */
export function totalOf(weights: Float64Array): number {
  let total = 0;
  for (let place = 0; place < weights.length; place++) total += weights[place]!;
  return total;
}
