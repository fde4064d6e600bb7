import type { Links } from '@tessera/plugin';
import { pickRows } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { concat } from '@tessera/tensor-core';
import type { ResolvedLayer } from '../stack/resolve.ts';

/** Of the links of a step those that a commit looks at: what mixers read and gave, not the residual stream for its own sake. */
export function linksOfCommit(layers: readonly ResolvedLayer[], links: Links): Record<string, Tensor> {
  const read = new Set(linksRead(layers).map(({ name }) => name));
  return Object.fromEntries(Object.entries(links).filter(([name]) => !/^\d+\.x$/.test(name) || read.has(name)));
}

/** Links of steps that followed each other, as one step over all of their entries would have given them. */
export function joinLinks(layers: readonly ResolvedLayer[], steps: readonly Links[], order: Tensor): Links {
  const memories = new Set(linksRead(layers).flatMap(({ name, memory }) => (memory ? [name] : [])));
  return Object.fromEntries(
    Object.entries(steps.at(-1)!).map(([name, last]) => [
      name,
      memories.has(name)
        ? last
        : joinEntries(
            steps.map((links) => links[name]!),
            order,
          ),
    ]),
  );
}

/**
 * Entries of steps `[B, n, …]` one after another.
 * @param order - number of each entry among those of all steps, `[B, N]`: a row that brought fewer than others leaves no gaps
 */
export function joinEntries(steps: readonly Tensor[], order: Tensor): Tensor {
  return pickRows(concat(steps, 1), order);
}

function linksRead(layers: readonly ResolvedLayer[]): { readonly name: string; readonly memory: boolean }[] {
  return layers.flatMap(({ mixer }) =>
    (mixer?.links ?? []).map(({ layer, output, input }) => ({
      name: `${layer}.${output}`,
      memory: mixer!.part.reads?.[input] === 'memory',
    })),
  );
}
