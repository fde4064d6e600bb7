import type { DeviceSampler, DeviceSampling } from '@tessera/sampling';
import { chooseToken } from '@tessera/sampling';
import {
  add,
  concat,
  equal,
  expandDims,
  gather,
  greater,
  iota,
  less,
  minimum,
  reshape,
  slice,
  sub,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { joinEntries, joinLinks, linksOfCommit } from './draft-links.ts';
import type { LanguageModelGraph, ModelParams, ModelState } from './language-model.ts';
import { numberOf, placesOfTold, standing, toldOfRound } from './round-rows.ts';

/** A chain that a model proposes. */
export interface DraftChainCall {
  /** Of the model that proposes. */
  readonly graph: LanguageModelGraph;
  readonly params: ModelParams;
  /** Tokens that are proposed at most, from 1. */
  readonly depth: number;
  /** Ids of the target, of which there may be fewer. */
  readonly vocabSize: number;
  /** What the round before told, `[B, 3 N + 3]`, i32, see `toldOfRound`: the model reads what it gave. */
  readonly before: Tensor;
  /** Where rows stand, `[B, 3]`, i32. */
  readonly rows: Tensor;
  /** How many tokens to propose to each row, `[B]`, i32; −1: the model does not even read. */
  readonly depths: Tensor;
  /** Tokens that stand in for those the model chooses, by their number in the text, `[B, N]`, i32; −1: none. */
  readonly instead?: Tensor | undefined;
  readonly sampler: Pick<DeviceSampler, 'marks' | 'settings'>;
  readonly sampling: DeviceSampling;
  /** Has read each text but for what the round before gave. */
  readonly state: ModelState;
}

/**
 * Records how a model proposes a chain: it reads what the last round gave in one pass, then its own tokens one after another, each chosen
 * by the number that the target will take there. Its own tokens leave no trace: those of them that stay come with the next round.
 * @returns what is proposed `[B, depth]`, i32, how many of them count `[B]`, and the state after all that is certain
 */
export function draftChain(call: DraftChainCall): {
  readonly tokens: Tensor;
  readonly depths: Tensor;
  readonly state: ModelState;
} {
  const { graph, params, depth, before, rows, sampling } = call;
  const B = rows.shape[0]!;
  const n = placesOfTold(before.shape[1]!);
  const left = numberOf(rows, standing.left);
  const reads = greater(call.depths, -1);
  // The last token of a text is never a proposed one.
  const depths = minimum(where(reads, call.depths, 0), sub(left, 1));
  const given = where(reads, numberOf(before, 3 * n + toldOfRound.kept), 0);
  const certain = graph.step(
    params,
    { tokens: slice(before, 1, 0, n), starts: zeros([B], 'i32'), lengths: given },
    call.state,
    'last',
  );
  const choice = concat([slice(rows, 1, 0, 1), zeros([B, 1], 'i32'), slice(rows, 1, standing.step, 2)], 1);
  let sampler: DeviceSampler = { ...call.sampler, choice };
  let { logits } = certain;
  let { state } = certain;
  const tokens: Tensor[] = [];
  const steps: ReturnType<LanguageModelGraph['step']>[] = [];
  for (let place = 0; ; place++) {
    const chosen = chooseToken(reshape(sharedLogits(logits, call.vocabSize), [B, call.vocabSize]), sampler, sampling);
    const token = replaced(slice(chosen.choice, 1, 0, 1), call.instead, add(numberOf(rows, standing.step), place));
    tokens.push(token);
    if (place + 1 === depth) break;
    sampler = { ...chosen, choice: concat([token, slice(chosen.choice, 1, 1, 3)], 1) };
    const lengths = where(less(place + 1, depths), 1, zeros([B], 'i32'));
    const made = graph.step(params, { tokens: token, starts: zeros([B], 'i32'), lengths }, state, 'last');
    steps.push(made);
    ({ logits, state } = made);
  }
  return { tokens: concat(tokens, 1), depths, state: takenBack(call, certain.state, steps) };
}

/** Rows of padding are nothing that the target could be asked about. */
function sharedLogits(logits: Tensor, vocabSize: number): Tensor {
  return logits.shape[2] === vocabSize ? logits : slice(logits, 2, 0, vocabSize);
}

/** The token `[B, 1]`, or what stands in for it at its place in the text. */
function replaced(token: Tensor, instead: Tensor | undefined, place: Tensor): Tensor {
  if (!instead) return token;
  const other = gather(instead, expandDims(place, 1), { batchDims: 1 });
  const known = less(expandDims(place, 1), instead.shape[1]!);
  return where(known, where(equal(other, -1), token, other), token);
}

/**
 * The state before steps of which nothing stays: a cache that grew in place forgets their entries, what is made anew in each step
 * is still there as it was.
 */
function takenBack(
  { graph, params }: DraftChainCall,
  snapshot: ModelState,
  steps: readonly ReturnType<LanguageModelGraph['step']>[],
): ModelState {
  if (steps.length === 0) return snapshot;
  const { layers } = graph.resolved;
  const [B] = snapshot.position.shape as [number];
  const order = iota([B, steps.length], 1);
  const none = zeros([B], 'i32');
  const { stack } = graph.commit(params, {
    snapshot,
    state: steps.at(-1)!.state,
    links: joinLinks(
      layers,
      steps.map(({ links }) => linksOfCommit(layers, links)),
      order,
    ),
    positions: joinEntries(
      steps.map(({ positions }) => positions),
      order,
    ),
    path: order,
    count: none,
    inOrder: true,
    nothing: true,
  });
  return { position: snapshot.position, stack };
}
