import type { HostArray } from '@tessera/tensor-core';

/** Sizes of a decode step over a cache: of keys and values, or of rows that are both. */
export interface CachedAttention {
  readonly mechanism: 'GQA' | 'GTA' | 'MLA' | 'GLA';
  readonly B: number;
  /** Queries, at the last positions. */
  readonly n: number;
  /** Positions that the cache holds. */
  readonly S: number;
  /** Query heads, and heads or latents of the cache. */
  readonly H: number;
  readonly G: number;
  /** Elements of a key that are a head's own, of the key that all heads share, and of a value or latent. */
  readonly K: number;
  readonly R: number;
  readonly V: number;
  readonly scale: number;
}

/** Slots of the cache: as many as it holds, and room for more. */
export function capacityOf({ S }: CachedAttention): number {
  return S + 128;
}

/** Elements that are kept of a position: those of keys and values, or one row. */
export function widthOf({ mechanism, G, K, V, R }: CachedAttention): number {
  return mechanism === 'GQA' ? G * (K + V) : G * V + R;
}

/** Slot of a position. The ring has gone round: the first position is not in the first slot. */
export function slotOf(size: CachedAttention, position: number): number {
  const capacity = capacityOf(size);
  return (position + Math.floor(capacity / 3)) % capacity;
}

/** u of query i of head h of row b in float64: softmax of scale · q · key over what it sees, times values. `[V]` */
export function queryOutput(
  size: CachedAttention,
  q: HostArray,
  cache: readonly HostArray[],
  { b, i, h }: { readonly b: number; readonly i: number; readonly h: number },
): Float64Array {
  const { mechanism, n, S, H, G, K, R, V, scale } = size;
  const group = Math.floor((h * G) / H);
  const separate = mechanism === 'GQA';
  const keys = cache[0]!;
  const values = cache.at(-1)!;
  const [keyWidth, valueWidth] = separate ? [G * K, G * V] : [G * V + R, G * V + R];
  const query = ((b * n + i) * H + h) * (K + R);
  const seen = S - n + i + 1;
  const row = (position: number): number => b * capacityOf(size) + slotOf(size, position);
  const scores = new Float64Array(seen);
  for (let position = 0; position < seen; position++) {
    const first = row(position) * keyWidth;
    const own = first + group * (separate ? K : V);
    let score = 0;
    for (let d = 0; d < K; d++) score += q[query + d]! * keys[own + d]!;
    for (let d = 0; d < R; d++) score += q[query + K + d]! * keys[first + G * V + d]!;
    scores[position] = scale * score;
  }
  const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const output = new Float64Array(V);
  let mass = 0;
  for (let position = 0; position < seen; position++) {
    const weight = Math.exp(scores[position]! - top);
    const first = row(position) * valueWidth + group * V;
    mass += weight;
    for (let d = 0; d < V; d++) output[d]! += weight * values[first + d]!;
  }
  return output.map((value) => value / mass);
}
