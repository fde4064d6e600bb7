import type { RouterBalance } from '@tessera/plugin';
import { add, div, mul, sum } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * Loss of balance of all routers of a stack: weight · E Σ_e f_e P_e, where f and P are means over the routers. Routers of different
 * numbers of experts or weights have a loss of their own. Undefined without routers.
 * @see Fedus et al. 2021, arXiv:2101.03961, eq. 4 to 6, over all layers together as transformers has it.
 */
export function pooledBalance(routers: readonly RouterBalance[]): Tensor | undefined {
  const groups = new Map<string, RouterBalance[]>();
  for (const router of routers) {
    const kind = `${router.chosen.shape[0]}, ${router.weight}`;
    groups.set(kind, [...(groups.get(kind) ?? []), router]);
  }
  const losses = [...groups.values()].map((alike) => {
    const mean = (values: readonly Tensor[]): Tensor =>
      div(
        values.reduce((a, b) => add(a, b)),
        values.length,
      );
    const f = mean(alike.map(({ chosen }) => chosen));
    const P = mean(alike.map(({ scores }) => scores));
    return mul(sum(mul(f, P)), alike[0]!.weight * f.shape[0]!);
  });
  return losses.length > 0 ? losses.reduce((a, b) => add(a, b)) : undefined;
}
