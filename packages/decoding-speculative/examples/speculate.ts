import type { GenerateResult } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { gatedDeltaNet, linearAttention } from '@tessera/attention-linear';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { draftModel, promptLookup, speculative } from '@tessera/decoding-speculative';

/** Generates a text three times: plainly, with a draft model, and with look-ups in the text itself. */
export async function speculate(): Promise<readonly GenerateResult[]> {
  // #region speculate
  const assembler = createAssembler({ plugins: [softmax, linearAttention] });
  const sizes = { vocabSize: 32, maxPositions: 256 };
  const recurrent = gatedDeltaNet({ keyHeads: 2, valueHeads: 2, keyDim: 8, valueDim: 8 });
  await using model = await assembler.assemble(
    { ...sizes, dModel: 32, layers: [{ mixer: recurrent }, { mixer: softmaxAttention({ heads: 4, rotary: {} }) }] },
    { device: 'cpu' },
  );
  await using smaller = await assembler.assemble(
    { ...sizes, dModel: 16, layers: [{ mixer: softmaxAttention({ heads: 2, rotary: {} }) }] },
    { device: 'cpu' },
  );
  const options = { maxNewTokens: 100 };
  const plain = await model.generate([1, 2, 3], options);
  const drafted = await model.generate([1, 2, 3], {
    ...options,
    decoder: speculative({ draft: draftModel(smaller) }),
  });
  const lookedUp = await model.generate([1, 2, 3], {
    ...options,
    decoder: speculative({ draft: promptLookup() }),
  });
  // The same text; `speculation` says in how many rounds it came, and how many proposed tokens stayed.
  console.log(plain.text === drafted.text, drafted.speculation, lookedUp.speculation);
  // #endregion speculate
  return [plain, drafted, lookedUp];
}
