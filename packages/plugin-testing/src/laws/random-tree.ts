import type { Draw } from '../bench/draw.ts';

/** Parents of n nodes, −1 at roots, parents before children: several roots, and paths of any depth. */
export function randomTree(draw: Draw, n: number): number[] {
  const parents: number[] = [];
  for (let node = 0; node < n; node++) {
    // Half of the nodes go on from the one before, so that deep paths occur beside bushes.
    parents.push(draw.uniform() < 0.5 ? node - 1 : draw.integer(-1, node - 1));
  }
  if (n > 2 && !parents.includes(-1, 1)) parents[draw.integer(1, n - 1)] = -1;
  return parents;
}

/** A node with all that lead to it, from its root. */
export function pathTo(parents: readonly number[], node: number): number[] {
  const path: number[] = [];
  for (let at = node; at >= 0; at = parents[at]!) path.unshift(at);
  return path;
}
