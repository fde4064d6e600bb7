/**
 * The processors and warpers of transformers, written as there: whole arrays in, whole arrays out, −∞ for what is removed,
 * full sorts and softmax anew for each.
 */
export const reference = {
  repetition(scores: number[], ids: number[], penalty: number): number[] {
    return scores.map((score, id) => (!ids.includes(id) ? score : score < 0 ? score * penalty : score / penalty));
  },
  occurrence(scores: number[], generated: number[], frequency: number, presence: number): number[] {
    return scores.map((score, id) => {
      const count = generated.filter((other) => other === id).length;
      return score - count * frequency - (count > 0 ? presence : 0);
    });
  },
  ngrams(scores: number[], ids: number[], n: number): number[] {
    const seen = new Set<string>();
    for (let i = 0; i + n <= ids.length; i++) seen.add(ids.slice(i, i + n).join());
    const end = ids.length >= n - 1 ? ids.slice(ids.length - (n - 1)) : undefined;
    return scores.map((score, id) => (end && seen.has([...end, id].join()) ? -Infinity : score));
  },
  temperature(scores: number[], temperature: number): number[] {
    return scores.map((score) => score / temperature);
  },
  topK(scores: number[], k: number): number[] {
    const least = scores.toSorted((a, b) => b - a)[Math.min(k, scores.length) - 1]!;
    return scores.map((score) => (score < least ? -Infinity : score));
  },
  topP(scores: number[], p: number): number[] {
    const probabilities = softmax(scores);
    const ascending = scores.map((_, id) => id).sort((a, b) => scores[a]! - scores[b]! || b - a);
    let sum = 0;
    const removed = ascending.filter((id, i) => {
      sum += probabilities[id]!;
      return sum <= 1 - p && i < scores.length - 1;
    });
    return scores.map((score, id) => (removed.includes(id) ? -Infinity : score));
  },
  minP(scores: number[], p: number): number[] {
    const probabilities = softmax(scores);
    const least = p * Math.max(...probabilities);
    return scores.map((score, id) => (probabilities[id]! < least ? -Infinity : score));
  },
  typicalP(scores: number[], mass: number): number[] {
    const probabilities = softmax(scores);
    const logs = probabilities.map(Math.log);
    const entropy = -probabilities.reduce((sum, p, id) => sum + (p > 0 ? p * logs[id]! : 0), 0);
    const shifted = logs.map((log) => Math.abs(-log - entropy));
    const order = scores.map((_, id) => id).sort((a, b) => shifted[a]! - shifted[b]! || a - b);
    let sum = 0;
    const below = order.filter((id) => (sum += probabilities[id]!) < mass).length;
    const last = shifted[order[Math.min(below, order.length - 1)]!]!;
    return scores.map((score, id) => (shifted[id]! > last ? -Infinity : score));
  },
};

/** e^score / Σ e^score. */
export function softmax(scores: number[]): number[] {
  const largest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - largest));
  const total = exponentials.reduce((sum, e) => sum + e, 0);
  return exponentials.map((e) => e / total);
}
