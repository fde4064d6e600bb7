import type { DeviceSampler, DeviceSampling } from '@tessera/sampling';
import { chooseTokens } from '@tessera/sampling';
import {
  add,
  and,
  concat,
  equal,
  expandDims,
  gather,
  iota,
  less,
  maximum,
  min,
  minimum,
  reshape,
  slice,
  sub,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { linksOfCommit } from './draft-links.ts';
import type { LanguageModelGraph, ModelParams, ModelState } from './language-model.ts';
import { numberOf, standing } from './round-rows.ts';

/** A chain that is verified. */
export interface ChainCall {
  readonly graph: LanguageModelGraph;
  readonly params: ModelParams;
  /** Where rows stand, `[B, 3]`, i32, see {@link standing}. */
  readonly rows: Tensor;
  /** What is proposed after the last token of each row; absent: nothing, and the round is a step. */
  readonly proposed?: {
    /** `[B, γ]`, i32 */
    readonly tokens: Tensor;
    /** How many of them count, `[B]`, i32. */
    readonly depths: Tensor;
  };
  /** Tokens that end a row, `[B, E]`, i32; −1: none. */
  readonly ends: Tensor;
  readonly sampler: Pick<DeviceSampler, 'marks' | 'settings'>;
  readonly sampling: DeviceSampling;
  /** Places for what the round tells of its entries, see `toldOfRound`; as many as there are entries at least. */
  readonly places: number;
  /** True: what the output matrix read before it chose the last token of each row is given, too. @defaultValue false */
  readonly hidden?: boolean | undefined;
  readonly state: ModelState;
}

/**
 * Records a whole round over chains: the pass over the last token of each row and what is proposed after it, the choice after each, how
 * many proposed tokens are what was chosen, up to where a text ends, and the commit of those.
 * @returns what the round tells `[B, 3 N + 3]`, where rows stand now, and what goes on
 */
export function verifyChain(call: ChainCall): {
  readonly result: Tensor;
  readonly rows: Tensor;
  /** `[B, D]` */
  readonly hidden: Tensor | undefined;
  readonly marks: Tensor | undefined;
  readonly state: ModelState;
} {
  const { graph, params, rows, proposed, ends, sampler, sampling, places, state } = call;
  const B = rows.shape[0]!;
  const last = slice(rows, 1, standing.last, standing.last + 1);
  const [step, left] = [numberOf(rows, standing.step), numberOf(rows, standing.left)];
  const tokens = proposed ? concat([last, proposed.tokens], 1) : last;
  const n = tokens.shape[1]!;
  // Of what is chosen, the last token comes without having been proposed.
  const lengths = minimum(left, proposed ? add(proposed.depths, 1) : 1);
  const made = graph.step(
    params,
    { tokens, starts: zeros([B], 'i32'), lengths, draft: proposed !== undefined },
    state,
    'all',
  );
  const choice = concat([last, zeros([B, 1], 'i32'), expandDims(step, 1)], 1);
  const chosen = chooseTokens(made.logits, tokens, { ...sampler, choice }, sampling);
  const none = zeros([B, 1], 'i32');
  const after = proposed ? concat([proposed.tokens, none], 1) : none;
  const accepted = proposed ? acceptedOf(chosen.ids, after, lengths) : zeros([B], 'i32');
  const end = firstEnd(chosen.ids, ends);
  const rests = less(left, 1);
  const stays = minimum(accepted, end);
  const given = where(rests, 0, add(stays, 1));
  const told = [maximum(sub(lengths, 1), 0), accepted, given].map((each) => expandDims(each, 1));
  const padding = places > n ? [zeros([B, places - n], 'i32')] : [];
  const stands = [
    where(expandDims(rests, 1), last, gather(chosen.ids, expandDims(stays, 1), { batchDims: 1 })),
    expandDims(add(step, given), 1),
    expandDims(where(less(end, add(accepted, 1)), 0, sub(left, given)), 1),
  ];
  return {
    result: concat([...[chosen.ids, chosen.statuses, after].flatMap((each) => [each, ...padding]), ...told], 1),
    rows: concat(stands, 1),
    hidden: call.hidden ? atPlace(made.hidden, stays) : undefined,
    // A row that rests has counted nothing.
    marks: chosen.marksAfter && where(expandDims(rests, 1), sampler.marks!, chosen.marksAfter(stays)),
    // Without a draft there is nothing to take back.
    state: proposed
      ? graph.commit(params, {
          snapshot: state,
          state: made.state,
          links: linksOfCommit(graph.resolved.layers, made.links),
          positions: made.positions,
          path: iota([B, n], 1),
          count: given,
          inOrder: true,
        })
      : made.state,
  };
}

/** Of `[B, n, D]` what stands at a place of each row, `[B, D]`. */
function atPlace(entries: Tensor, place: Tensor): Tensor {
  const [B, , D] = entries.shape as [number, number, number];
  return reshape(gather(entries, expandDims(place, 1), { batchDims: 1 }), [B, D]);
}

/** How many proposed tokens are what was chosen after the entry before them, each one before them being so, too: `[B]`. */
function acceptedOf(chosen: Tensor, after: Tensor, lengths: Tensor): Tensor {
  const [B, n] = chosen.shape as [number, number];
  const place = iota([B, n], 1);
  // The last entry that counts has nothing behind it that could be right.
  const tested = less(place, expandDims(sub(lengths, 1), 1));
  const right = and(tested, equal(chosen, after));
  return min(where(right, n, place), { axis: 1 });
}

/** Tokens that end a text, as many as are compared one by one. */
const fewEnds = 4;

/** Place of the first chosen token that ends its row, `[B]`; n: none does. */
function firstEnd(chosen: Tensor, ends: Tensor): Tensor {
  const [B, n] = chosen.shape as [number, number];
  const E = ends.shape[1]!;
  // Of one token it is told along with everything else.
  if (n === 1 && E <= fewEnds)
    return Array.from({ length: E }, (_, e) => slice(ends, 1, e, e + 1)).reduce(
      (place, end) => where(equal(reshape(chosen, [B]), reshape(end, [B])), 0, place),
      add(zeros([B], 'i32'), 1),
    );
  const is = equal(expandDims(chosen, 2), expandDims(ends, 1)); // [B, n, E]
  return min(reshape(where(is, iota([B, n, E], 1), n), [B, n * E]), { axis: 1 });
}
