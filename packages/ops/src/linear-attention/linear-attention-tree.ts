import type { Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  apply1,
  expandDims,
  gather,
  iota,
  less,
  permute,
  sameShape,
  showShape,
  where,
} from '@tessera/tensor-core';
import { outputsOf, writesOf } from './chunk-step.ts';
import type { LinearAttentionCall, LinearAttentionVariant } from './linear-attention-call.ts';
import {
  costOfLinearAttention,
  inferLinearAttention,
  inputsOf,
  operandsOf,
  sizesOf,
  variantOf,
} from './linear-attention-call.ts';
import { linearAttentionRecurrent } from './linear-attention-recurrent.ts';
import { repeatHeads, treeDecays } from './within-chunk.ts';

/** What {@link linearAttentionTree} is given: of the n entries each is a node. */
export interface LinearAttentionTreeCall extends LinearAttentionCall {
  /** `[B, n, n]`, bool: row i is true at the ancestors of node i and at i itself, as `ancestors(parents)` makes it. Parents stand before children. */
  readonly ancestors: Tensor;
}

/** Op: linear attention over the nodes of a tree. See {@link linearAttentionTree}. */
export const linearAttentionTreeOp: Op<LinearAttentionVariant> = {
  id: '@tessera/ops:linear-attention-tree',
  infer(inputs, variant) {
    const [o] = inferLinearAttention(inputs.slice(0, -1), variant);
    const { B, T: n } = sizesOf(inputs);
    const ancestors = inputs.at(-1)!;
    if (ancestors.dtype !== 'bool' || !sameShape(ancestors.shape, [B, n, n]))
      throw new ShapeError(
        `linearAttentionTree: ancestors are ${ancestors.dtype}${showShape(ancestors.shape)}, expected bool${showShape([B, n, n])}.`,
      );
    return [o!];
  },
  definition(inputs, variant) {
    const { q, k, v, S, g, beta } = operandsOf(inputs.slice(0, -1), variant);
    const H = v.shape[2]!;
    const byHead = (x: Tensor): Tensor => permute(x, [0, 2, 1, ...x.shape.slice(3).map((_, axis) => axis + 3)]);
    const nodes = {
      q: byHead(repeatHeads(q, H)),
      k: byHead(repeatHeads(k, H)),
      v: byHead(v),
      ...(beta && { beta: byHead(beta) }),
    };
    const decays = treeDecays(inputs.at(-1)!, g && byHead(g));
    return [byHead(outputsOf(nodes, decays, S, writesOf(nodes, decays, S).written))];
  },
  cost: (inputs, outputs, variant) => costOfLinearAttention(inputs.slice(0, -1), outputs, variant),
};

/**
 * Linear attention over drafts that form a tree, all nodes at once: `o [B, n, H, V]`, of each node what the recurrence gives along the path
 * from the root to it, which begins with the state S. As {@link linearAttentionChunked} with a chunk of all nodes, in which r sees its
 * ancestors, and G_r is the sum along its path. The state is left as it is; see {@link commitPath}.
 * @throws ShapeError when the operands do not fit
 */
export function linearAttentionTree(call: LinearAttentionTreeCall): Tensor {
  return apply1(linearAttentionTreeOp, [...inputsOf(call), call.ancestors], variantOf(call));
}

/** What {@link commitPath} is given: keys, values and gates of the nodes of a tree, and the state before it. */
export interface CommitPathCall extends Omit<LinearAttentionCall, 'q'> {
  /** Nodes from the root on, `[B, depth]`, i32. */
  readonly path: Tensor;
  /** How many of them count, `[B]`, i32. */
  readonly count: Tensor;
}

/** The state `[B, H, K, V]` after the accepted path through a tree: its entries once more, from the state before it. */
export function commitPath({ k, v, S, g, beta, path, count }: CommitPathCall): Tensor {
  const depth = path.shape[1]!;
  // Numbers of no node read zeros, which neither decay nor write.
  const nodes = where(less(iota([1, depth], 1), expandDims(count, 1)), path, -1);
  const along = (x: Tensor): Tensor => gather(x, nodes, { batchDims: 1 });
  const keys = along(k);
  return linearAttentionRecurrent({
    q: keys,
    k: keys,
    v: along(v),
    S,
    g: g && along(g),
    beta: beta && along(beta),
  }).S;
}
