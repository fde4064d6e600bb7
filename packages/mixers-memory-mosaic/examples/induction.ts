import { contextualMemory, retrievalWeights, retrievalsOf, strongestPairs } from '@tessera/mixers-memory-mosaic';
import type { ModelWithMemories } from '@tessera/mixers-memory-mosaic';
import { validate } from '@tessera/plugin';
import { fromHost, iota, read, tensor, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** A row of ones at its token. */
function oneHot(tokens: readonly number[], V: number): Tensor {
  const rows = Float32Array.from(tokens.flatMap((token) => Array.from({ length: V }, (_, i) => Number(i === token))));
  return fromHost(rows, [1, tokens.length, V]);
}

/** Induction by one layer that was never trained: what followed a token before is what it gives for it now. */
export async function induction(tokens: readonly number[]): Promise<{ next: number; readFrom: number }> {
  const V = 8;
  // #region induction
  const { mixer, config } = contextualMemory({ heads: 1, leak: 40 }); // keys of their own token alone
  const identity = fromHost(
    Float32Array.from({ length: V * V }, (_, i) => Number(i % (V + 1) === 0)),
    [V, V],
  );
  const params = {
    k_proj: identity,
    v_proj: identity,
    o_proj: identity,
    key_scale: tensor([0.5]), // κ = 5: sharp
    value_scale: tensor([0]),
    peek: tensor([0]), // values are the next token alone
  };
  const T = tokens.length;
  const call = {
    params,
    config: validate(contextualMemory.config, config, 'config'),
    x: oneHot(tokens, V),
    positions: iota([1, T], 1),
    starts: zeros([1], 'i32'),
    lengths: tensor([T], { dtype: 'i32' }),
  };
  const y = await read(mixer.forward(call).y); // [1, T, V]: after 3 1 4 2 3, the last row is that of 1
  // #endregion induction
  // #region weights
  const weights = await read(retrievalWeights(call)); // [1, H, T, T]: the last row reads the pair at position 0
  // #endregion weights
  const largest = (row: ArrayLike<number>): number => Array.from(row).indexOf(Math.max(...Array.from(row)));
  return { next: largest(y.slice((T - 1) * V)), readFrom: largest(weights.slice((T - 1) * T)) };
}

/** What the heads of a model read most at the end of a text. */
export async function readMost(model: ModelWithMemories, tokens: readonly number[]): Promise<string[]> {
  // #region model
  const retrievals = await retrievalsOf(model, tokens);
  const lines = retrievals.flatMap((retrieval) =>
    Array.from({ length: retrieval.heads }, (_, head) => {
      const [most] = strongestPairs(retrieval, { head, position: tokens.length - 1, count: 1 });
      return `layer ${retrieval.layer}, head ${head}: position ${most?.position} by ${most?.weight.toFixed(2)}`;
    }),
  );
  // #endregion model
  return lines;
}
