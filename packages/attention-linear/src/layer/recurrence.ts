import type { LinearAttentionCall, LinearAttentionResult } from '@tessera/ops';
import {
  ancestors,
  linearAttentionChunked,
  linearAttentionRecurrent,
  linearAttentionStates,
  linearAttentionTree,
} from '@tessera/ops';
import type { Entries } from '@tessera/plugin';
import { perEntry, zeroInvalid } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { at, where, zeros } from '@tessera/tensor-core';
import type { PartAfter } from './evolving.ts';

/** Up to here one entry after another is less work than products of matrices over a chunk. */
const longestStepByRecurrence = 16;

/** Bytes that the states after all entries of a draft may take in a layer; reading entries again takes time instead. */
const mostBytesOfStates = 8 * 2 ** 20;

/** A log decay that empties the state: −∞ is notation, and −10 000 is 0 also in doubles. */
const forgetsAll = -1e5;

/** The form of the recurrence that is least work for so many entries in a row. */
export function formOf(entries: number): (call: LinearAttentionCall) => LinearAttentionResult {
  return entries <= longestStepByRecurrence ? linearAttentionRecurrent : (call) => linearAttentionChunked(call);
}

/**
 * The recurrence of linear attention over the entries of a call, aligned. What does not count neither decays nor writes, what a
 * document begins with forgets what was before. Of a tree each node goes on along its own path, and the state stays as it is: what
 * follows is a commit. Of a draft every state is kept, where that is little.
 */
export function recurrence(call: LinearAttentionCall, entries: Entries): { readonly o: Tensor; readonly S: PartAfter } {
  const { S } = call;
  const operands = { ...call, ...guarded(call, entries) };
  const { parents } = entries;
  if (parents) return { o: linearAttentionTree({ ...operands, ancestors: ancestors(parents) }), S };
  const n = call.q.shape[1]!;
  if (entries.draft && n <= longestStepByRecurrence && 4 * n * S.size <= mostBytesOfStates) {
    const { o, states } = linearAttentionStates(operands);
    return { o, S: { last: at(states, 1, n - 1), each: states } };
  }
  return formOf(n)(operands);
}

/** Keys, decay and strength so that padding leaves the state alone, and documents begin with an empty one. */
function guarded(
  { k, v, g, beta }: LinearAttentionCall,
  { valid, documents }: Entries,
): Pick<LinearAttentionCall, 'k' | 'g' | 'beta'> {
  return {
    // A strength of 0 writes nothing; without one a key of 0 does.
    k: beta ? k : zeroInvalid(k, valid),
    beta: beta && zeroInvalid(beta, valid),
    g: resetAt(g && zeroInvalid(g, valid), documents?.begins, v.shape.slice(0, 3)),
  };
}

/** The log decay `g`, or none, with a decay of everything where documents begin. `heads`: `[B, n, H]`. */
export function resetAt(
  g: Tensor | undefined,
  begins: Tensor | undefined,
  heads: readonly number[],
): Tensor | undefined {
  if (!begins) return g;
  const decay = g ?? zeros(heads);
  return where(perEntry(begins, decay), forgetsAll, decay);
}
