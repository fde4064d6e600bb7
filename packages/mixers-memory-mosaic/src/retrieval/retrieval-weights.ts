import { maskedSoftmax } from '@tessera/ops';
import type { Call } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import {
  and,
  expandDims,
  greater,
  greaterEqual,
  lessEqual,
  matmul,
  pad,
  permute,
  slice,
  sub,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { contextualMemory, wholePairs } from '../contextual/contextual-memory.ts';
import type { ContextualMemoryConfig, ContextualMemoryParams } from '../contextual/contextual-config.ts';

/**
 * What each head of a contextual memory retrieves over whole sequences: element (t, s) is the weight with which entry t reads the
 * pair (k_s, v_s). Rows sum to 1, or to 0 where nothing can be read yet. Entries are counted from the first that counts.
 * @returns `[B, H, T, T]`, f32
 *
 * {@includeCode ../../examples/induction.ts#weights}
 */
export function retrievalWeights(
  call: Omit<Call<ContextualMemoryConfig, ContextualMemoryParams>, 'config'> & {
    readonly config: ContextualMemoryConfig;
  },
): Tensor {
  const config = validate(contextualMemory.config, call.config, contextualMemory.name);
  const T = call.x.shape[1]!;
  const { made, sight } = wholePairs({ ...call, config });
  const byHead = (y: Tensor): Tensor => permute(y, [0, 2, 1, 3]); // [B, H, T, d]
  const scores = matmul(byHead(made.keys), permute(made.pairKeys, [0, 2, 3, 1]));
  const [qp, kp] = [expandDims(sight.queryPositions, 2), expandDims(sight.keyPositions, 1)];
  let seen = and(greaterEqual(kp, 0), lessEqual(kp, qp)); // [B, T, T], columns by the entry that completes a pair
  const window = config.window as number | undefined;
  if (window !== undefined) seen = and(seen, greater(kp, sub(qp, window)));
  if (sight.mask) seen = and(seen, sight.mask);
  const weights = maskedSoftmax(scores, expandDims(seen, 1));
  const s = Math.min(config.lookAhead, T);
  return pad(slice(weights, 3, s), 3, 0, s); // columns by the entry of the key
}
