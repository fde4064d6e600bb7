import type { ExpertGroupsConfig, RouterConfig } from './router-config.ts';

/** What a router says of one token, by brute force. */
export interface TokenRouting {
  /** The best first. */
  readonly experts: readonly number[];
  readonly weights: readonly number[];
}

/** Indices of the k largest; of equal ones the lowest. */
function largest(values: readonly number[], k: number): number[] {
  return values
    .map((_, index) => index)
    .toSorted((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, k);
}

/** Experts of a token with these logits. */
export function routeReference(
  logits: readonly number[],
  config: Required<RouterConfig>,
  k: number,
  bias?: readonly number[],
): TokenRouting {
  const top = Math.max(...logits);
  const total = logits.reduce((sum, z) => sum + Math.exp(z - top), 0);
  const scores = logits.map((z) => (config.scores === 'softmax' ? Math.exp(z - top) / total : 1 / (1 + Math.exp(-z))));
  const biased = scores.map((score, e) => score + (bias?.[e] ?? 0));
  const experts = largest(withinGroups(biased, config.groups as ExpertGroupsConfig | undefined), k);
  const own = experts.map((e) => scores[e]!);
  const sum = config.normalize ? own.reduce((a, b) => a + b, 0) + config.normalizeEps : 1;
  return { experts, weights: own.map((score) => (score / sum) * config.scale) };
}

function withinGroups(scores: readonly number[], groups: ExpertGroupsConfig | undefined): readonly number[] {
  if (!groups) return scores;
  const size = scores.length / groups.count;
  const worth = Array.from({ length: groups.count }, (_, g) => {
    const sorted = scores.slice(g * size, (g + 1) * size).toSorted((a, b) => b - a);
    return groups.by === 'best' ? sorted[0]! : sorted[0]! + sorted[1]!;
  });
  const kept = new Set(largest(worth, groups.chosen));
  return scores.map((score, e) => (kept.has(Math.floor(e / size)) ? score : -Infinity));
}
