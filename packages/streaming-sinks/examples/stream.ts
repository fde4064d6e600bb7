import type { Model } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { sinkCache } from '@tessera/streaming-sinks';

/** A model that reads texts of any length at the memory of 64 tokens. */
export async function streaming(): Promise<Model> {
  // #region stream
  const model = await createAssembler({ plugins: [softmax] }).assemble(
    { vocabSize: 32, dModel: 16, maxPositions: 64, layers: [{ mixer: softmaxAttention({ heads: 2, rotary: {} }) }] },
    { cachePolicy: sinkCache({ sinks: 4, window: 60 }), device: 'cpu' },
  );
  // `load(directory, { cachePolicy })` takes the policy just so.
  const { newTokenIds } = await model.generate([1, 2, 3], { maxNewTokens: 1000 }); // far past 64
  // #endregion stream
  if (newTokenIds.length !== 1000) throw new Error(`${newTokenIds.length} tokens`);
  return model;
}
