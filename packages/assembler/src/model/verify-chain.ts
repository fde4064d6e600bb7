import type { DeviceSampler, DeviceSampling } from '@tessera/sampling';
import { chooseTokens } from '@tessera/sampling';
import {
  add,
  concat,
  cumsum,
  equal,
  expandDims,
  fromHost,
  iota,
  less,
  reshape,
  slice,
  sub,
  sum,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { linksOfCommit } from './draft-links.ts';
import type { LanguageModelGraph, ModelParams, ModelState } from './language-model.ts';

/** A chain that is verified. */
export interface ChainCall {
  readonly graph: LanguageModelGraph;
  readonly params: ModelParams;
  /** The last token of each text and what is proposed after it, `[B, n]`, i32. */
  readonly tokens: Tensor;
  /** How many of them count, `[B]`, i32; 0: the row rests. */
  readonly lengths: Tensor;
  readonly sampler: DeviceSampler;
  readonly sampling: DeviceSampling;
  readonly state: ModelState;
}

/**
 * Records a whole round over chains: the pass over them, the choice after each token, how many proposed tokens are what was
 * chosen, and the commit of those.
 * @returns what was chosen after each token, its status and the number of proposed tokens that stay, `[B, 2 n + 1]`, i32; and what
 *   goes on
 */
export function verifyChain({ graph, params, tokens, lengths, sampler, sampling, state }: ChainCall): {
  readonly result: Tensor;
  readonly marks: Tensor | undefined;
  readonly state: ModelState;
} {
  const [B, n] = tokens.shape as [number, number];
  const made = graph.step(params, { tokens, starts: zeros([B], 'i32'), lengths }, state, 'all');
  const chosen = chooseTokens(made.logits, tokens, sampler, sampling);
  // Entry i is right when it was chosen after the one before it.
  const none = zeros([B, 1], 'i32');
  const proposed = n === 1 ? none : concat([slice(tokens, 1, 1, n), none], 1);
  const tested = less(iota([B, n], 1), expandDims(sub(lengths, 1), 1));
  const wrong = where(tested, where(equal(chosen.ids, proposed), 0, one([B, n])), one([B, n]));
  const stays = where(equal(cumsum(wrong, 1), 0), 1, zeros([B, n], 'i32'));
  const accepted = sum(stays, { axis: 1 }); // [B]
  const count = where(less(lengths, 1), 0, add(accepted, 1));
  const next = graph.commit(params, {
    snapshot: state,
    state: made.state,
    links: linksOfCommit(graph.resolved.layers, made.links),
    positions: made.positions,
    path: iota([B, n], 1),
    count,
  });
  return {
    result: concat([chosen.ids, chosen.statuses, expandDims(accepted, 1)], 1),
    // A row that rests has counted nothing.
    marks: chosen.marksAfter && where(less(expandDims(lengths, 1), 1), sampler.marks!, chosen.marksAfter(accepted)),
    state: next,
  };
}

function one(shape: readonly number[]): Tensor {
  return add(
    zeros(shape, 'i32'),
    reshape(
      fromHost(Int32Array.of(1), [1]),
      shape.map(() => 1),
    ),
  );
}
