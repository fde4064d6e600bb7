import { oursNames, publishedNames, recordOurs } from '@tessera/checkpoints';
import { lowRankUpdate } from '@tessera/ops';
import type { TensorRule } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { transpose, zeros } from '@tessera/tensor-core';
import type { LinearModule } from './linear-modules.ts';

/** The change of a module, s B A. */
export interface Change {
  readonly module: LinearModule;
  readonly scale: number;
  /** `[rank, inputs]` */
  readonly A: Tensor;
  /** `[outputs, rank]` */
  readonly B: Tensor;
}

/**
 * Parameters with changes, by path. The published weight changes by L R, where the rows of L are those of our order of axes. A
 * rule moves rows, and so each of our parameters changes by its rows of L with all of R: what is of low rank stays so.
 * @param weights - parameters by path
 */
export function applyChanges(
  weights: Readonly<Record<string, Tensor>>,
  changes: readonly Change[],
): Record<string, Tensor> {
  const made = { ...weights };
  for (const { module, scale, A, B } of changes) {
    const { rule, published, orientation } = module;
    const [L, R] = orientation === 'out-in' ? [B, A] : [transpose(A), transpose(B)];
    const rows = recordOurs(straight(rule), rowsOf(rule, published, L));
    for (const path of oursNames(rule)) made[path] = lowRankUpdate(made[path]!, { A: R, B: rows[path]!, scale });
  }
  return made;
}

/** L under the name of its weight; zeros for the other weights of the rule, which do not change. */
function rowsOf(rule: TensorRule, published: string, L: Tensor): Record<string, Tensor> {
  if (rule.kind !== 'regroup') return { [published]: L };
  return Object.fromEntries(
    publishedNames(rule).map((name, index) => [name, name === published ? L : zeros([rule.rows[index]!, L.shape[1]!])]),
  );
}

/** The rule for what is in our order of axes already. */
function straight(rule: TensorRule): TensorRule {
  return rule.kind === 'rename' || rule.kind === 'split' ? { ...rule, transposed: false } : rule;
}
