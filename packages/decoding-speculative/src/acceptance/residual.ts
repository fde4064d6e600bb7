/**
 * What is left of p when a token drawn from q was rejected: norm((p − q)₊). Where rounding leaves nothing, p and q are equal up to
 * it, and it is p.
 */
export function residual(p: ArrayLike<number>, q: ArrayLike<number>): Float64Array {
  const left = new Float64Array(p.length);
  let total = 0;
  for (let id = 0; id < left.length; id++) total += left[id] = Math.max(0, p[id]! - (q[id] ?? 0));
  return total > 0 ? scaled(left, 1 / total) : normalised(p);
}

/** A distribution without one token, renormalised. All zeros when there was nothing else. */
export function without(p: ArrayLike<number>, token: number): Float64Array {
  const left = Float64Array.from(p);
  left[token] = 0;
  return normalised(left);
}

function normalised(p: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(p);
  const total = copy.reduce((sum, weight) => sum + weight, 0);
  return total > 0 ? scaled(copy, 1 / total) : copy;
}

function scaled(values: Float64Array, factor: number): Float64Array {
  for (let id = 0; id < values.length; id++) values[id]! *= factor;
  return values;
}
