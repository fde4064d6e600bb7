import type { Tensor } from '@tessera/tensor-core';
import { add, cast, equal, expandDims, greater, iota, matmul } from '@tessera/tensor-core';

/**
 * Which nodes of a tree are ancestors of which, themselves included. `parents [B, n]` (i32, −1 at a root, parents before
 * children) → `[B, n, n]`, bool: row i is true at the ancestors of node i.
 */
export function ancestors(parents: Tensor): Tensor {
  const n = parents.shape[1]!;
  const columns = iota([1, 1, n], 2);
  const step = cast(equal(expandDims(parents, 2), columns), 'f32'); // M[i, parent of i] = 1
  const own = cast(equal(iota([1, n, 1], 1), columns), 'f32');
  // Σ_d M^d = Π_j (I + M^(2^j)): depth doubles with each factor.
  let power = step;
  let reached = add(own, step);
  for (let depth = 2; depth < n; depth *= 2) {
    power = matmul(power, power);
    reached = add(reached, matmul(reached, power));
  }
  return greater(reached, 0.5);
}
